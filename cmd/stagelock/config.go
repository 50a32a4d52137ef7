package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/conf"
)

// configFlags say where the configuration is, and change it.
func configFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "the configuration file",
			EnvVars: []string{"STAGELOCK_CONFIG"}},
		&cli.StringSliceFlag{Name: "set",
			Usage: "a setting as PATH=VALUE, such as log.level=debug; wins over the file; may be repeated"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
	}
}

// ownVariables are those of the commands, which are no settings of the gateway.
var ownVariables = []string{"STAGELOCK_CONFIG", "STAGELOCK_SECRET", "STAGELOCK_SECRET_FILE",
	"STAGELOCK_LOGIN"}

// loader returns what reads the configuration, as often as it is called.
func (sh *shell) loader(c *cli.Context) (func() (*conf.Config, []conf.Problem), error) {
	flags := map[string]string{}
	for _, s := range c.StringSlice("set") {
		path, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usagef("--set %s has no value; write PATH=VALUE", s)
		}
		flags[path] = value
	}
	env := slices.DeleteFunc(slices.Clone(sh.environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(ownVariables, name)
	})
	file := c.String("config")
	return func() (*conf.Config, []conf.Problem) {
		return conf.Load(conf.Options{File: file, Env: env, Flags: flags})
	}, nil
}

// foundProblem is a problem of a configuration for a script.
type foundProblem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

func forScript(problems []conf.Problem) []foundProblem {
	all := make([]foundProblem, 0, len(problems))
	for _, p := range problems {
		all = append(all, foundProblem{p.File, p.Line, p.Path, p.Msg, p.Cure, p.Warning})
	}
	return all
}

// showProblems prints problems to people, each with its place, what is wrong, and the cure.
func (sh *shell) showProblems(write func(format string, args ...any) error, paint palette,
	problems []conf.Problem) error {
	for _, p := range problems {
		label := paint.bad("error")
		if p.Warning {
			label = paint.warn("warning")
		}
		place := cmp.Or(p.File, "configuration")
		if p.Line > 0 {
			place += ":" + strconv.Itoa(p.Line)
		}
		what := plain(strings.TrimSpace(p.Path + " " + p.Msg))
		if err := write("%s: %s: %s\n", place, label, what); err != nil {
			return err
		}
		if p.Cure == "" {
			continue
		}
		if err := write("    what to do: %s\n", plain(p.Cure)); err != nil {
			return err
		}
	}
	return nil
}

func (sh *shell) configCommand() *cli.Command {
	return &cli.Command{
		Name: "config", Usage: "show settings",
		Subcommands: []*cli.Command{
			{Name: "show", Usage: "print every setting as it counts, and where it comes from",
				Flags: configFlags(), Action: sh.configShow},
			{Name: "reference",
				Usage:  "print a configuration file that shows and explains every setting",
				Action: sh.configReference},
		},
	}
}

func (sh *shell) configReference(c *cli.Context) error {
	if _, err := operands(c); err != nil {
		return err
	}
	return sh.printf("%s", conf.Reference())
}

// effective is a setting for a script.
type effective struct {
	Path  string `json:"path"`
	Value string `json:"value"`
	From  string `json:"from"`
}

func (sh *shell) configShow(c *cli.Context) error {
	if _, err := operands(c); err != nil {
		return err
	}
	load, err := sh.loader(c)
	if err != nil {
		return err
	}
	cfg, problems := load()
	if cfg == nil {
		return sh.badConfig(problems)
	}
	settings := cfg.Effective()
	if sh.json {
		all := make([]effective, 0, len(settings))
		for _, s := range settings {
			all = append(all, effective{s.Path, s.Value, s.Origin.String()})
		}
		return sh.print(all)
	}
	var rows [][]string
	for _, s := range settings {
		rows = append(rows, []string{s.Path, plain(s.Value), s.Origin.String()})
	}
	return sh.table(rows)
}
