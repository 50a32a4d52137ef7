package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// reorder puts the flags of a command line in front of its operands: the parser ignores those that
// follow one.
func reorder(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 {
		return args, nil
	}
	n, flags := commandOf(app, args)
	front, operands, said := args[:n:n], []string(nil), map[cli.Flag]string{}
	for i := n; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			operands = append(operands, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			operands = append(operands, arg)
			continue
		}
		words := args[i : i+1]
		if takesValue(flags, arg) {
			if i+1 == len(args) || isFlag(flags, args[i+1]) {
				return nil, &term.UsageError{Msg: arg + " needs a value", Command: strings.Join(args[:n], " ")}
			}
			i++
			words = args[i-1 : i+1]
		}
		if err := once(said, flags, words); err != nil {
			return nil, &term.UsageError{Msg: err.Error(), Command: strings.Join(args[:n], " ")}
		}
		front = append(front, words...)
	}
	if slices.ContainsFunc(operands, func(s string) bool { return len(s) > 1 && s[0] == '-' }) {
		front = append(front, "--")
	}
	return append(front, operands...), nil
}

// once refuses a second value for a flag that has one: which of them was meant is not guessed.
func once(said map[cli.Flag]string, flags []cli.Flag, words []string) error {
	f, _ := flagOf(flags, words[0])
	list, isList := f.(cli.DocGenerationSliceFlag)
	if _, isBool := f.(*cli.BoolFlag); f == nil || isBool || isList && list.IsSliceFlag() {
		return nil
	}
	now := strings.Join(words, " ")
	if before, again := said[f]; again {
		return fmt.Errorf("--%s is given twice, as %s and as %s", f.Names()[0], before, now)
	}
	said[f] = now
	return nil
}

// commandOf returns how many of args name the command, and its flags.
func commandOf(app *cli.App, args []string) (n int, flags []cli.Flag) {
	n, flags = 1, app.Flags
	for commands := app.Commands; n < len(args); n++ {
		c := named(commands, args[n])
		if c == nil {
			break
		}
		flags, commands = c.Flags, c.Subcommands
	}
	return n, flags
}

func named(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// flagOf returns the flag that arg names, with a value behind = or not; nil if the command does not
// have it.
func flagOf(flags []cli.Flag, arg string) (f cli.Flag, value bool) {
	name, ok := strings.CutPrefix(arg, "-")
	if !ok {
		return nil, false
	}
	name, _, value = strings.Cut(strings.TrimPrefix(name, "-"), "=")
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				return f, value
			}
		}
	}
	return nil, value
}

func isFlag(flags []cli.Flag, arg string) bool {
	f, _ := flagOf(flags, arg)
	return f != nil
}

// takesValue reports whether the value of the flag is the next argument.
func takesValue(flags []cli.Flag, arg string) bool {
	f, has := flagOf(flags, arg)
	_, isBool := f.(*cli.BoolFlag)
	return f != nil && !isBool && !has
}
