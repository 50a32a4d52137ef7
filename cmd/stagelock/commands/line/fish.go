package line

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// fishHead are the comment and the function that a script for fish begins with: the name of the program, of the
// program, and of all commands.
const fishHead = `# %[1]s fish shell completion

function __fish_%[1]s_no_subcommand --description 'Test if there has been any subcommand yet'
    for i in (commandline -opc)
        if contains -- $i%[2]s
            return 1
        end
    end
    return 0
end

%[3]s`

// Fish returns the script that completes the commands of app, which runs, in the shell fish.
func Fish(app *cli.App) string {
	s := &script{program: app.Name}
	s.flags(visible(app.Flags), nil)
	s.flags([]cli.Flag{cli.HelpFlag}, nil)
	s.commands(app.VisibleCommands(), nil)
	return fmt.Sprintf(fishHead, app.Name, s.words.String(), s.lines.String())
}

// visible are the flags that are shown.
func visible(flags []cli.Flag) []cli.Flag { return (&cli.Command{Flags: flags}).VisibleFlags() }

// script is what was written of a script for fish.
type script struct {
	program string
	words   strings.Builder // a blank and a name for each name of a command
	lines   strings.Builder
}

// where is the condition under which something is completed: behind one of the names, or before any command.
func (s *script) where(behind []string) string {
	if len(behind) == 0 {
		return fmt.Sprintf("__fish_%s_no_subcommand", s.program)
	}
	return "__fish_seen_subcommand_from " + strings.Join(behind, " ")
}

func (s *script) commands(all []*cli.Command, behind []string) {
	for _, c := range all {
		if c.Hidden {
			continue
		}
		for _, n := range c.Names() {
			s.words.WriteString(" " + n)
		}
		s.flags([]cli.Flag{cli.HelpFlag}, c.Names())
		fmt.Fprintf(&s.lines, "complete -r -c %s -n '%s' -a '%s'%s\n", s.program, s.where(behind), names(c, " "), told(c.Usage))
		s.flags(c.VisibleFlags(), c.Names())
		s.commands(c.Subcommands, c.Names())
	}
}

func (s *script) flags(all []cli.Flag, behind []string) {
	for _, f := range all {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		fmt.Fprintf(&s.lines, "complete -c %s -n '%s'%s", s.program, s.where(behind), files(f))
		option := " -l "
		for _, n := range f.Names() {
			s.lines.WriteString(option + n)
			option = " -s "
		}
		if d.TakesValue() {
			s.lines.WriteString(" -r")
		}
		s.lines.WriteString(told(d.GetUsage()) + "\n")
	}
}

// files keeps fish from completing names of files, but behind a flag that takes one.
func files(f cli.Flag) string {
	if s, ok := f.(*cli.StringFlag); ok && s.TakesFile {
		return ""
	}
	return " -f"
}

// told is the description of a completion.
func told(usage string) string {
	if usage == "" {
		return ""
	}
	return " -d '" + strings.ReplaceAll(usage, "'", `\'`) + "'"
}
