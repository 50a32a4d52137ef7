package flags

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
)

// Operands returns exactly the operands that the command has names for.
func Operands(c *cli.Context, names ...string) ([]string, error) {
	args := c.Args().Slice()
	if len(args) < len(names) {
		return nil, Misused(c, "%s needs %s", c.Command.Name, names[len(args)])
	}
	if len(args) > len(names) {
		return nil, Misused(c, "%s does not know what to do with %q", c.Command.Name, args[len(names)])
	}
	return args, nil
}

// Names are what a flag or operand may be, in one line.
func Names[S ~string](all []S) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

// Misused returns a term.UsageError that names the help of the command.
func Misused(c *cli.Context, format string, args ...any) error {
	e := &term.UsageError{Msg: fmt.Sprintf(format, args...)}
	if c.Command != nil {
		e.Command = c.Command.HelpName
	}
	return e
}

// Line is the version line that the flag of that name means: people know theirs as 2024.Q4 or 7.4 u92.
func Line(c *cli.Context) string { return conf.Line(c.String("line")) }
