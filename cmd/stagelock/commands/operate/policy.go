package operate

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/trial"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/syncserver/kinds"
)

func (sh shell) policyCommand() *cli.Command {
	return &cli.Command{
		Name: "policy", Usage: "print what passes and every reason of a refusal, or try a call",
		Flags: lineFlags(), Action: sh.policyAll,
		Subcommands: []*cli.Command{
			{
				Name: "calls", Usage: "print the calls that pass to an engine of a version line, and what each is",
				Action: sh.policyCalls,
				Flags:  lineFlags(),
			},
			{
				Name: "text", Usage: "print the whole policy in words, as auditors read it beside the code",
				Action: sh.policyText, Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
			},
			{
				Name: "tasks", Usage: "print the tasks of a Kentico that pass, and which setting of a peer opens the others",
				Action: sh.policyTasks, Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
			},
			{
				Name: "reasons", Usage: "print every reason of a refusal: what it means, what to do, what the caller gets",
				ArgsUsage: "[CODE]", Action: sh.policyReasons,
				Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
			},
			{
				Name: "test", Usage: "say whether a call would pass, and if not, which line of the configuration refuses it",
				Description: "Exit 0 if it passes, 77 if not. What only a running gateway knows, such as quotas and staging " +
					"requests,\nis not looked at. The secret is tried if --secret-file, STAGELOCK_SECRET or STAGELOCK_SECRET_FILE is given.",
				Action: sh.policyTest,
				Flags: append(append(flags.Config(),
					&cli.StringFlag{Name: "from", Usage: "the publisher's address"},
					&cli.StringFlag{Name: "via", Usage: "address of the proxy that it comes through"},
					&cli.StringFlag{Name: "login", Usage: "login of the publisher"},
					&cli.Int64Flag{Name: "site", Usage: "id of the live site"},
					&cli.StringFlag{Name: "call", Usage: "name of the call, such as createStagingRequest; else all that a publish is made of"},
					&cli.StringFlag{Name: "part", Usage: "length of a part, such as 10MiB"},
					&cli.StringFlag{Name: "task", Usage: "engine.profile kentico: type of the task", Value: "UpdateDocument"},
					&cli.StringFlag{Name: "object", Usage: "of a task: type of its object, such as media.file; none for a page"},
					&cli.StringSliceFlag{Name: "table", Usage: "of a task: a table whose rows it has; may be repeated"}),
					flags.Secret()...),
			},
		},
	}
}

func (sh shell) policyText(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(map[string]string{"policy": calls.Text()})
	}
	return sh.Printf("%s", calls.Text())
}

func lineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "line", Value: "7.4",
			Usage: "version line of the live engine: " + strings.Join(calls.Lines(), ", ")},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
	}
}

// policyAll prints all that the binary knows of what passes.
func (sh shell) policyAll(c *cli.Context) error {
	if err := sh.policyCalls(c); err != nil {
		return err
	}
	if !sh.JSON {
		if err := sh.Printf("\nAnything else is refused, with one of these reasons:\n\n"); err != nil {
			return err
		}
	}
	return sh.policyReasons(c)
}

// rule is a call that passes, for a script.
type rule struct {
	Signature string `json:"signature"`
	Kind      string `json:"kind"`
	Returns   string `json:"returns"`
	Guarded   bool   `json:"guarded"`
	Failover  bool   `json:"failover"`
}

func (sh shell) policyCalls(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	preset, err := calls.NewPreset(flags.Line(c))
	if err != nil {
		return flags.Misused(c, "--line: %v", err)
	}
	rows := [][]string{{"KIND", "REPEAT", "OTHER NODE", "CALL"}}
	for _, r := range preset.Rules() {
		if sh.JSON {
			if err := sh.Print(rule{r.Signature(), r.Kind.String(), r.Returns, r.Guarded, r.Failover}); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{r.Kind.String(), choose(r.Guarded, "first one's answer", "carried out"),
			choose(r.Failover, "yes", "no"), r.Signature()})
	}
	if sh.JSON {
		return nil
	}
	return sh.Table(rows)
}

func choose(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// explanation is a reason for a script.
type explanation struct {
	Code    string `json:"code"`
	Meaning string `json:"meaning"`
	Cure    string `json:"cure"`
	Answer  string `json:"answer"`
	Status  int    `json:"status,omitempty"`
	Level   string `json:"level"`
}

func (sh shell) policyReasons(c *cli.Context) error {
	if c.Args().Len() > 1 {
		return flags.Misused(c, "reasons does not know what to do with %q", c.Args().Get(1))
	}
	code, found := c.Args().First(), false
	for _, r := range policy.Reasons() {
		if code != "" && r.Code != code && r.Family() != code {
			continue
		}
		found = true
		if err := sh.showReason(r); err != nil {
			return err
		}
	}
	if !found {
		return flags.Misused(c, "there is no reason %q", code)
	}
	return nil
}

func (sh shell) showReason(r policy.Reason) error {
	if sh.JSON {
		return sh.Print(explanation{r.Code, r.Meaning, r.Cure, r.Answer.String(), r.Answer.Status(), r.Level.String()})
	}
	return sh.Printf("%s\n  means       %s\n  what to do  %s\n  answer      %s\n", sh.Paint(sh.Out).Title(r.Code), r.Meaning,
		r.Cure, r.Answer)
}

func (sh shell) policyTest(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return err
	}
	cfg, problems := flags.Examine(load)
	if cfg == nil || conf.Fatal(problems) {
		return flags.BadConfig(sh.Shell, problems)
	}
	steps, problems, err := sh.tried(c, cfg)
	if err != nil {
		return err
	}
	if conf.Fatal(problems) {
		return flags.BadConfig(sh.Shell, problems)
	}
	pass := len(steps) > 0 && steps[len(steps)-1].Pass
	if err := sh.showTrial(pass, steps); err != nil {
		return err
	}
	if !pass {
		return &term.SilentError{Code: term.ExitDenied}
	}
	return nil
}

// tried holds the call of the flags, or the task where the engine is a Kentico, against a configuration.
func (sh shell) tried(c *cli.Context, cfg *conf.Config) ([]trial.Step, []conf.Problem, error) {
	needed := []string{"from", "login", "site"}
	if cfg.Kenticos() {
		needed = needed[:2]
	}
	t, err := sh.trial(c, needed)
	if err != nil {
		return nil, nil, err
	}
	if cfg.Kenticos() {
		steps, problems := trial.RunTask(cfg, trial.Task{
			Call: t, Type: c.String("task"), Object: c.String("object"), Tables: c.StringSlice("table"),
		})
		return steps, problems, nil
	}
	if t.Authorization, err = sh.authorization(c, cfg, t.Login); err != nil {
		return nil, nil, err
	}
	steps, problems := trial.Run(cfg, t)
	return steps, problems, nil
}

// policyTasks prints what passes of a Kentico's tasks.
func (sh shell) policyTasks(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	if sh.JSON {
		return sh.Print(map[string]any{
			"types": kinds.All(), "objects": kinds.Objects(), "dangerous_types": kinds.Dangerous(),
		})
	}
	rows := [][]string{{"TASK", "OPENED BY"}}
	for _, k := range kinds.All() {
		rows = append(rows, []string{k.Type, cmp.Or(k.Needs, "-")})
	}
	if err := sh.Table(rows); err != nil {
		return err
	}
	rows = [][]string{{"OBJECT", "TABLES"}}
	for _, o := range kinds.Objects() {
		rows = append(rows, []string{o.Object, strings.Join(o.Tables, ", ")})
	}
	if err := sh.Printf("\n"); err != nil {
		return err
	}
	if err := sh.Table(rows); err != nil {
		return err
	}
	return sh.Printf("\nOther types and tables pass where tables of the peer names them; these need dangerous_types too:\n%s\n",
		strings.Join(kinds.Dangerous(), " "))
}

func (sh shell) trial(c *cli.Context, needed []string) (t trial.Call, err error) {
	for _, name := range needed {
		if !c.IsSet(name) {
			return t, flags.Misused(c, "test needs --%s", name)
		}
	}
	t = trial.Call{Login: c.String("login"), Site: c.Int64("site"), Method: c.String("call")}
	if t.From, err = netip.ParseAddr(c.String("from")); err != nil {
		return t, flags.Misused(c, "--from: %q is not an address", c.String("from"))
	}
	if via := c.String("via"); via != "" {
		if t.Via, err = netip.ParseAddr(via); err != nil {
			return t, flags.Misused(c, "--via: %q is not an address", via)
		}
	}
	if part := c.String("part"); part != "" {
		if t.PartSize, err = flags.ParseSize(part); err != nil {
			return t, flags.Misused(c, "--part: %v", err)
		}
	}
	return t, nil
}

// authorization makes the header of the publisher, if there is a secret to make it with.
func (sh shell) authorization(c *cli.Context, cfg *conf.Config, login string) (string, error) {
	if c.String("secret-file") == "" && sh.Env("STAGELOCK_SECRET") == "" && sh.Env("STAGELOCK_SECRET_FILE") == "" {
		return "", nil
	}
	if err := secret.CheckLogin(login); err != nil {
		return "", flags.Misused(c, "--login: %v", err)
	}
	k, problems, err := flags.Key(sh.Shell, c, cfg.Engine.Line)
	if err != nil {
		return "", err
	}
	if k == nil {
		for _, p := range problems {
			if !p.Warning {
				return "", &term.DataError{Msg: "the secret cannot be used: " + p.Msg, Cure: p.Cure}
			}
		}
	}
	return k.Authorization(login, false, cfg.Engine.Line == liferay.Line62), nil
}

func (sh shell) showTrial(pass bool, steps []trial.Step) error {
	if sh.JSON {
		return sh.Print(map[string]any{"ok": pass, "steps": steps})
	}
	paint := sh.Paint(sh.Out)
	for _, s := range steps {
		verdict := paint.Good("pass")
		if !s.Pass {
			verdict = paint.Bad("DENY " + s.Reason)
		}
		text := term.Plain(s.Msg)
		if s.Peer != "" {
			text = "peer " + term.Plain(s.Peer) + ": " + text
		}
		if err := sh.Printf("%-7s %s  %s%s\n", s.Step, verdict, text, where(s)); err != nil {
			return err
		}
		if s.Cure != "" {
			if err := sh.Printf("        what to do: %s\n", s.Cure); err != nil {
				return err
			}
		}
	}
	if pass {
		return sh.Printf("It would pass.\n")
	}
	return sh.Printf("It would be refused.\n")
}

// where is the setting that decides, and its line.
func where(s trial.Step) string {
	switch {
	case s.Setting == "":
		return ""
	case s.File == "":
		return fmt.Sprintf("  [%s]", s.Setting)
	case s.Line == 0:
		return fmt.Sprintf("  [%s, %s]", s.Setting, s.File)
	}
	return fmt.Sprintf("  [%s, %s:%d]", s.Setting, s.File, s.Line)
}
