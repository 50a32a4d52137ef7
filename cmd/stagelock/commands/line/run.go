package line

import (
	"context"
	"errors"
	"flag"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completing is the last word of a command line that a shell wants completed.
const completing = "--generate-bash-completion"

// helpCommand is listed beside the commands of an app; whoever calls Run turns it into --help.
func helpCommand() *cli.Command {
	return &cli.Command{Name: "help", Aliases: []string{"h"}, ArgsUsage: "[command]",
		Usage: "Shows a list of commands or help for one command"}
}

// Run carries out the command that args name, whose first word is the program's, and returns what its action
// returns or, for flags that cannot be read, what OnUsageError makes of that. The commands of app and app itself
// have OnUsageError and Action, and no Before, After, Category or flag that is required or has an action.
func Run(ctx context.Context, app *cli.App, args []string) error {
	if app.Command("help") == nil {
		app.Commands = append(app.Commands, helpCommand())
	}
	app.Flags = withHelp(app.Flags)
	root := &cli.Command{Name: app.Name, Usage: app.Usage, HelpName: app.HelpName, Subcommands: app.Commands,
		Flags: app.Flags, OnUsageError: app.OnUsageError, Action: app.Action}
	r := runner{app: app}
	if n := len(args) - 1; n >= 0 && args[n] == completing && !slices.Contains(args, "--") {
		r.completes, args = true, args[:n]
	}
	return r.run(&cli.Context{Context: ctx}, root, args)
}

type runner struct {
	app       *cli.App
	completes bool
}

// run carries out the command that args begin with.
func (r *runner) run(parent *cli.Context, cmd *cli.Command, args []string) error {
	isRoot := parent.App == nil
	cmd.Flags = withHelp(cmd.Flags)
	for _, c := range cmd.Subcommands {
		if c.HelpName == "" {
			c.HelpName = cmd.HelpName + " " + c.Name
		}
	}
	set, err := r.parse(cmd, args)
	c := cli.NewContext(r.app, set, parent)
	c.Command = cmd
	next := cmd.Command(c.Args().First())
	switch {
	case r.completes && next == nil:
		complete(c)
		return nil
	case err != nil:
		return cmd.OnUsageError(c, err, !isRoot)
	case c.Bool("help"):
		return Help(c)
	case next != nil:
		return r.run(c, next, c.Args().Slice())
	default:
		return cmd.Action(c)
	}
}

// withHelp returns flags with the one for help behind them.
func withHelp(flags []cli.Flag) []cli.Flag {
	if slices.Contains(flags, cli.HelpFlag) {
		return flags
	}
	return append(slices.Clip(flags), cli.HelpFlag)
}

// parse reads the flags that stand behind the name of cmd; the set is empty if it cannot. Of a line that is to be
// completed it reads what it can.
func (r *runner) parse(cmd *cli.Command, args []string) (*flag.FlagSet, error) {
	set := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	none := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
	for _, f := range cmd.Flags {
		if err := f.Apply(set); err != nil { // a variable of the environment
			return none, err
		}
	}
	if len(args) > 0 {
		args = args[1:]
	}
	if err := set.Parse(args); err != nil && !r.completes {
		return none, err
	}
	if err := alike(cmd.Flags, set); err != nil {
		return none, err
	}
	return set, nil
}

// alike gives all names of a flag the value that was set under one of them.
func alike(flags []cli.Flag, set *flag.FlagSet) error {
	said := map[string]*flag.Flag{}
	set.Visit(func(f *flag.Flag) { said[f.Name] = f })
	for _, f := range flags {
		var given *flag.Flag
		for _, name := range f.Names() {
			if said[name] != nil && given != nil {
				return errors.New("Cannot use two forms of the same flag: " + name + " " + given.Name)
			}
			if said[name] != nil {
				given = said[name]
			}
		}
		if given == nil {
			continue
		}
		for _, name := range f.Names() {
			if said[name] == nil {
				if err := set.Set(name, text(given.Value)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// text is a value as it is set again.
func text(v flag.Value) string {
	if s, ok := v.(cli.Serializer); ok {
		return s.Serialize()
	}
	return v.String()
}

// complete prints what can stand at the end of the line of c.
func complete(c *cli.Context) {
	if c.Command.BashComplete != nil {
		c.Command.BashComplete(c)
		return
	}
	cli.DefaultCompleteWithFlags(c.Command)(c)
}

// names are those of a command, as help and completions show them.
func names(c *cli.Command, between string) string { return strings.Join(c.Names(), between) }
