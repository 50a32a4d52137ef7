package operate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/status"
)

func (sh shell) statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "say how the running gateway is: exit 0 if publishes can pass, 1 if not, 69 if none runs",
		Flags: running(10 * time.Second), Action: sh.status,
	}
}

func timeout(c *cli.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Context, c.Duration("timeout"))
}

func (sh shell) status(c *cli.Context) error {
	client, err := sh.gateway(c)
	if err != nil {
		return err
	}
	ctx, cancel := timeout(c)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return flags.Unreached(err)
	}
	if err := sh.showStatus(&s); err != nil {
		return err
	}
	if !s.Ready {
		return errUnhealthy
	}
	return nil
}

// told is a status for a script.
type told struct {
	status.Status
	Facts []status.Fact `json:"facts"`
}

func (sh shell) showStatus(s *status.Status) error {
	if sh.JSON {
		return sh.Print(told{*s, s.Facts()})
	}
	var running int
	for _, n := range s.Traffic.Calls {
		running += n
	}
	rows := [][]string{
		{"version", term.Plain(s.Version)},
		{"node", term.Plain(s.Node)},
		{"since", term.Stamp(s.Since) + ", " + term.Span(s.Now.Sub(s.Since))},
		{"listens", strings.Join(s.Listen, ", ")},
		{"publishes", fmt.Sprintf("%d under way, %s, %s", s.Traffic.Publishes, term.Count(running, "call"),
			term.Count(s.Traffic.Connections, "connection"))},
	}
	if s.Stopping {
		rows = append(rows, []string{"stopping", "it lets publishes in progress end"})
	}
	if err := sh.Table(rows); err != nil {
		return err
	}
	paint := sh.Paint(sh.Out)
	marks := map[status.Mark]string{status.OK: paint.Good("ok  "), status.Warn: paint.Warn("warn"), status.Bad: paint.Bad("BAD ")}
	for _, f := range s.Facts() {
		if err := sh.Printf("%s  %-11s  %s\n", marks[f.Mark], f.ID, term.Plain(f.Words)); err != nil {
			return err
		}
	}
	return nil
}
