package commands

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/audit"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/operate"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/publish"
	"github.com/stagelock/stagelock/cmd/stagelock/demo"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// shell is what the commands see of the world.
type shell struct{ *term.Shell }

// Run carries out one command line, says what failed, and returns the exit code. It ends when the
// command does; a context that ends asks the command to.
func Run(ctx context.Context, sh *term.Shell, args []string) int {
	if len(args) > 0 {
		args = append([]string{"stagelock"}, args[1:]...)
	}
	sh.JSON = slices.Contains(args, "--json") || slices.Contains(args, "-json")
	a := app(sh)
	args, err := reorder(a, args)
	if err == nil {
		err = a.RunContext(ctx, args)
	}
	return sh.Report(err)
}

// app is the whole command line.
func app(sh *term.Shell) *cli.App {
	s := shell{sh}
	a := &cli.App{
		Name: "stagelock", Usage: "a gateway for content staging", HelpName: "stagelock", HideVersion: true,
		Reader: sh.In, Writer: sh.Out, ErrWriter: sh.Err, EnableBashCompletion: true, Suggest: false,
		ExitErrHandler: func(*cli.Context, error) {}, // Run reports
		OnUsageError:   misused,
		Action:         unknownCommand,
		Commands: slices.Concat(
			[]*cli.Command{demo.Command(sh)}, operate.Commands(sh), publish.Commands(sh), audit.Commands(sh),
			[]*cli.Command{s.versionCommand(), s.completionCommand()},
		),
	}
	prepare(a.Commands)
	return a
}

// prepare makes commands report misuse as errors, and groups of commands refuse what they do not
// have.
func prepare(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = misused
		c.HideHelpCommand = true
		if len(c.Subcommands) > 0 {
			c.Action = unknownCommand
			prepare(c.Subcommands)
		}
	}
}

func misused(c *cli.Context, err error, _ bool) error { return flags.Misused(c, "%v", err) }

func unknownCommand(c *cli.Context) error {
	if !c.Args().Present() {
		if len(c.Lineage()) > 2 { // a group
			return cli.ShowSubcommandHelp(c)
		}
		return cli.ShowAppHelp(c)
	}
	return flags.Misused(c, "there is no command %q", c.Args().First())
}
