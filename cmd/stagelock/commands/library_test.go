package commands

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/line"
)

// TestHelpAndCompletionsAreTheLibrarys holds what each command prints of itself against the command line's library,
// which releases leave out.
func TestHelpAndCompletionsAreTheLibrarys(t *testing.T) {
	before := os.Args
	defer func() { os.Args = before }()
	library := func(ctx context.Context, a *cli.App, args []string) error { return a.RunContext(ctx, args) }
	tried := 0
	each(idle().Commands, []string{"stagelock"}, func(path []string) {
		for _, behind := range []string{"--help", "--generate-bash-completion", "- --generate-bash-completion", "--j --generate-bash-completion"} {
			tried++
			args := append(slices.Clone(path), strings.Fields(behind)...)
			os.Args = args // where the library looks for what is completed
			if d := cmp.Diff(printed(t, library, args), printed(t, line.Run, args)); d != "" {
				t.Errorf("%q (-library +ours):\n%s", args, d)
			}
		}
	})
	if tried < 300 {
		t.Errorf("only %d tried", tried)
	}
}

// TestFishScriptIsTheLibrarys holds what fish completes all commands by against the library's.
func TestFishScriptIsTheLibrarys(t *testing.T) {
	ours, theirs := idle(), idle()
	args := []string{"stagelock", "completion"}
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
		t.Errorf("(-library +ours):\n%s", d)
	}
}

// TestCommandsHaveWhatLineReads: what the library would do besides, line does not.
func TestCommandsHaveWhatLineReads(t *testing.T) {
	leaves(app(quiet()).Commands, nil, func(path []string, c *cli.Command) {
		if c.Action == nil || c.OnUsageError == nil || c.Before != nil || c.After != nil || c.Category != "" || c.UsageText != "" ||
			c.Args || c.Hidden || c.HideHelp || c.SkipFlagParsing || c.UseShortOptionHandling || c.CustomHelpTemplate != "" {
			t.Errorf("%q asks for what line.Run does not do", path)
		}
		for _, f := range c.Flags {
			if r, ok := f.(cli.RequiredFlag); ok && r.IsRequired() {
				t.Errorf("%q: --%s is required, which line.Run does not look for", path, f.Names()[0])
			}
		}
	})
}

// TestCommandsAreToldApart: two commands of one name, or two flags of a command, would hide each other.
func TestCommandsAreToldApart(t *testing.T) {
	apart := func(path []string, names []string) {
		slices.Sort(names)
		if len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("%q has a name twice: %q", path, names)
		}
	}
	var look func(path []string, commands []*cli.Command)
	look = func(path []string, commands []*cli.Command) {
		var names []string
		for _, c := range commands {
			names = append(names, c.Names()...)
			own := append(slices.Clone(path), c.Name)
			var flags []string
			for _, f := range append(slices.Clone(c.Flags), cli.HelpFlag) {
				flags = append(flags, f.Names()...)
			}
			apart(own, flags)
			look(own, c.Subcommands)
		}
		apart(path, names)
	}
	look([]string{"stagelock"}, idle().Commands)
}

// each calls fn with the words that name each group and each command, and with path itself.
func each(commands []*cli.Command, path []string, fn func(path []string)) {
	fn(path)
	for _, c := range commands {
		each(c.Subcommands, append(slices.Clone(path), c.Name), fn)
	}
}

// printed is what a command line prints.
func printed(t *testing.T, run func(context.Context, *cli.App, []string) error, args []string) string {
	t.Helper()
	var out bytes.Buffer
	a := idle()
	a.Writer = &out
	if err := run(t.Context(), a, slices.Clone(args)); err != nil {
		t.Errorf("%q: %v", args, err)
	}
	return out.String()
}
