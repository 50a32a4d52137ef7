package sync

import (
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/exchange"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

func (sh shell) approvalsCommand() *cli.Command {
	return &cli.Command{
		Name: "approvals", Usage: "list changes that wait for approval here: exit 1 if there are any",
		Flags: flags.Running(&cli.StringFlag{Name: "state",
			Usage: "those that are in that `STATE`: asked, approved (and waiting for what they need), refused"}),
		Action: func(c *cli.Context) error {
			if _, err := flags.Operands(c); err != nil {
				return err
			}
			all, err := ask[[]exchange.Held](sh, c, "approvals", exchange.Order{State: c.String("state")})
			if err != nil {
				return err
			}
			return sh.showApprovals(all)
		},
	}
}

func (sh shell) showApprovals(all []exchange.Held) error {
	asked := 0
	for _, h := range all {
		if h.State == "asked" {
			asked++
		}
	}
	if sh.JSON {
		if err := sh.Print(all); err != nil {
			return err
		}
	} else if err := sh.tableApprovals(all, asked); err != nil {
		return err
	}
	if asked > 0 {
		return &term.SilentError{Code: exitFindings}
	}
	return nil
}

func (sh shell) tableApprovals(all []exchange.Held, asked int) error {
	if len(all) == 0 {
		return sh.Printf("Nothing waits.\n")
	}
	rows := [][]string{{"ID", "OP", "OBJECT", "TITLE", "MADE ON", "BY", "VIA", "SINCE", "STATE"}}
	for _, h := range all {
		rows = append(rows, plain(h.ID.String(), string(h.Op), string(h.Object), orDash(h.Title), h.Server, orDash(h.Author), h.Via,
			sh.clock(h.Since), stateOf(h)))
	}
	if err := sh.Table(rows); err != nil || asked == 0 {
		return err
	}
	return sh.Printf("Look with stagelock sync diff ID; then stagelock sync approve ID, or stagelock sync refuse --reason TEXT ID\n")
}

// stateOf says what was decided, by whom, and whether a newer version waits too.
func stateOf(h exchange.Held) string {
	text := h.State
	if h.Login != "" {
		text += " by " + h.Login
	}
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	if !h.Newer.IsZero() {
		text += ", older than " + h.Newer.String()
	}
	return text
}

// diffHeld prints what is shown of an object now, and what it would be.
func (sh shell) diffHeld(c *cli.Context, id words.ID) error {
	all, err := ask[[]exchange.Held](sh, c, "approvals", exchange.Order{ID: id.String()})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return &term.DataError{Msg: "the change " + id.String() + " does not wait for approval", Cure: "see stagelock sync approvals"}
	}
	h := all[0]
	held := text{Version: h.Version}
	now := text{Version: exchange.Version{Server: "now", Op: words.Delete, Shown: true, Payload: h.Current}}
	for _, t := range []*text{&now, &held} {
		if t.Payload == "" {
			continue
		}
		got, err := ask[exchange.Order](sh, c, "content", exchange.Order{Digest: t.Payload})
		if err != nil {
			return err
		}
		t.Op, t.Content = h.Op, got.Content
	}
	if now.Payload != "" {
		now.Op, now.Size = words.Put, int64(len(now.Content))
	}
	if sh.JSON {
		return sh.Print([]text{now, held})
	}
	for _, t := range []text{now, held} {
		if err := sh.showText(t); err != nil {
			return err
		}
	}
	return nil
}

func (sh shell) approveCommand() *cli.Command {
	return &cli.Command{
		Name: "approve", Usage: "have a change applied that waits for approval", ArgsUsage: "ID",
		Description: "What is approved is that one change: a newer version of the object needs an approval of its own.",
		Flags: flags.Running(
			&cli.StringFlag{Name: "author", Usage: "who decides, for the history"},
			overrule(),
			&cli.StringFlag{Name: "digest",
				Usage: "refuse unless the content has that `SHA-256`, as stagelock sync approvals --json prints it"},
			&cli.StringFlag{Name: "deletes",
				Usage: "in the place of a change: a `SERVER` that stopped as it deletes much may delete as much again"}),
		Action: sh.approve,
	}
}

func (sh shell) approve(c *cli.Context) error {
	o := exchange.Order{Author: c.String("author"), Digest: c.String("digest"), Overrule: c.Bool("overrule")}
	if server := c.String("deletes"); server != "" {
		if _, err := flags.Operands(c); err != nil {
			return err
		}
		o.Target, o.Deletes = server, true
		d, err := ask[exchange.Done](sh, c, "approve", o)
		if err != nil || sh.JSON {
			return sh.printed(d, err)
		}
		return sh.Printf("%s may delete %s in the hour to come. There: stagelock sync retry --target with the name of this server\n",
			term.Plain(server), strconv.Itoa(d.N))
	}
	args, err := flags.Operands(c, "the id of a change, as stagelock sync approvals prints it")
	if err != nil {
		return err
	}
	o.ID = args[0]
	d, err := ask[exchange.Done](sh, c, "approve", o)
	if err != nil || sh.JSON {
		return sh.printed(d, err)
	}
	switch d.State {
	case "applied":
		return sh.Printf("Approved and applied.\n")
	case "conflict":
		return sh.Printf("Approved; it is a conflict with what is shown here: see stagelock sync conflicts\n")
	}
	return sh.Printf("Approved; it is applied when it can be: %s\n", orDash(term.Plain(d.Text)))
}

func (sh shell) printed(v any, err error) error {
	if err != nil {
		return err
	}
	return sh.Print(v)
}

func overrule() cli.Flag {
	return &cli.BoolFlag{Name: "overrule", Usage: "also if somebody has decided otherwise, as long as the change is not applied"}
}

func (sh shell) refuseCommand() *cli.Command {
	return &cli.Command{
		Name: "refuse", Usage: "have a change given up that waits for approval; where it was made it is a dead letter", ArgsUsage: "ID",
		Flags: flags.Running(
			overrule(),
			&cli.StringFlag{Name: "reason", Usage: "why; its sender is told"},
			&cli.StringFlag{Name: "author", Usage: "who decides, for the history"}),
		Action: func(c *cli.Context) error {
			args, err := flags.Operands(c, "the id of a change, as stagelock sync approvals prints it")
			if err != nil {
				return err
			}
			if c.String("reason") == "" {
				return flags.Misused(c, "refuse needs --reason")
			}
			o := exchange.Order{ID: args[0], Author: c.String("author"), Reason: c.String("reason"), Overrule: c.Bool("overrule")}
			d, err := ask[exchange.Done](sh, c, "refuse", o)
			if err != nil || sh.JSON {
				return sh.printed(d, err)
			}
			return sh.Printf("Refused.\n")
		},
	}
}
