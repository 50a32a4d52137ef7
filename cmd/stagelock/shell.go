package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// shell is what a command sees of the world.
type shell struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	now      func() time.Time
	rand     io.Reader
	hangups  <-chan os.Signal
	json     bool  // results and failures are for a script
	brochure int64 // length of the demo's largest document, if another than usual
}

// env returns a variable, empty if it is not set.
func (sh *shell) env(name string) string {
	for _, kv := range slices.Backward(sh.environ) {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// run carries out one command line, says what failed, and returns the exit code.
func (sh *shell) run(ctx context.Context, args []string) int {
	if len(args) > 0 {
		args = append([]string{"stagelock"}, args[1:]...)
	}
	sh.json = slices.Contains(args, "--json") || slices.Contains(args, "-json")
	app := sh.app()
	args, err := reorder(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	return sh.report(err)
}

// app is the whole command line.
func (sh *shell) app() *cli.App {
	app := &cli.App{
		Name: "stagelock", Usage: "a gateway for content staging", HelpName: "stagelock", HideVersion: true,
		Reader: sh.in, Writer: sh.out, ErrWriter: sh.err, EnableBashCompletion: true, Suggest: false,
		ExitErrHandler: func(*cli.Context, error) {}, // run reports
		OnUsageError:   misused,
		Action:         unknownCommand,
		Commands: []*cli.Command{
			sh.demoCommand(), sh.runCommand(), sh.validateCommand(), sh.configCommand(),
			sh.publishCommand(), sh.secretCommand(),
			sh.archiveCommand(), sh.auditCommand(), sh.healthcheckCommand(), sh.versionCommand(),
			sh.completionCommand(),
		},
	}
	prepare(app.Commands)
	return app
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

func misused(_ *cli.Context, err error, _ bool) error { return &usageError{err.Error()} }

func unknownCommand(c *cli.Context) error {
	if !c.Args().Present() {
		if len(c.Lineage()) > 2 { // a group
			return cli.ShowSubcommandHelp(c)
		}
		return cli.ShowAppHelp(c)
	}
	return &usageError{fmt.Sprintf("there is no command %q; see stagelock help", c.Args().First())}
}

// usageError is a command line that cannot be understood.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// operands returns exactly the operands that the command has names for.
func operands(c *cli.Context, names ...string) ([]string, error) {
	args := c.Args().Slice()
	if len(args) < len(names) {
		return nil, usagef("%s needs %s", c.Command.Name, names[len(args)])
	}
	if len(args) > len(names) {
		return nil, usagef("%s does not know what to do with %q", c.Command.Name, args[len(names)])
	}
	return args, nil
}

// terminal says whether w is one that understands more than lines.
func (sh *shell) terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || sh.env("TERM") == "dumb" {
		return false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return err == nil && width > 0
}

// stopped says whether err is only that the command was asked to end.
func stopped(ctx context.Context, err error) bool {
	var s signalled
	return errors.As(context.Cause(ctx), &s) && errors.Is(err, context.Canceled)
}
