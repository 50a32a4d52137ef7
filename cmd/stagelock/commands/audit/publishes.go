package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/trail"
)

func (sh shell) publishesCommand() *cli.Command {
	return &cli.Command{
		Name: "publishes", Usage: "show each publish: who, from where, into which site, what, when, how it ended",
		Action: sh.auditPublishes,
		Flags: auditFlags(append(timeFlags(),
			&cli.StringFlag{Name: "peer", Usage: "only of this peer"},
			&cli.StringFlag{Name: "login", Usage: "only of this login"},
			&cli.Int64Flag{Name: "site", Usage: "only into this site"},
			&cli.StringFlag{Name: "end", Usage: "only those that are published, refused, failed, unknown or unfinished"},
		)...),
	}
}

var ends = []trail.PublishEnd{trail.Published, trail.Refused, trail.Failed, trail.Unknown, trail.Unfinished}

func (sh shell) auditPublishes(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	f, err := sh.filter(c)
	if err != nil {
		return err
	}
	end := trail.PublishEnd(c.String("end"))
	if end != "" && !slices.Contains(ends, end) {
		return flags.Misused(c, "--end %s is not one of published, refused, failed, unknown, unfinished", end)
	}
	logs, err := flags.OpenLogs(sh.Shell, c)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }() // it was only read
	events, err := logs.Events(c.Context)
	if err != nil {
		return err
	}
	all, err := trail.Publishes(c.Context, events...)
	if err != nil {
		return ended(c.Context, err)
	}
	var shown []trail.Publish
	for _, p := range all {
		if matches(&f, &p) && (end == "" || p.End == end) {
			shown = append(shown, p)
		}
	}
	if n := c.Int("n"); n > 0 {
		shown = shown[max(0, len(shown)-n):]
	}
	return sh.showPublishes(shown)
}

// matches reports whether a publish is one that the filter shows: it went on in that time.
func matches(f *audit.Filter, p *trail.Publish) bool {
	return (f.Since.IsZero() || !p.Last.Before(f.Since)) && (f.Until.IsZero() || p.Begun.Before(f.Until)) &&
		(f.Peer == "" || f.Peer == p.Peer) && (f.Login == "" || f.Login == p.Login) && (f.Site == 0 || f.Site == p.Site)
}

func (sh shell) showPublishes(all []trail.Publish) error {
	if sh.JSON {
		for _, p := range all {
			if err := sh.Print(p); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		return nil
	}
	rows := [][]string{{"BEGAN (UTC)", "TOOK", "PEER", "ADDRESS", "LOGIN", "SITE", "REQUEST", "ARCHIVE", "MD5", "PARTS", "BYTES",
		"END", "REFERENCE", "WHY"}}
	for i := range all {
		rows = append(rows, publishRow(&all[i]))
	}
	return sh.Table(rows)
}

func publishRow(p *trail.Publish) []string {
	addr := ""
	if p.Addr.IsValid() {
		addr = p.Addr.String()
	}
	site, what := number(p.Site), p.Archive
	if t := p.Task; t != nil {
		site, what = t.Site, strings.TrimSpace(t.Type+" "+t.Object+" "+t.Name)
	}
	return cells(stamp(p.Begun), took(p.Last.Sub(p.Begun).Microseconds()), p.Peer, addr, p.Login, site, number(p.Request),
		what, p.Checksum, number(int64(p.Parts)), amount(p.Bytes), string(p.End), p.Ref, why(p))
}

// why says in a few words why a publish ended as it did.
func why(p *trail.Publish) string {
	detail, _, _ := strings.Cut(p.Detail, " (")
	switch {
	case p.Reason == "":
		return detail
	case detail == "":
		return string(p.Reason)
	}
	return fmt.Sprintf("%s: %s", p.Reason, detail)
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// sentence says how a publish went.
func sentence(p *trail.Publish) string {
	if t := p.Task; t != nil {
		text := fmt.Sprintf("Task %s of %s %s from %s to %s by %s, begun %s, %s",
			t.Type, t.Object, t.Name, cmp.Or(t.From, "nobody known"),
			cmp.Or(t.To, "nobody"), cmp.Or(p.Login, "an unknown user"), stamp(p.Begun), p.End)
		if w := why(p); w != "" {
			text += ", " + w
		}
		return text
	}
	text := fmt.Sprintf("Publish %s into site %s by %s, begun %s, %s",
		cmp.Or(number(p.Request), "without a request"), cmp.Or(number(p.Site), "(not known)"),
		cmp.Or(p.Login, "an unknown login"), stamp(p.Begun), p.End)
	if w := why(p); w != "" {
		text += ", " + w
	}
	if p.Parts > 0 {
		text += fmt.Sprintf("; %s of %s, %s", term.Count(p.Parts, "part"), cmp.Or(p.Archive, "an archive"), term.Size(p.Bytes))
	}
	return text
}
