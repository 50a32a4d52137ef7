package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/merge"
	"github.com/stagelock/stagelock/store"
)

func (sh shell) auditList(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	filter, err := sh.filter(c)
	if err != nil {
		return err
	}
	logs, err := flags.OpenLogs(sh.Shell, c)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }() // it was only read
	out := &eventList{sh: sh.Shell, newest: c.Int("n"), next: map[string]store.Seq{}}
	for {
		if err := out.show(c.Context, logs, filter); err != nil {
			return ended(c.Context, err)
		}
		if !c.Bool("follow") {
			return out.end(logs)
		}
		out.newest = 0
		select {
		case <-time.After(followEvery):
		case <-c.Context.Done():
			return nil
		}
	}
}

// ended is nil for an error that only means that the user has seen enough.
func ended(ctx context.Context, err error) error {
	if term.Stopped(ctx, err) || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}

// eventList shows events, and remembers where it is.
type eventList struct {
	sh      *term.Shell
	newest  int                  // so many at most, if it is not 0
	next    map[string]store.Seq // record of each log
	damaged *audit.Event         // the first record that is not as it was written
	shared  bool                 // the logs are of several gateways
	headed  bool
	rows    [][]string
}

// batch is how many rows are aligned with each other.
const batch = 1024

func (l *eventList) show(ctx context.Context, logs *flags.Logs, f audit.Filter) error {
	named, err := logs.Named(ctx, f.Node)
	if err != nil {
		return err
	}
	l.shared = logs.Shared != nil
	var readers []merge.Reader
	for _, log := range named {
		own := f
		own.From = max(l.next[log.Name], f.From, 1)
		l.next[log.Name] = own.From
		readers = append(readers, log.Reader(own))
	}
	var last []audit.Event
	err = merge.Events(ctx, readers, func(ev audit.Event) error {
		name := ""
		if l.shared {
			name = ev.Node
		}
		l.next[name] = max(l.next[name], ev.Seq+1)
		if ev.Kind == audit.KindDamaged && l.damaged == nil {
			l.damaged = &ev
		}
		if l.newest == 0 {
			return l.one(ev)
		}
		if last = append(last, ev); len(last) >= 2*l.newest {
			last = slices.Delete(last, 0, len(last)-l.newest)
		}
		return nil
	})
	for _, ev := range last[max(0, len(last)-l.newest):] {
		err = errors.Join(err, l.one(ev))
	}
	return errors.Join(err, l.flush())
}

func (l *eventList) one(ev audit.Event) error {
	if l.sh.JSON {
		return l.sh.Print(ev)
	}
	row := eventRow(ev)
	if l.shared {
		row = slices.Insert(row, 1, cells(ev.Node, "")[0])
	}
	if l.rows = append(l.rows, row); len(l.rows) >= batch {
		return l.flush()
	}
	return nil
}

// flush prints the rows so far, below a head if it is the first time.
func (l *eventList) flush() error {
	rows := l.rows
	if l.rows = nil; len(rows) == 0 {
		return nil
	}
	if !l.headed {
		head := eventHead
		if l.shared {
			head = slices.Insert(slices.Clone(head), 1, "GATEWAY")
		}
		rows = append([][]string{head}, rows...)
		l.headed = true
	}
	return l.sh.Table(rows)
}

// end says whether a log was damaged where it was read.
func (l *eventList) end(logs *flags.Logs) error {
	if l.damaged == nil {
		return nil
	}
	what, how := "the log", fmt.Sprintf("--data %s ", logs.Data)
	if l.shared {
		what, how = "the log of "+term.Plain(l.damaged.Node), ""
	}
	fmt.Fprintf(l.sh.Err, "stagelock: %s is damaged at record %d\n"+
		"  what to do: stagelock audit verify %ssays what it is\n", what, l.damaged.Seq, how)
	return &term.SilentError{Code: term.ExitData}
}

var eventHead = []string{"TIME (UTC)", "EVENT", "WHAT", "REASON", "PEER", "ADDRESS", "LOGIN", "CALL", "ABOUT", "BYTES", "TOOK",
	"REFERENCE", "DETAIL"}

// eventRow writes an event as a line of columns.
func eventRow(ev audit.Event) []string {
	what := string(ev.Verdict)
	if what == "" {
		what = ev.End
	}
	addr := ""
	if ev.Addr.IsValid() {
		addr = ev.Addr.String()
	}
	return cells(stamp(ev.Time), string(ev.Kind), what, string(ev.Reason), ev.Peer, addr, ev.Login, ev.MethodName(),
		about(&ev), amount(max(ev.BytesIn, ev.Size)), took(ev.LatencyMicros), ev.Ref, ev.Detail)
}

// about is what of a publish an event is about.
func about(ev *audit.Event) string {
	switch {
	case ev.Part != "":
		return ev.Part
	case ev.Site != 0:
		return "site " + strconv.FormatInt(ev.Site, 10)
	case ev.Request != 0:
		return "request " + strconv.FormatInt(ev.Request, 10)
	}
	return ""
}

// cells makes columns safe to show; what is empty is a dash, but for the last one.
func cells(row ...string) []string {
	for i, s := range row {
		if row[i] = term.Plain(s); s == "" && i < len(row)-1 {
			row[i] = "-"
		}
	}
	return row
}

// stamp writes a time in UTC, as all times of the audit log are shown and read.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func amount(n int64) string {
	if n == 0 {
		return ""
	}
	return term.Size(n)
}

func took(micros int64) string {
	switch d := time.Duration(micros) * time.Microsecond; {
	case d == 0:
		return ""
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(micros)/1000)
	default:
		return term.Span(d)
	}
}
