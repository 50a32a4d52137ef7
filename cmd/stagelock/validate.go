package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node"
)

func (sh *shell) validateCommand() *cli.Command {
	return &cli.Command{
		Name:  "validate",
		Usage: "say what is wrong with the configuration, all at once, without starting anything",
		Flags: configFlags(), Action: sh.validate,
	}
}

// checked is a configuration that was looked at, for a script.
type checked struct {
	OK       bool           `json:"ok"`
	Errors   int            `json:"errors"`
	Warnings int            `json:"warnings"`
	Problems []foundProblem `json:"problems"`
}

func (sh *shell) validate(c *cli.Context) error {
	if _, err := operands(c); err != nil {
		return err
	}
	load, err := sh.loader(c)
	if err != nil {
		return err
	}
	_, problems := examine(load)
	r := checked{OK: !conf.Fatal(problems), Problems: forScript(problems)}
	for _, p := range problems {
		if p.Warning {
			r.Warnings++
			continue
		}
		r.Errors++
	}
	if err := sh.showExamined(r, problems); err != nil {
		return err
	}
	if !r.OK {
		return &configError{msg: "the configuration cannot be used", said: true}
	}
	return nil
}

func (sh *shell) showExamined(r checked, problems []conf.Problem) error {
	if sh.json {
		return sh.print(r)
	}
	paint := sh.paint(sh.out)
	if err := sh.showProblems(sh.printf, paint, problems); err != nil {
		return err
	}
	switch {
	case !r.OK:
		return sh.printf("%s\n", paint.bad(count(r.Errors, "error")+", "+count(r.Warnings, "warning")))
	case r.Warnings > 0:
		return sh.printf("The configuration can be used, with %s.\n", count(r.Warnings, "warning"))
	}
	return sh.printf("The configuration can be used.\n")
}

// examine loads the configuration and finds all that is wrong with it, each thing once.
func examine(load func() (*conf.Config, []conf.Problem)) (*conf.Config, []conf.Problem) {
	cfg, problems := load()
	if cfg == nil {
		return nil, problems
	}
	known := map[string]bool{} // a setting that is wrong by itself is not said to fit nothing
	for _, p := range problems {
		known[p.Path] = known[p.Path] || !p.Warning
	}
	for _, p := range node.Check(cfg) {
		if !known[p.Path] {
			problems = append(problems, p)
		}
	}
	conf.Sort(problems)
	return cfg, problems
}

// badConfig reports problems that keep a command from its work.
func (sh *shell) badConfig(problems []conf.Problem) error {
	if sh.json {
		_ = sh.print(checked{Problems: forScript(problems)}) // there is nowhere else to say it
	} else {
		_ = sh.showProblems(func(format string, args ...any) error {
			_, err := fmt.Fprintf(sh.err, format, args...)
			return err
		}, sh.paint(sh.err), problems)
	}
	return &configError{msg: "the configuration cannot be used", said: true}
}
