package operate

import (
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
)

func (sh shell) validateCommand() *cli.Command {
	return &cli.Command{
		Name:  "validate",
		Usage: "say what is wrong with the configuration, all at once, without starting anything",
		Flags: flags.Config(), Action: sh.validate,
	}
}

func (sh shell) validate(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return err
	}
	cfg, problems := flags.Examine(load)
	if cfg != nil && !conf.Fatal(problems) {
		problems = append(problems, flags.ExamineShared(cfg)...)
		conf.Sort(problems)
	}
	r := flags.Checked{OK: !conf.Fatal(problems), Problems: flags.Problems(problems)}
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
		return &term.ConfigError{Msg: "the configuration cannot be used", Said: true}
	}
	return nil
}

func (sh shell) showExamined(r flags.Checked, problems []conf.Problem) error {
	if sh.JSON {
		return sh.Print(r)
	}
	paint := sh.Paint(sh.Out)
	if err := flags.ShowProblems(sh.Printf, paint, problems); err != nil {
		return err
	}
	switch {
	case !r.OK:
		return sh.Printf("%s\n", paint.Bad(term.Count(r.Errors, "error")+", "+term.Count(r.Warnings, "warning")))
	case r.Warnings > 0:
		return sh.Printf("The configuration can be used, with %s.\n", term.Count(r.Warnings, "warning"))
	}
	return sh.Printf("The configuration can be used.\n")
}
