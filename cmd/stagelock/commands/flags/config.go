package flags

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/gateway/node/plan"
)

// Config returns the flags that say where the configuration is, and change it.
func Config() []cli.Flag {
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
	"STAGELOCK_LOGIN", "STAGELOCK_ENGINE", "STAGELOCK_TOKEN_FILE"}

// OwnVariable reports whether an environment variable belongs to a command and is no setting.
func OwnVariable(name string) bool { return slices.Contains(ownVariables, name) }

// Loader returns what reads the configuration, as often as it is called.
func Loader(sh *term.Shell, c *cli.Context) (func() (*conf.Config, []conf.Problem), error) {
	flags := map[string]string{}
	for _, s := range c.StringSlice("set") {
		path, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, term.Usagef("--set %s has no value; write PATH=VALUE", s)
		}
		flags[path] = value
	}
	env := slices.DeleteFunc(slices.Clone(sh.Environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return OwnVariable(name)
	})
	file := c.String("config")
	return func() (*conf.Config, []conf.Problem) {
		return conf.Load(conf.Options{File: file, Env: env, Flags: flags})
	}, nil
}

// Problem is a problem of a configuration for a script.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

// Problems writes problems for a script.
func Problems(problems []conf.Problem) []Problem {
	all := make([]Problem, 0, len(problems))
	for _, p := range problems {
		all = append(all, Problem{p.File, p.Line, p.Path, p.Msg, p.Cure, p.Warning})
	}
	return all
}

// ShowProblems prints problems to people, each with its place, what is wrong, and the cure.
func ShowProblems(write func(format string, args ...any) error, paint term.Palette,
	problems []conf.Problem) error {
	for _, p := range problems {
		label := paint.Bad("error")
		if p.Warning {
			label = paint.Warn("warning")
		}
		place := cmp.Or(p.File, "configuration")
		if p.Line > 0 {
			place += ":" + strconv.Itoa(p.Line)
		}
		what := term.Plain(strings.TrimSpace(p.Path + " " + p.Msg))
		if err := write("%s: %s: %s\n", place, label, what); err != nil {
			return err
		}
		if p.Cure == "" {
			continue
		}
		if err := write("    what to do: %s\n", term.Plain(p.Cure)); err != nil {
			return err
		}
	}
	return nil
}

// Checked is a configuration that was looked at, for a script.
type Checked struct {
	OK       bool      `json:"ok"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Problems []Problem `json:"problems"`
}

// Examine loads the configuration and finds all that is wrong with it, each thing once.
func Examine(load func() (*conf.Config, []conf.Problem)) (*conf.Config, []conf.Problem) {
	cfg, problems := load()
	if cfg == nil {
		return nil, problems
	}
	known := map[string]bool{} // a setting that is wrong by itself is not said to fit nothing
	for _, p := range problems {
		known[p.Path] = known[p.Path] || !p.Warning
	}
	for _, p := range plan.Check(cfg) {
		if !known[p.Path] {
			problems = append(problems, p)
		}
	}
	conf.Sort(problems)
	return cfg, problems
}

// ExamineShared holds a configuration that can be used against the database that gateways share. Run does
// not: a gateway that starts takes over from its former life.
func ExamineShared(cfg *conf.Config) []conf.Problem {
	life, err := os.ReadFile(node.DataDir(cfg.Data).Life())
	if err != nil {
		life = nil // it does not run here
	}
	return cluster.Check(context.Background(), cfg, strings.TrimSpace(string(life)))
}

// BadConfig reports problems that keep a command from its work, and returns the error that ends it.
func BadConfig(sh *term.Shell, problems []conf.Problem) error {
	if sh.JSON {
		r := Checked{Problems: Problems(problems)}
		for _, p := range problems {
			if p.Warning {
				r.Warnings++
				continue
			}
			r.Errors++
		}
		_ = sh.Print(r) // there is nowhere else to say it
	} else {
		_ = ShowProblems(func(format string, args ...any) error {
			_, err := fmt.Fprintf(sh.Err, format, args...)
			return err
		}, sh.Paint(sh.Err), problems)
	}
	return &term.ConfigError{Msg: "the configuration cannot be used", Said: true}
}
