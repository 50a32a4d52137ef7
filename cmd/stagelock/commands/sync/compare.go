package sync

import (
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/exchange"
)

func (sh shell) compareCommand() *cli.Command {
	return &cli.Command{
		Name: "compare", Usage: "hold what another server shows against what is shown here: exit 1 on differences", ArgsUsage: "SERVER",
		Description: "It changes nothing. What is on its way there, or is to be decided, is told from what differs for no such reason.",
		Flags:       flags.Running(),
		Action: func(c *cli.Context) error {
			args, err := flags.Operands(c, "the name or key of a server")
			if err != nil {
				return err
			}
			r, err := ask[exchange.Comparison](sh, c, "compare", exchange.Order{Target: args[0]})
			if err != nil {
				return err
			}
			return sh.showComparison(r)
		},
	}
}

func (sh shell) showComparison(r exchange.Comparison) error {
	err := sh.tableComparison(r)
	if err == nil && len(r.Differences) > 0 {
		return &term.SilentError{Code: exitFindings}
	}
	return err
}

func (sh shell) tableComparison(r exchange.Comparison) error {
	if sh.JSON {
		return sh.Print(r)
	}
	if len(r.Differences) > 0 {
		rows := [][]string{{"OBJECT", "WHY", "HERE", "ON " + r.Target}}
		for _, d := range r.Differences {
			rows = append(rows, plain(string(d.Object), d.Why, brief(d.Here), brief(d.There)))
		}
		if err := sh.Table(rows); err != nil {
			return err
		}
	}
	if r.More {
		return sh.Printf("%s the same; there are more differences than these.\n", term.Count(r.Same, "object"))
	}
	return sh.Printf("%s the same, %d different.\n", term.Count(r.Same, "object"), len(r.Differences))
}

// brief is the beginning of a digest.
func brief(digest string) string { return orDash(digest[:min(len(digest), 12)]) }
