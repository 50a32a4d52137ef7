package commands

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// idle is the command line with commands that do nothing.
func idle() *cli.App {
	a := app(quiet())
	leaves(a.Commands, nil, func(_ []string, c *cli.Command) {
		c.Action = func(*cli.Context) error { return nil }
	})
	return a
}

// A character too few in a command or in a flag is misuse, and says what was meant.
func TestTypos(t *testing.T) {
	tried := 0
	try := func(args []string, want string) {
		tried++
		err := carryOut(context.Background(), idle(), args)
		if !misuse(err) || !strings.Contains(err.Error(), "did you mean "+want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
	leaves(idle().Commands, []string{"stagelock"}, func(path []string, c *cli.Command) {
		last := path[len(path)-1]
		if typo := last[:len(last)-1]; len(typo) > 2 {
			try(append(slices.Clone(path[:len(path)-1]), typo), last+"?")
		}
		for _, f := range c.Flags {
			if name := f.Names()[0]; len(name) > 3 {
				try(slices.Concat(path, []string{"--" + name[:1] + name[2:], "x"}), "--")
			}
		}
	})
	if tried < 60 {
		t.Errorf("only %d typos", tried)
	}
}

// Whatever is wrong with a command line, the help that is named is that of the command which was meant.
func TestMisuseNamesTheCommandsOwnHelp(t *testing.T) {
	tried := 0
	leaves(idle().Commands, []string{"stagelock"}, func(path []string, _ *cli.Command) {
		for _, wrong := range [][]string{{"--no-such-flag"}, {"-Q"}} {
			tried++
			err := carryOut(context.Background(), idle(), slices.Concat(path, wrong))
			var u *term.UsageError
			if !errors.As(err, &u) || u.Command != strings.Join(path, " ") {
				t.Errorf("%q %q: %v, and the help of %q", path, wrong, err, u)
			}
		}
	})
	if tried < 100 {
		t.Errorf("only %d command lines", tried)
	}
}

// What a command itself finds wrong with its values names its help as well.
func TestWrongValuesNameTheCommandsOwnHelp(t *testing.T) {
	for line, want := range map[string]string{
		"doctor --to x": "doctor", "doctor --to https://a.example --login b": "doctor", "publish a.lar": "publish",
		"publish a.lar --to http://a%zz --site 1 --login b":           "publish",
		"publish a.lar --to https://a --site 1 --login b --buffer x":  "publish",
		"publish a.lar --to https://a --site 1 --login b --line 1.0":  "publish",
		"publish a.lar --to https://a --site 1 --login b --proxy x%y": "publish",
		"archive repack a.lar": "archive repack", "archive join": "archive join", "archive split a.lar --buffer x": "archive split",
		"run --set x": "run", "validate --set x": "validate", "secret new --algorithm x": "secret new", "audit list -n -1": "audit list",
	} {
		err := carryOut(context.Background(), app(quiet()), append([]string{"stagelock"}, strings.Fields(line)...))
		var u *term.UsageError
		if !errors.As(err, &u) || u.Command != "stagelock "+want {
			t.Errorf("%s: %v, and the help of %+v", line, err, u)
		}
	}
}

// A variable that a command reads is not taken for a setting with a typo.
func TestVariablesOfCommandsAreNoSettings(t *testing.T) {
	seen := 0
	leaves(idle().Commands, nil, func(path []string, c *cli.Command) {
		for _, f := range c.Flags {
			d, ok := f.(cli.DocGenerationFlag)
			if !ok {
				continue
			}
			for _, name := range d.GetEnvVars() {
				seen++
				if !flags.OwnVariable(name) {
					t.Errorf("%q reads %s, which run and validate would warn of", path, name)
				}
			}
		}
	})
	if seen < 10 {
		t.Errorf("only %d variables", seen)
	}
}

// FuzzCommandLine: no words crash the parser, and what it refuses is misuse.
func FuzzCommandLine(f *testing.F) {
	for _, s := range []string{
		"publish\na.lar\n--site\n5", "help\naudit\nlist", "audit\n--help=x", "--version", "-\n--", "audit\n\n-h",
		"publish\n--site=\n", "help\nhelp", "run\n--set", "audit\n--generate-bash-completion", "--=x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		args := append([]string{"stagelock"}, strings.Split(text, "\n")...)
		if err := carryOut(context.Background(), idle(), args); err != nil && !misuse(err) {
			t.Errorf("%q: %v", args, err)
		}
	})
}
