package commands

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
)

func (sh shell) manualCommand() *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "print the manual page: stagelock man > stagelock.8",
		Action: func(c *cli.Context) error {
			if _, err := flags.Operands(c); err != nil {
				return err
			}
			return sh.Printf("%s", manual(c.App, sh.Version))
		},
	}
}

// page is a manual page in the language of man(7).
type page struct{ strings.Builder }

// line writes one line of the language; every argument is text.
func (p *page) line(macro string, args ...string) {
	p.WriteString(macro)
	for _, a := range args {
		p.WriteString(` "` + strings.ReplaceAll(escaped(a), `"`, `\(dq`) + `"`)
	}
	p.WriteByte('\n')
}

// text writes text that is filled, a line break in it being a new line.
func (p *page) text(s string) {
	for i, l := range strings.Split(strings.TrimSpace(s), "\n") {
		if i > 0 {
			p.line(".br")
		}
		if l = escaped(l); strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			l = `\&` + l
		}
		p.WriteString(l + "\n")
	}
}

func escaped(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
}

// manual is the manual page of all commands.
func manual(app *cli.App, version string) string {
	var p page
	p.line(".TH", "STAGELOCK", "8", "", "stagelock "+version)
	p.line(".SH", "NAME")
	p.text(app.Name + " - " + app.Usage)
	p.line(".SH", "SYNOPSIS")
	p.line(".B", app.Name)
	p.text("COMMAND [FLAG...] [OPERAND...]")
	p.line(".SH", "DESCRIPTION")
	p.text("stagelock stands in front of a live web site that is published to from a staging server. It ends HTTPS, " +
		"admits hosts, verifies the shared secret, reads every call as it streams by, lets only valid publish and import " +
		"calls through to the staging engine beside it, and writes down each of them. Flags may stand in front of " +
		"operands or behind them.")
	p.line(".SH", "COMMANDS")
	for _, c := range app.Commands {
		p.command(app.Name, c)
	}
	for _, s := range sections {
		p.line(".SH", s.title)
		if s.text != "" {
			p.text(s.text)
		}
		for _, r := range s.rows {
			p.line(".TP")
			p.line(".B", r[0])
			p.text(r[1])
		}
	}
	return p.String()
}

func (p *page) command(before string, c *cli.Command) {
	name := before + " " + c.Name
	if c.Name == "help" {
		return
	}
	if len(c.Subcommands) == 0 {
		p.line(".SS", strings.TrimSpace(name+" "+c.ArgsUsage))
		p.text(c.Usage)
		if c.Description != "" {
			p.line(".PP")
			p.text(c.Description)
		}
	}
	for _, f := range c.VisibleFlags() {
		if d, ok := f.(cli.DocGenerationFlag); ok && len(c.Subcommands) == 0 && f.Names()[0] != "help" {
			p.flag(d)
		}
	}
	for _, s := range c.Subcommands {
		p.command(name, s)
	}
}

func (p *page) flag(f cli.DocGenerationFlag) {
	n, _ := f.(cli.Flag)
	var names []string
	for _, name := range n.Names() {
		names = append(names, strings.Repeat("-", min(2, len(name)))+name)
	}
	label := strings.Join(names, ", ")
	if f.TakesValue() {
		label += " VALUE"
	}
	p.line(".TP")
	p.line(".B", label)
	text := f.GetUsage()
	if d := f.GetDefaultText(); d != "" && f.TakesValue() && d != `""` && d != "0" && d != "0s" {
		text += fmt.Sprintf(" (default: %s)", d)
	}
	if env := f.GetEnvVars(); len(env) > 0 {
		text += fmt.Sprintf(" ($%s)", strings.Join(env, ", $"))
	}
	p.text(text)
}

// sections stand behind the commands.
var sections = []struct {
	title, text string
	rows        [][2]string
}{
	{"SIGNALS", "Of stagelock run:", [][2]string{
		{"SIGHUP", "reads the configuration again; a bad one changes nothing"},
		{"SIGINT, SIGTERM", "the first one lets publishes in progress end, the second one ends at once"},
	}},
	{"FILES", "In the data folder of a gateway:", [][2]string{
		{"admin.sock", "the socket of stagelock status and stagelock reload; whoever opens it is the operator"},
		{
			"audit, audit.checkpoint, audit.key, audit.key.pub",
			"the audit log, its newest checkpoint, and the keys that sign and verify it",
		},
		{"stagelock.db", "requests and repeats, unless store is postgres"},
		{"tls", "certificates, and ca.pem, which publishers must trust if tls.source is local"},
	}},
	{"EXIT STATUS", "", [][2]string{
		{"0", "done"},
		{"1", "the gateway could not start or is not ready; a check found something to mend"},
		{"2", "forced to quit by a second signal"},
		{"3", "the gateway did not end in order, or nobody knows how a publish ended"},
		{"64", "the command line cannot be understood"},
		{"65", "the data is bad or not there: an archive, a log, a reference, a secret"},
		{"69", "the other side cannot be reached or cannot be understood"},
		{"73", "an output cannot be written"},
		{"75", "try again later"},
		{"77", "denied"},
		{"78", "the configuration is wrong"},
		{"130, 143", "stopped by Ctrl-C or SIGTERM in the middle of a publish, which said what is known"},
	}},
	{"ENVIRONMENT", "Each setting of the configuration has a variable, see stagelock config reference.", [][2]string{
		{"STAGELOCK_CONFIG", "the configuration file"},
		{"STAGELOCK_SECRET, STAGELOCK_SECRET_FILE", "the shared secret of a publish, or its file"},
		{"STAGELOCK_LOGIN", "the login of a publish"},
		{"STAGELOCK_ENGINE, STAGELOCK_TOKEN_FILE", "the reference engine that site, content, user and staging speak to"},
		{"NO_COLOR", "no colour on a terminal"},
	}},
}
