package operate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
)

// running returns the flags that say which gateway is spoken to, and for how long.
func running(wait time.Duration) []cli.Flag {
	return flags.Running(&cli.DurationFlag{Name: "timeout", Value: wait, Usage: "how long the answer may take"})
}

// gateway returns a client of the gateway that is meant, for a command without operands.
func (sh shell) gateway(c *cli.Context) (*admin.Client, error) {
	if _, err := flags.Operands(c); err != nil {
		return nil, err
	}
	return flags.Gateway(sh.Shell, c)
}

func (sh shell) reloadCommand() *cli.Command {
	return &cli.Command{
		Name: "reload", Usage: "have the running gateway read its configuration again",
		Description: "Says which settings have changed, or what is wrong; then nothing has. The gateway reads the file, " +
			"the variables\nand the flags that it was started with.",
		Flags: running(2 * time.Minute), Action: sh.reload,
	}
}

// broken returns the problems of a configuration that cannot be used, nil if it can be or --socket says
// who is asked. A gateway that runs is asked all the same and may see it otherwise: it has other
// variables, and may read other files. But a file that says nowhere where it listens, such as one that
// was emptied, may not speak for the one at the usual place.
func (sh shell) broken(c *cli.Context) (problems []conf.Problem, nowhere bool, err error) {
	if c.String("socket") != "" {
		return nil, false, nil
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return nil, false, err
	}
	cfg, problems := load()
	if !conf.Fatal(problems) {
		return nil, false, nil
	}
	return problems, cfg == nil || !cfg.Written("data") && !cfg.Written("admin.listen"), nil
}

func (sh shell) reload(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	bad, nowhere, err := sh.broken(c)
	if err != nil {
		return err
	}
	if bad != nil && nowhere {
		return flags.Unasked(sh.Shell, bad)
	}
	client, err := sh.gateway(c)
	if err != nil {
		return err
	}
	ctx, cancel := timeout(c)
	defer cancel()
	done, err := client.Reload(ctx)
	if errors.Is(err, admin.ErrNobody) && bad != nil {
		return flags.Unasked(sh.Shell, bad)
	}
	if err != nil {
		return flags.Unreached(err)
	}
	if err := sh.showReloaded(done); err != nil {
		return err
	}
	if !done.OK {
		return &term.SilentError{Code: refusedReload(done)}
	}
	return nil
}

// refusedReload is the exit code of a reload that failed: the configuration is wrong, or something
// else is.
func refusedReload(r admin.Reloaded) int {
	for _, p := range r.Problems {
		if !p.Warning {
			return term.ExitConfig
		}
	}
	return term.ExitStart
}

func (sh shell) showReloaded(r admin.Reloaded) error {
	if sh.JSON {
		return sh.Print(r)
	}
	paint := sh.Paint(sh.Out)
	var problems []conf.Problem
	for _, p := range r.Problems {
		problems = append(
			problems,
			conf.Problem{File: p.File, Line: p.Line, Path: p.Path, Msg: p.Message, Cure: p.Cure, Warning: p.Warning},
		)
	}
	if err := flags.ShowProblems(sh.Printf, paint, problems); err != nil {
		return err
	}
	if !r.OK {
		return sh.Printf("%s\n", paint.Bad(term.Plain(r.Message)))
	}
	for _, name := range r.Changed {
		if err := sh.Printf("changed: %s%s\n", term.Plain(name), later(name, r.Restart)); err != nil {
			return err
		}
	}
	return sh.Printf("%s\n", paint.Good(fmt.Sprintf("Reloaded: %s.", term.Plain(r.Message))))
}

func later(name string, restart []string) string {
	if slices.Contains(restart, name) {
		return " (counts after a restart only)"
	}
	return ""
}
