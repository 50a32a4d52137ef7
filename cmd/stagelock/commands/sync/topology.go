package sync

import (
	"io"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/policy/topology"
)

func (sh shell) topologyCommand() *cli.Command {
	return &cli.Command{
		Name:        "topology",
		Usage:       "say what shape servers and their links form, who has two paths, and what one change costs: exit 1 on findings",
		Description: "Without --check and --kentico it looks at what the running gateway knows.",
		Flags: flags.Running(
			&cli.StringFlag{
				Name:  "check",
				Usage: "a `FILE` with one link a line: live -> test, live <-> dev, kentico: old; - for standard input",
			},
			&cli.StringFlag{Name: "kentico", Usage: "a CSV `FILE` of what was typed into a Kentico installation: server, its code name, " +
				"target, the target's name; - for standard input"},
			&cli.BoolFlag{Name: "listed", Usage: "judge by Kentico's rule of one path, whoever the servers are"},
			&cli.BoolFlag{Name: "svg", Usage: "print a drawing"},
		),
		Action: sh.topology,
	}
}

func (sh shell) topology(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	if c.String("check") != "" && c.String("kentico") != "" {
		return flags.Misused(c, "name either --check or --kentico")
	}
	r, err := sh.graph(c)
	if err != nil {
		return err
	}
	if err := sh.showTopology(c.Bool("svg"), r); err != nil {
		return err
	}
	if r.Refused() || r.Warned() {
		return &term.SilentError{Code: exitFindings}
	}
	return nil
}

// graph reads what the flags name and looks at it.
func (sh shell) graph(c *cli.Context) (topology.Report, error) {
	if file := c.String("kentico"); file != "" {
		rows, err := readFrom(sh, file, topology.ParseTyped)
		if err != nil {
			return topology.Report{}, err
		}
		return topology.CheckTyped(rows), nil
	}
	if c.String("check") == "" {
		return sh.ownGraph(c)
	}
	p, err := readFrom(sh, c.String("check"), parsePlan)
	if err != nil {
		return topology.Report{}, err
	}
	mode := topology.Native
	if c.Bool("listed") {
		mode = topology.Listed
	}
	return topology.Check(p.servers, p.links, mode), nil
}

type plan struct {
	servers []topology.Server
	links   []topology.Link
}

func parsePlan(r io.Reader) (p plan, err error) {
	p.servers, p.links, err = topology.ParsePlan(r)
	return p, err
}

// readFrom parses a file, or standard input for -.
func readFrom[T any](sh shell, file string, parse func(io.Reader) (T, error)) (out T, err error) {
	in := sh.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return out, &term.DataError{Msg: err.Error(), Cure: "name a file that is there"}
		}
		defer f.Close()
		in = f
	}
	if out, err = parse(in); err != nil {
		return out, &term.DataError{Msg: file + ": " + err.Error(), Cure: "correct that line; see stagelock sync topology --help"}
	}
	return out, nil
}

func (sh shell) showTopology(svg bool, r topology.Report) error {
	switch {
	case svg:
		return sh.Printf("%s", r.SVG())
	case sh.JSON:
		return sh.Print(r)
	}
	if err := sh.Printf("%s\n", term.Plain(r.Headline())); err != nil {
		return err
	}
	paint := sh.Paint(sh.Out)
	paints := map[topology.Level]func(string) string{
		topology.Refuse: paint.Bad,
		topology.Warn:   paint.Warn,
		topology.Note:   paint.Faint,
	}
	for _, f := range r.Findings {
		if err := sh.Printf("%s: %s\n", paints[f.Level](string(f.Level)), term.Plain(f.Text)); err != nil {
			return err
		}
		if f.Cure == "" {
			continue
		}
		if err := sh.Printf("  %s\n", term.Plain(f.Cure)); err != nil {
			return err
		}
	}
	return sh.showCosts(r.Costs)
}

// showCosts tells what one change of each server costs.
func (sh shell) showCosts(costs []topology.Cost) error {
	if len(costs) == 0 {
		return nil
	}
	rows := [][]string{{"A CHANGE ON", "PAYLOADS", "OFFERS AT MOST", "DELIVERIES BY KENTICO'S RULE"}}
	for _, c := range costs {
		rows = append(rows, []string{term.Plain(c.Origin), strconv.Itoa(c.Needed), strconv.Itoa(c.Offers), strconv.Itoa(c.Listed)})
	}
	return sh.Table(rows)
}
