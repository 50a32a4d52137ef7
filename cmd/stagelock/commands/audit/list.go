package audit

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/node"
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
	data, err := flags.Data(sh.Shell, c)
	if err != nil {
		return err
	}
	out := &eventList{sh: sh.Shell, paint: sh.Paint(sh.Out)}
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
	if term.Stopped(ctx, err) || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}

// eventList shows events, and remembers where it is.
type eventList struct {
	sh    *term.Shell
	paint term.Palette
	next  store.Seq
}

func (l *eventList) show(ctx context.Context, data node.DataDir, f audit.Filter) error {
	events, err := flags.OpenLog(data)
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }() // it was only read
	l.next = max(l.next, f.From, 1)
	var rows [][]string
	err = audit.List(ctx, events, f, func(ev audit.Event) error {
		l.next = max(l.next, ev.Seq+1)
		if l.sh.JSON {
			return l.sh.Print(ev)
		}
		if rows = append(rows, eventRow(ev)); len(rows) == cap(rows) && len(rows) >= 1024 {
			full := rows
			rows = nil
			return l.sh.Table(full)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.sh.Table(rows)
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
		if row[i] = term.Plain(s); s == "" && i < len(row)-1 {
			row[i] = "-"
		}
	}
	return row
}
