package sync

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/policy/topology"
)

func (sh shell) statusCommand() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "print every target with its backlog, and what is to be decided: exit 1 if somebody should look",
		ArgsUsage: "[TARGET]", Flags: flags.Running(), Action: sh.status, BashComplete: sh.completeTarget,
		Description: "With the name or the key of a target only that one is printed, and nothing of what is to be decided here:\n" +
			"it ends with 1 if that one is blocked, waits for an operator or has dead letters.",
	}
}

func (sh shell) status(c *cli.Context) error {
	if c.Args().Present() {
		args, err := flags.Operands(c, "the name or key of a target")
		if err != nil {
			return err
		}
		return sh.statusOf(c, args[0])
	}
	s, err := ask[exchange.Status](sh, c, "status", exchange.Order{})
	if err != nil {
		return err
	}
	if err := sh.showStatus(s); err != nil {
		return err
	}
	if slices.ContainsFunc(s.Targets, stopped) || s.Dead > 0 || s.Here > 0 || s.Approvals > 0 {
		return &term.SilentError{Code: exitFindings}
	}
	return nil
}

func (sh shell) showStatus(s exchange.Status) error {
	if sh.JSON {
		return sh.Print(s)
	}
	if err := sh.tableTargets(s.Targets); err != nil {
		return err
	}
	var all []string
	if s.Here > 0 {
		all = append(all, term.Count(s.Here, "conflict")+" to decide here (stagelock sync conflicts)")
	}
	if n := s.Conflicts - s.Here; n > 0 {
		all = append(all, term.Count(n, "conflict")+" to decide elsewhere")
	}
	if s.Approvals > 0 {
		all = append(all, term.Count(s.Approvals, "change")+" to approve here (stagelock sync approvals)")
	}
	if s.Dead > 0 {
		all = append(all, term.Count(s.Dead, "dead letter")+" (stagelock sync log --state dead)")
	}
	if c := s.Contents; c != nil {
		all = append(all, fmt.Sprintf("%s kept, %s", term.Count(c.N, "content"), term.Size(c.Bytes)))
	}
	if len(all) == 0 {
		return nil
	}
	return sh.Printf("%s\n", strings.Join(all, ", "))
}

func (sh shell) tableTargets(all []exchange.TargetStatus) error {
	rows := [][]string{{"TARGET", "STATE", "BACKLOG", "OLDEST", "LAST", "NEXT"}}
	for _, t := range all {
		rows = append(rows, plain(t.Name, t.State, strconv.Itoa(t.Backlog), sh.age(t.Oldest), sh.clock(t.Last), sh.next(t)))
	}
	return sh.Table(rows)
}

// next says when a target is tried next, and why it was not reached.
func (sh shell) next(t exchange.TargetStatus) string {
	switch {
	case t.State == "operator":
		return fmt.Sprintf("stopped: %s; mend it, then: stagelock sync retry --target %s", t.Reason, t.Name)
	case t.State == "held" && t.Next.IsZero():
		return "held: " + t.Reason
	case t.State == "held":
		return "held until " + sh.clock(t.Next) + ": " + t.Reason
	case t.Tries > 0:
		return fmt.Sprintf("%s (attempt %d): %s", sh.clock(t.Next), t.Tries+1, t.Reason)
	}
	return "-"
}

func (sh shell) logCommand() *cli.Command {
	return &cli.Command{
		Name: "log", Usage: "print changes, newest first, with what became of each",
		Flags: flags.Running(
			&cli.StringFlag{Name: "object", Usage: "only changes of an `OBJECT`, site/kind/id"},
			&cli.StringFlag{Name: "state", Usage: "only changes with a delivery in that `STATE`: pending, waiting, done, dead, dropped"},
			&cli.StringFlag{Name: "since", Usage: "only what was accepted from this time on, in UTC: 2024-03-01T12:00, or 2h or 7d ago"},
			&cli.IntFlag{Name: "limit", Value: 100, Usage: "how many, up to 1,000, which is what --since takes if it is left out"}),
		Action: func(c *cli.Context) error {
			if _, err := flags.Operands(c); err != nil {
				return err
			}
			since, err := flags.Moment(c.String("since"), sh.Now())
			if err != nil {
				return flags.Misused(c, "--since: %v", err)
			}
			limit := c.Int("limit")
			if !since.IsZero() && !c.IsSet("limit") {
				limit = math.MaxInt32 // as many as the gateway lists: what is asked for may be behind the first hundred
			}
			all, err := ask[[]exchange.Event](
				sh,
				c,
				"log",
				exchange.Order{Object: c.String("object"), State: c.String("state"), Limit: limit},
			)
			if err != nil {
				return err
			}
			return sh.showLog(slices.DeleteFunc(all, func(e exchange.Event) bool { return e.Accepted.Before(since) }))
		},
	}
}

func (sh shell) showLog(all []exchange.Event) error {
	if sh.JSON {
		return sh.Print(all)
	}
	rows := [][]string{{"ACCEPTED", "ID", "OP", "OBJECT", "TITLE", "MADE ON", "VIA", "DELIVERIES"}}
	for _, e := range all {
		var d []string
		for _, one := range e.Deliveries {
			d = append(d, one.Target+" "+one.State)
		}
		rows = append(
			rows,
			plain(
				sh.clock(e.Accepted),
				e.ID.String(),
				string(e.Op),
				string(e.Object),
				orDash(e.Title),
				e.Server,
				orDash(e.Via),
				joined(d),
			),
		)
	}
	return sh.Table(rows)
}

func (sh shell) showCommand() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "print one change: who made it, when, who has it, and each delivery", ArgsUsage: "ID",
		Flags: flags.Running(),
		Action: func(c *cli.Context) error {
			args, err := flags.Operands(c, "the id of a change, as stagelock sync log prints it")
			if err != nil {
				return err
			}
			e, err := ask[exchange.Event](sh, c, "show", exchange.Order{ID: args[0]})
			if err != nil {
				return err
			}
			return sh.showEvent(e)
		},
	}
}

func (sh shell) showEvent(e exchange.Event) error {
	if sh.JSON {
		return sh.Print(e)
	}
	rows := [][]string{
		{"change", e.ID.String()},
		{"object", string(e.Object)},
		{"title", orDash(e.Title)},
		{"operation", string(e.Op)},
		{
			"made",
			fmt.Sprintf("%s on %s by %s", term.Stamp(e.Made), e.Server, orDash(e.Author)),
		},
		{"accepted here", term.Stamp(e.Accepted)},
		{"came from", orDash(e.Via)},
		{"content", orDash(e.Payload)},
		{"size", term.Size(e.Size)},
		{"has it", joined(e.Has)},
	}
	for _, d := range e.Deliveries {
		text := fmt.Sprintf("%s after %s", d.State, term.Count(d.Tries, "try"))
		if d.Tries != 1 {
			text = fmt.Sprintf("%s after %d tries", d.State, d.Tries)
		}
		if d.Reason != "" {
			text += ": " + d.Reason
		}
		rows = append(rows, []string{"to " + d.Target, text})
	}
	for i := range rows {
		rows[i] = plain(rows[i]...)
	}
	return sh.Table(rows)
}

// ownGraph is what this gateway knows of who sends to whom: its own links, and what others said of
// theirs.
func (sh shell) ownGraph(c *cli.Context) (topology.Report, error) {
	s, err := ask[exchange.Status](sh, c, "status", exchange.Order{})
	if err != nil {
		return topology.Report{}, err
	}
	servers, links := s.Graph()
	return topology.Check(servers, links, topology.Native), nil
}

func (sh shell) retryCommand() *cli.Command {
	return &cli.Command{
		Name: "retry", Usage: "try deliveries again now: one change, all of a target, or all dead letters", ArgsUsage: "[ID]",
		Flags: flags.Running(&cli.StringFlag{Name: "target", Usage: "a `SERVER`; what an operator had to mend counts as mended"},
			&cli.BoolFlag{Name: "all-dead", Usage: "every dead letter"}),
		Action: func(c *cli.Context) error {
			target, err := targetOf(c)
			if err != nil {
				return err
			}
			o := exchange.Order{Target: target}
			if c.Args().Present() {
				args, err := flags.Operands(c, "the id of a change")
				if err != nil {
					return err
				}
				o.ID = args[0]
			}
			if c.Bool("all-dead") {
				o.State = "dead"
			}
			if o.ID == "" && o.Target == "" && o.State == "" {
				return flags.Misused(c, "name a change, --target, or --all-dead")
			}
			if o.ID != "" && o.State != "" {
				return flags.Misused(c, "name a change, or --all-dead, not both")
			}
			return sh.done(c, "retry", o, "%s will be tried again.\n", "delivery")
		},
	}
}

// targetOf is the one server that --target names; an empty name is not taken for all of them.
func targetOf(c *cli.Context) (string, error) {
	name := c.String("target")
	if name == "" && c.IsSet("target") {
		return "", flags.Misused(c, "--target is empty: name a server, or leave it out for all of them")
	}
	return name, nil
}

func (sh shell) dropCommand() *cli.Command {
	return &cli.Command{
		Name: "drop", Usage: "give up delivering a change", ArgsUsage: "ID",
		Flags: flags.Running(
			&cli.StringFlag{Name: "target", Usage: "only to that `SERVER`"},
			&cli.StringFlag{Name: "reason", Usage: "why; it is kept"},
		),
		Action: func(c *cli.Context) error {
			args, err := flags.Operands(c, "the id of a change")
			if err != nil {
				return err
			}
			target, err := targetOf(c)
			if err != nil {
				return err
			}
			if c.String("reason") == "" {
				return flags.Misused(c, "drop needs --reason")
			}
			return sh.done(
				c,
				"drop",
				exchange.Order{ID: args[0], Target: target, Reason: c.String("reason")},
				"%s given up.\n",
				"delivery",
			)
		},
	}
}

func (sh shell) holdCommand() *cli.Command {
	return &cli.Command{
		Name: "hold", Usage: "send nothing to a target for a while", ArgsUsage: "SERVER",
		Flags: flags.Running(&cli.StringFlag{Name: "reason", Usage: "why; status shows it"},
			&cli.DurationFlag{Name: "for", Usage: "for how long; else until stagelock sync release"}),
		Action: func(c *cli.Context) error {
			args, err := flags.Operands(c, "the name or key of a server")
			if err != nil {
				return err
			}
			if c.String("reason") == "" {
				return flags.Misused(c, "hold needs --reason")
			}
			return sh.done(
				c,
				"hold",
				exchange.Order{Target: args[0], Reason: c.String("reason"), For: c.Duration("for")},
				"%s held.\n",
				"target",
			)
		},
	}
}

func (sh shell) targetCommand(name, usage, told, noun string) *cli.Command {
	return &cli.Command{Name: name, Usage: usage, ArgsUsage: "SERVER", Flags: flags.Running(), Action: func(c *cli.Context) error {
		args, err := flags.Operands(c, "the name or key of a server")
		if err != nil {
			return err
		}
		return sh.done(c, name, exchange.Order{Target: args[0]}, told, noun)
	}}
}

// done has an order carried out and says how many things it was about.
func (sh shell) done(c *cli.Context, name string, o exchange.Order, told, noun string) error {
	d, err := ask[exchange.Done](sh, c, name, o)
	if err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(d)
	}
	text := term.Count(d.N, noun)
	if noun == "delivery" && d.N != 1 {
		text = strconv.Itoa(d.N) + " deliveries"
	}
	return sh.Printf(told, text)
}
