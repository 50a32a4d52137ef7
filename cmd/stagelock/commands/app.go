package commands

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/audit"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/cluster"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/doctor"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/line"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/operate"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/publish"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/sync"
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
	out := &noting{Writer: sh.Out}
	a.Writer = out // the library prints help, and drops what comes of it
	err := carryOut(ctx, a, args)
	if out.err != nil {
		err = &term.OutputError{Err: out.err}
	}
	return sh.Report(err)
}

// noting notes the first error of a writer.
type noting struct {
	io.Writer
	err error
}

func (n *noting) Write(p []byte) (int, error) {
	k, err := n.Writer.Write(p)
	n.err = cmp.Or(n.err, err)
	return k, err
}

func carryOut(ctx context.Context, a *cli.App, args []string) error {
	completing := len(args) > 0 && args[len(args)-1] == "--generate-bash-completion"
	if !completing { // the parser wants it at the end
		var err error
		if args, err = helped(a, args); err != nil {
			return err
		}
		if args, err = reorder(a, args); err != nil {
			return err
		}
	}
	return line.Run(ctx, a, args)
}

// app is the whole command line.
func app(sh *term.Shell) *cli.App {
	s := shell{sh}
	a := &cli.App{
		Name: "stagelock", Usage: "a gateway for content staging", HelpName: "stagelock", HideVersion: true,
		Reader: sh.In, Writer: sh.Out, ErrWriter: sh.Err, EnableBashCompletion: true, Suggest: false,
		ExitErrHandler: func(*cli.Context, error) {}, // Run reports
		OnUsageError:   misused,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version"},
		},
		Action: func(c *cli.Context) error {
			if c.Bool("version") {
				return s.showVersion(c)
			}
			return unknownCommand(c)
		},
		Commands: slices.Concat(
			[]*cli.Command{demo.Command(sh)}, operate.Commands(sh), publish.Commands(sh), audit.Commands(sh),
			cluster.Commands(sh), doctor.Commands(sh), engine.Commands(sh), sync.Commands(sh),
			[]*cli.Command{s.versionCommand(), s.manualCommand(), s.completionCommand()},
		),
	}
	prepare(a.Commands)
	return a
}

// prepare makes commands report misuse as errors that name their own help, and groups of commands
// refuse what they do not have.
func prepare(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = misused
		c.HideHelpCommand = true
		if len(c.Subcommands) > 0 {
			c.Action = groupAction(c.Action)
			prepare(c.Subcommands)
		} else if c.ArgsUsage == "" {
			c.Action = alone(c.Action)
		}
		c.Action = helpful(c.Action)
	}
}

// alone is the action of a command without operands: it does nothing with a word that it does not know.
func alone(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if _, err := flags.Operands(c); err != nil {
			return err
		}
		return action(c)
	}
}

// helpful has an action's usage errors name the help of its command.
func helpful(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		err := action(c)
		var u *term.UsageError
		if errors.As(err, &u) && u.Command == "" {
			u.Command = strings.Join(pathOf(c), " ")
		}
		return err
	}
}

// groupAction is what a group of commands does of its own, if nothing is behind its name.
func groupAction(own cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if own == nil || c.Args().Present() {
			return unknownCommand(c)
		}
		return own(c)
	}
}
