package line

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

// Help prints the help of the command of c to the app's writer: its usage, commands and flags.
func Help(c *cli.Context) error {
	cmd, options, global := c.Command, " [command options]", ""
	if len(c.Lineage()) <= 2 { // the program itself
		options, global = " [global options] command [command options]", "GLOBAL "
	}
	w := tabwriter.NewWriter(c.App.Writer, 1, 8, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // what fails fails at Flush
	p("NAME:\n   %s", below(cmd.HelpName, 3))
	if cmd.Usage != "" {
		p(" - %s", below(cmd.Usage, len(cmd.HelpName)+6))
	}
	p("\n\nUSAGE:\n   %s%s", cmd.HelpName, options)
	if cmd.ArgsUsage != "" {
		p(" %s", cmd.ArgsUsage)
	}
	if cmd.Description != "" {
		p("\n\nDESCRIPTION:\n   %s", below(cmd.Description, 3))
	}
	helpCommands(w, cmd.VisibleCommands())
	p("\n\n%sOPTIONS:", global)
	for _, f := range cmd.VisibleFlags() {
		p("\n   %s", below(f.String(), 6))
	}
	p("\n")
	return w.Flush()
}

// helpCommands prints commands with their usage in a second column.
func helpCommands(w io.Writer, all []*cli.Command) {
	if len(all) == 0 {
		return
	}
	widest := 0
	for _, c := range all {
		widest = max(widest, len(names(c, ", ")))
	}
	_, _ = fmt.Fprint(w, "\n\nCOMMANDS:")
	for _, c := range all {
		_, _ = fmt.Fprintf(w, "\n   %-*s  %s", widest, names(c, ", "), below(c.Usage, widest+5))
	}
}

// below is text whose further lines begin at a column.
func below(text string, column int) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if i > 0 && l != "" {
			lines[i] = strings.Repeat(" ", column) + l
		}
	}
	return strings.Join(lines, "\n")
}
