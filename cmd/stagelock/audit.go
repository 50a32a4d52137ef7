package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
	"github.com/stagelock/stagelock/tunnel"
)

// followEvery is how often a log that is followed is looked at.
const followEvery = 500 * time.Millisecond

func auditFlags(more ...cli.Flag) []cli.Flag {
	return append(append(configFlags(), &cli.StringFlag{Name: "data",
		Usage: "the gateway's data folder; else the one of the configuration"}), more...)
}

func (sh *shell) auditCommand() *cli.Command {
	return &cli.Command{
		Name: "audit", Usage: "read and verify the audit log",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "show what the gateway let through, what not, and why",
				Action: sh.auditList,
				Flags: auditFlags(
					&cli.StringSliceFlag{Name: "kind",
						Usage: "only events of this kind: verdict, outcome, event, config, " +
							"start, stop, drain, checkpoint, alarm, damaged"},
					&cli.StringFlag{Name: "verdict", Usage: "only allow, deny or answer"},
					&cli.StringFlag{Name: "peer", Usage: "only of this peer"},
					&cli.StringFlag{Name: "login", Usage: "only of this login"},
					&cli.StringFlag{Name: "reason", Usage: "only with this reason, such as secret.wrong"},
					&cli.StringFlag{Name: "ref", Usage: "only of the call with this reference"},
					&cli.Int64Flag{Name: "site", Usage: "only of this site"},
					&cli.StringFlag{Name: "since",
						Usage: "only from this time on: 2024-03-01, 2024-03-01T12:00:00Z, or 2h ago"},
					&cli.StringFlag{Name: "until", Usage: "only before this time"},
					&cli.BoolFlag{Name: "follow", Aliases: []string{"f"},
						Usage: "go on with what is written from now on"},
				),
			},
			{
				Name:   "verify",
				Usage:  "prove that nothing in the audit log was changed, removed or inserted",
				Action: sh.auditVerify,
				Flags: auditFlags(
					&cli.StringSliceFlag{Name: "key",
						Usage: "file with a public key that may have signed; else the one in " +
							"the data folder"},
					&cli.StringFlag{Name: "checkpoint",
						Usage: "file with the newest checkpoint, or a copy that was kept " +
							"elsewhere; else the one in the data folder"},
				),
			},
		},
	}
}

// data returns the gateway's data folder.
func (sh *shell) data(c *cli.Context) (string, error) {
	if d := c.String("data"); d != "" {
		return d, nil
	}
	load, err := sh.loader(c)
	if err != nil {
		return "", err
	}
	cfg, problems := load()
	if cfg == nil {
		return "", sh.badConfig(problems)
	}
	return string(cfg.Data), nil
}

// openLog opens the audit log in the data folder for reading.
func openLog(data string) (*files.Events, error) {
	dir := filepath.Join(data, "audit")
	if _, err := os.Stat(dir); err != nil {
		return nil, &dataError{msg: "there is no audit log: " + err.Error(),
			cure: "name the gateway's data folder with --data, or its file with --config"}
	}
	return files.Open(files.Config{Dir: dir, ReadOnly: true})
}

func (sh *shell) auditList(c *cli.Context) error {
	if _, err := operands(c); err != nil {
		return err
	}
	filter, err := sh.filter(c)
	if err != nil {
		return err
	}
	data, err := sh.data(c)
	if err != nil {
		return err
	}
	out := &eventList{sh: sh, paint: sh.paint(sh.out)}
	for {
		if err := out.show(c.Context, data, filter); err != nil {
			return ended(c.Context, err)
		}
		if !c.Bool("follow") {
			return nil
		}
		filter.From = out.next
		select {
		case <-time.After(followEvery):
		case <-c.Context.Done():
			return nil
		}
	}
}

// ended is nil for an error that only means that the user has seen enough.
func ended(ctx context.Context, err error) error {
	if stopped(ctx, err) || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}

func (sh *shell) filter(c *cli.Context) (audit.Filter, error) {
	f := audit.Filter{
		Verdict: audit.Verdict(c.String("verdict")), Peer: c.String("peer"), Login: c.String("login"),
		Reason: tunnel.Reason(c.String("reason")), Ref: c.String("ref"), Site: c.Int64("site"),
	}
	for _, k := range c.StringSlice("kind") {
		if !slices.Contains(kinds, audit.Kind(k)) {
			return f,
				usagef("--kind %s is not one of verdict, outcome, event, config, start, stop, "+
					"drain, checkpoint, alarm, damaged", k)
		}
		f.Kinds = append(f.Kinds, audit.Kind(k))
	}
	if f.Verdict != "" && f.Verdict != audit.Allow && f.Verdict != audit.Deny && f.Verdict != audit.Answer {
		return f, usagef("--verdict %s is not one of allow, deny, answer", f.Verdict)
	}
	var err error
	if f.Since, err = moment(c.String("since"), sh.now()); err != nil {
		return f, usagef("--since: %v", err)
	}
	if f.Until, err = moment(c.String("until"), sh.now()); err != nil {
		return f, usagef("--until: %v", err)
	}
	return f, nil
}

var kinds = []audit.Kind{
	audit.KindVerdict, audit.KindOutcome, audit.KindEvent, audit.KindConfig, audit.KindStart,
	audit.KindStop, audit.KindDrain,
	audit.KindCheckpoint, audit.KindAlarm, audit.KindDamaged,
}

// moment reads a time, or a duration that is over since then; nothing is the zero time.
func moment(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d.Abs()), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05",
		"2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{},
		fmt.Errorf("%q is neither a time such as 2024-03-01 or 2024-03-01T12:00:00Z nor a "+
			"duration such as 2h", s)
}

// eventList shows events, and remembers where it is.
type eventList struct {
	sh    *shell
	paint palette
	next  store.Seq
}

func (l *eventList) show(ctx context.Context, data string, f audit.Filter) error {
	events, err := openLog(data)
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }() // it was only read
	l.next = max(l.next, f.From, 1)
	var rows [][]string
	err = audit.List(ctx, events, f, func(ev audit.Event) error {
		l.next = max(l.next, ev.Seq+1)
		if l.sh.json {
			return l.sh.print(ev)
		}
		if rows = append(rows, eventRow(ev)); len(rows) == cap(rows) && len(rows) >= 1024 {
			full := rows
			rows = nil
			return l.sh.table(full)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.sh.table(rows)
}

// eventRow writes an event as a line of columns.
func eventRow(ev audit.Event) []string {
	what := string(ev.Verdict)
	if what == "" {
		what = ev.End
	}
	method := ev.Method
	if _, short, ok := strings.Cut(method, "#"); ok {
		method, _, _ = strings.Cut(short, "(")
	}
	addr := ""
	if ev.Addr.IsValid() {
		addr = ev.Addr.String()
	}
	about := ev.Part
	if ev.Site != 0 && about == "" {
		about = "site " + strconv.FormatInt(ev.Site, 10)
	}
	row := []string{
		ev.Time.UTC().Format("2006-01-02 15:04:05"), string(ev.Kind), what, string(ev.Reason),
		ev.Peer, addr, ev.Login, method, about,
		ev.Ref, ev.Detail,
	}
	for i, s := range row {
		if row[i] = plain(s); s == "" && i < len(row)-1 {
			row[i] = "-"
		}
	}
	return row
}

// verified is an audit log that was verified, for a script.
type verified struct {
	OK          bool   `json:"ok"`
	Records     int    `json:"records"`
	Checkpoints int    `json:"checkpoints"`
	FirstBad    uint64 `json:"first_bad,omitempty"`
	Message     string `json:"message"`
}

func (sh *shell) auditVerify(c *cli.Context) error {
	if _, err := operands(c); err != nil {
		return err
	}
	data, err := sh.data(c)
	if err != nil {
		return err
	}
	trust, err := trustOf(c, data)
	if err != nil {
		return err
	}
	events, err := openLog(data)
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }() // it was only read
	r, err := audit.Verify(c.Context, events, trust)
	if err != nil {
		return &dataError{msg: "the audit log cannot be verified: " + err.Error()}
	}
	if err := sh.showVerified(r); err != nil {
		return err
	}
	if !r.OK() {
		return &silentError{exitData}
	}
	return nil
}

func (sh *shell) showVerified(r audit.Report) error {
	if sh.json {
		return sh.print(verified{r.OK(), r.Records, r.Checkpoints, uint64(r.FirstBad), r.Msg})
	}
	paint := sh.paint(sh.out)
	head := paint.good("good")
	if !r.OK() {
		head = paint.bad(fmt.Sprintf("BAD from record %d on", r.FirstBad))
	}
	return sh.printf("%s: %s, %s: %s\n", head, count(r.Records, "record"), count(r.Checkpoints,
		"checkpoint"), plain(r.Msg))
}

// trustOf collects the keys and the newest checkpoint that a log is held against.
func trustOf(c *cli.Context, data string) (audit.Trust, error) {
	keys := c.StringSlice("key")
	if len(keys) == 0 {
		keys = []string{filepath.Join(data, "audit.key.pub")}
	}
	var trust audit.Trust
	for _, file := range keys {
		k, err := readKey(file)
		if err != nil {
			return trust, &dataError{msg: "public key of the audit log: " + err.Error(),
				cure: "name its file with --key"}
		}
		trust.Keys = append(trust.Keys, k)
	}
	newest := c.String("checkpoint")
	named := newest != ""
	if !named {
		newest = filepath.Join(data, "audit.checkpoint")
	}
	b, err := os.ReadFile(newest)
	if err != nil && (named || !errors.Is(err, os.ErrNotExist)) {
		return trust, fmt.Errorf("newest checkpoint: %w", err)
	}
	trust.Newest = b
	return trust, nil
}

func readKey(file string) (ed25519.PublicKey, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	k, err := audit.ParseKey(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return k, nil
}
