package line_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/line"
)

// toy is an app with every kind of flag that the commands have; its actions print what they see.
func toy(out *bytes.Buffer) *cli.App {
	misused := func(c *cli.Context, err error, sub bool) error {
		return fmt.Errorf("%s misused (%t): %w", c.Command.HelpName, sub, err)
	}
	show := func(c *cli.Context) error {
		fmt.Fprintf(out, "%s: %q; %q %d %v %t %q", c.Command.HelpName, c.Args().Slice(), c.String("name"), c.Int("count"),
			c.Duration("wait"), c.Bool("loud"), c.StringSlice("set"))
		fmt.Fprintf(out, "; %t %t %t; %d\n", c.IsSet("name"), c.IsSet("set"), c.IsSet("n"), len(c.Lineage()))
		if c.Bool("loud") {
			return fmt.Errorf("%s is loud", c.Command.Name)
		}
		return nil
	}
	flags := func() []cli.Flag {
		return []cli.Flag{
			&cli.StringFlag{Name: "name", Aliases: []string{"n"}, Usage: "a `WORD`\nof two lines", EnvVars: []string{"TOY_NAME"}, Value: "me"},
			&cli.IntFlag{Name: "count", EnvVars: []string{"TOY_COUNT"}, Usage: "how many, the server's"},
			&cli.DurationFlag{Name: "wait", DefaultText: "as long as it takes"},
			&cli.BoolFlag{Name: "loud", Aliases: []string{"l"}, Usage: "return an error"},
			&cli.StringSliceFlag{Name: "set", Aliases: []string{"s"}, Usage: "it's a list"},
			&cli.StringFlag{Name: "file", TakesFile: true},
		}
	}
	command := func(name string, subs ...*cli.Command) *cli.Command {
		return &cli.Command{Name: name, Usage: name + " things\nand more", ArgsUsage: "THING...", Flags: flags(), Subcommands: subs,
			Action: show, OnUsageError: misused, HideHelpCommand: true}
	}
	group := command("group", command("sub"), command("other"))
	group.Description, group.Aliases, group.ArgsUsage = "First line.\n\nThird line.", []string{"g"}, ""
	bare := command("bare")
	bare.Flags, bare.Usage = nil, ""
	words := command("words")
	words.BashComplete = func(*cli.Context) { out.WriteString("one\ntwo\n") }
	return &cli.App{Name: "toy", HelpName: "toy", Usage: "plays", HideVersion: true, Writer: out, ErrWriter: out, Flags: flags(),
		EnableBashCompletion: true, ExitErrHandler: func(*cli.Context, error) {}, OnUsageError: misused, Action: show,
		Commands: []*cli.Command{command("leaf"), group, bare, words}}
}

// TestAsTheLibraryDoes holds what line prints and returns against the library.
func TestAsTheLibraryDoes(t *testing.T) {
	before := os.Args
	defer func() { os.Args = before }()
	for _, env := range []string{"", "TOY_NAME=you", "TOY_COUNT=many"} {
		name, value, _ := strings.Cut(env, "=")
		for _, typed := range lines() {
			if name == "TOY_COUNT" && strings.Contains(typed, "--generate") {
				continue // the library panics
			}
			t.Run(strings.TrimSpace(env+" "+typed), func(t *testing.T) {
				if name != "" {
					t.Setenv(name, value)
				}
				args := append([]string{"toy"}, strings.Fields(typed)...)
				os.Args = args // where the library looks for what is completed
				got := done(args, line.Run)
				want := done(args, func(ctx context.Context, app *cli.App, args []string) error { return app.RunContext(ctx, args) })
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("(-library +ours):\n%s", d)
				}
			})
		}
	}
}

// done is what a command line prints and returns.
func done(args []string, run func(context.Context, *cli.App, []string) error) string {
	var out bytes.Buffer
	err := run(context.Background(), toy(&out), slices.Clone(args))
	return fmt.Sprintf("%serror: %v", out.String(), err)
}

// lines are command lines with and without faults, behind each command.
func lines() (all []string) {
	for _, command := range []string{"", "leaf", "group", "g", "group sub", "group other", "bare", "words", "nobody", "group nobody"} {
		for _, behind := range []string{
			"", "a b", "-- a --loud", "--help", "-h", "--name x", "-n x", "-n=x a", "--n x", "-n x --name y", "--loud", "-l", "--loud=maybe",
			"--count 3 a", "--count x", "--wait 3s", "--wait 3", "--set a --set b,c", "-s a -s b", "-s a --set b", "--no-such", "-Q", "--name",
			"--generate-bash-completion", "--na --generate-bash-completion", "-- --generate-bash-completion", "- --generate-bash-completion",
			"--name --generate-bash-completion", "--no-such --generate-bash-completion", "s --generate-bash-completion",
			"--name x --generate-bash-completion", "--loud --generate-bash-completion",
			"--no-such leaf --generate-bash-completion", "--no-such sub --generate-bash-completion",
		} {
			all = append(all, command+" "+behind)
		}
	}
	return all
}

// TestHelpOfAnAction: what an action prints as help is what is printed for --help.
func TestHelpOfAnAction(t *testing.T) {
	for _, command := range []string{"", "group", "group sub", "bare"} {
		var asked, shown bytes.Buffer
		args := append([]string{"toy"}, strings.Fields(command)...)
		if err := line.Run(t.Context(), toy(&asked), append(slices.Clone(args), "--help")); err != nil {
			t.Fatal(err)
		}
		app := toy(&shown)
		app.Action = line.Help
		for _, c := range slices.Concat(app.Commands, app.Commands[1].Subcommands) {
			c.Action = line.Help
		}
		if err := line.Run(t.Context(), app, args); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(asked.String(), shown.String()); d != "" || shown.Len() == 0 {
			t.Errorf("%q (-asked +shown):\n%s", command, d)
		}
	}
}

// TestFishAsTheLibraryDoes holds the script for fish against the library's.
func TestFishAsTheLibraryDoes(t *testing.T) {
	for _, args := range [][]string{{"toy"}, {"toy", "leaf"}, {"toy", "group", "sub"}} {
		var out bytes.Buffer
		ours, theirs := toy(&out), toy(&out)
		if err := line.Run(t.Context(), ours, args); err != nil {
			t.Fatal(err)
		}
		if err := theirs.RunContext(t.Context(), args); err != nil {
			t.Fatal(err)
		}
		want, err := theirs.ToFishCompletion()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, line.Fish(ours)); d != "" {
			t.Errorf("%q (-library +ours):\n%s", args, d)
		}
	}
}
