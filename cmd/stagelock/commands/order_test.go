package commands

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

func quiet() *term.Shell {
	return &term.Shell{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}
}

// misuse reports whether err says that the command line cannot be understood.
func misuse(err error) bool {
	var u *term.UsageError
	return errors.As(err, &u)
}

func TestReorder(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "stagelock", "stagelock"},
		{"flags first", "stagelock publish --site 5 a.lar", "stagelock publish --site 5 a.lar"},
		{"flags last", "stagelock publish a.lar --site 5 --private", "stagelock publish --site 5 --private a.lar"},
		{"around", "stagelock publish --private a.lar --site 5", "stagelock publish --private --site 5 a.lar"},
		{"with =", "stagelock publish a.lar --site=5 --json", "stagelock publish --site=5 --json a.lar"},
		{"one dash", "stagelock publish a.lar -site 5", "stagelock publish -site 5 a.lar"},
		{"bool with =", "stagelock publish a.lar --json=false", "stagelock publish --json=false a.lar"},
		{"group", "stagelock archive join a b --out c", "stagelock archive join --out c a b"},
		{"alias", "stagelock run -c x", "stagelock run -c x"},
		{"end of flags", "stagelock publish --private -- --site", "stagelock publish --private -- --site"},
		{"operand with dash", "stagelock archive inspect -- -a.lar --json", "stagelock archive inspect -- -a.lar --json"},
		{"lone dash", "stagelock archive inspect - --json", "stagelock archive inspect --json -"},
		{"unknown flag stays for the parser", "stagelock publish a.lar --bogus", "stagelock publish --bogus a.lar"},
		{"negative value", "stagelock publish a.lar --site -5", "stagelock publish --site -5 a.lar"},
		{"unknown command", "stagelock bogus --json", "stagelock --json bogus"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := reorder(app(quiet()), strings.Fields(tt.in))
			if err != nil || strings.Join(got, " ") != tt.want {
				t.Errorf("%q, %v, want %q", strings.Join(got, " "), err, tt.want)
			}
		})
	}
}

func TestFlagWithoutValue(t *testing.T) {
	for _, in := range []string{"stagelock publish a.lar --site", "stagelock publish --to --site 5 a.lar"} {
		if got, err := reorder(app(quiet()), strings.Fields(in)); !misuse(err) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

// leaves calls fn with every command that does something, and its path.
func leaves(commands []*cli.Command, path []string, fn func(path []string, c *cli.Command)) {
	for _, c := range commands {
		at := append(slices.Clone(path), c.Name)
		if len(c.Subcommands) == 0 {
			fn(at, c)
		}
		leaves(c.Subcommands, at, fn)
	}
}

// Every flag of every command counts behind an operand as it does in front of it.
func TestNoFlagIsIgnoredBehindAnOperand(t *testing.T) {
	seen := 0
	leaves(app(quiet()).Commands, []string{"stagelock"}, func(path []string, c *cli.Command) {
		for _, f := range c.Flags {
			for _, name := range f.Names() {
				arg := []string{"--" + name}
				if _, isBool := f.(*cli.BoolFlag); !isBool {
					arg = append(arg, valueFor(f))
				}
				behind := slices.Concat(path, []string{"operand"}, arg)
				front := slices.Concat(path, arg, []string{"operand"})
				got, err := reorder(app(quiet()), behind)
				if err != nil || !slices.Equal(got, front) {
					t.Errorf("%v becomes %v, %v", behind, got, err)
				}
				if !set(t, got, path, name) {
					t.Errorf("%v: --%s is not set", got, name)
				}
				seen++
			}
		}
	})
	if seen < 60 {
		t.Errorf("only %d flags seen", seen)
	}
}

func valueFor(f cli.Flag) string {
	switch f.(type) {
	case *cli.Int64Flag, *cli.IntFlag:
		return "5"
	case *cli.DurationFlag:
		return "5s"
	}
	return "value"
}

// set runs the real parser over args, with an action that only looks.
func set(t *testing.T, args, path []string, name string) (isSet bool) {
	t.Helper()
	app := app(quiet())
	leaves(app.Commands, []string{"stagelock"}, func(at []string, c *cli.Command) {
		if slices.Equal(at, path) {
			c.Action = func(ctx *cli.Context) error {
				isSet = ctx.IsSet(name) && ctx.Args().First() == "operand"
				return nil
			}
		}
	})
	if err := app.Run(args); err != nil {
		t.Errorf("%v: %v", args, err)
	}
	return isSet
}

// Every command that prints a result a script would read has --json.
func TestCommandsHaveJSON(t *testing.T) {
	without := []string{"stagelock completion", "stagelock config reference", "stagelock man"}
	leaves(app(quiet()).Commands, []string{"stagelock"}, func(path []string, c *cli.Command) {
		has := slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "json") })
		if name := strings.Join(path, " "); has == slices.Contains(without, name) {
			t.Errorf("%s: json %t", name, has)
		}
		if c.Usage == "" {
			t.Errorf("%v says nothing about itself", path)
		}
	})
}

// No flag takes a secret: everybody on a machine reads command lines.
func TestNoFlagTakesASecret(t *testing.T) {
	leaves(app(quiet()).Commands, nil, func(path []string, c *cli.Command) {
		for _, f := range c.Flags {
			for _, n := range f.Names() {
				if n == "secret" || n == "password" || n == "token" || n == "value" {
					t.Errorf("%v has --%s", path, n)
				}
			}
		}
	})
}
