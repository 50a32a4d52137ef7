package operate

import (
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
)

func (sh shell) configCommand() *cli.Command {
	return &cli.Command{
		Name: "config", Usage: "show settings",
		Subcommands: []*cli.Command{
			{Name: "show", Usage: "print every setting as it counts, and where it comes from",
				Flags: flags.Config(), Action: sh.configShow},
			{Name: "reference",
				Usage:  "print a configuration file that shows and explains every setting",
				Action: sh.configReference},
		},
	}
}

func (sh shell) configReference(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	return sh.Printf("%s", conf.Reference())
}

// effective is a setting for a script.
type effective struct {
	Path  string `json:"path"`
	Value string `json:"value"`
	From  string `json:"from"`
}

func (sh shell) configShow(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return err
	}
	cfg, problems := load()
	if cfg == nil {
		return flags.BadConfig(sh.Shell, problems)
	}
	settings := cfg.Effective()
	if sh.JSON {
		all := make([]effective, 0, len(settings))
		for _, s := range settings {
			all = append(all, effective{s.Path, s.Value, s.Origin.String()})
		}
		return sh.Print(all)
	}
	var rows [][]string
	for _, s := range settings {
		rows = append(rows, []string{s.Path, term.Plain(s.Value), s.Origin.String()})
	}
	return sh.Table(rows)
}
