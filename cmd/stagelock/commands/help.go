package commands

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/line"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf/settings/suggest"
)

// helped turns every way to ask for help into the one that the parser knows: the command's path and
// --help behind it.
func helped(app *cli.App, args []string) ([]string, error) {
	if len(args) > 1 && (args[1] == "help" || args[1] == "h") {
		args = append([]string{args[0]}, args[2:]...)
		n, _ := commandOf(app, args)
		if n < len(args) && !strings.HasPrefix(args[n], "-") {
			return nil, unknown(app, args[:n], args[n])
		}
		return append(args[:n:n], "--help"), nil
	}
	n, known := commandOf(app, args)
	for i := n; i < len(args) && args[i] != "--"; i++ {
		if asksHelp.MatchString(args[i]) {
			return append(args[:n:n], "--help"), nil
		}
		if takesValue(known, args[i]) {
			i++
		}
	}
	return args, nil
}

var asksHelp = regexp.MustCompile(`^--?(help|h)(=.*)?$`)

// unknown is the error for a word that no command behind path has.
func unknown(app *cli.App, path []string, word string) error {
	commands := app.Commands
	for _, name := range path[min(1, len(path)):] {
		commands = named(commands, name).Subcommands
	}
	var names []string
	for _, c := range commands {
		names = append(names, c.Names()...)
	}
	return &term.UsageError{Command: strings.Join(path, " "),
		Msg: fmt.Sprintf("there is no command %q%s", word, suggestion(word, names, ""))}
}

func unknownCommand(c *cli.Context) error {
	if !c.Args().Present() {
		return line.Help(c)
	}
	return unknown(c.App, pathOf(c), c.Args().First())
}

// pathOf returns the words that name the command of c.
func pathOf(c *cli.Context) []string {
	if c.Command == nil || c.Command.HelpName == "" {
		return []string{c.App.Name}
	}
	return strings.Fields(c.Command.HelpName)
}

var (
	undefinedFlag = regexp.MustCompile(`^flag provided but not defined: -+(.*)$`)
	badValue      = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-+([^:]*): (.*)$`)
)

// misused says in words of its own what the parser says about flags.
func misused(c *cli.Context, err error, _ bool) error {
	if m := undefinedFlag.FindStringSubmatch(err.Error()); m != nil {
		var names []string
		for _, f := range flagsOf(c) {
			names = append(names, f.Names()...)
		}
		return flags.Misused(c, "there is no flag --%s%s", m[1], suggestion(m[1], names, "--"))
	}
	if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		return flags.Misused(c, "--%s: invalid value %s", m[2], m[1])
	}
	return flags.Misused(c, "%v", err)
}

func flagsOf(c *cli.Context) []cli.Flag {
	if c.Command == nil || len(pathOf(c)) == 1 {
		return c.App.Flags
	}
	return c.Command.Flags
}

// suggestion asks whether the one of names that is nearest to word was meant; nothing if none is
// near.
func suggestion(word string, names []string, prefix string) string {
	best, nearest := "", 3
	for _, n := range names {
		if d := suggest.Distance(word, n); d < nearest && d < len(n) {
			best, nearest = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s%s?", prefix, best)
}
