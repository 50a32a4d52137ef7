package audit

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/trail"
	"github.com/stagelock/stagelock/policy"
)

func (sh shell) explainCommand() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "tell the whole story of one reference, and what to do",
		Description: "The reference is in the message that the publisher got, in the header X-Stagelock-Reference, and in the log.",
		ArgsUsage:   "REFERENCE", Action: sh.auditExplain, Flags: auditFlags(),
	}
}

// explained is a story for a script.
type explained struct {
	*trail.Story
	Meaning string `json:"meaning,omitempty"`
	Cure    string `json:"cure,omitempty"`
}

func (sh shell) auditExplain(c *cli.Context) error {
	args, err := flags.Operands(c, "the REFERENCE to explain")
	if err != nil {
		return err
	}
	logs, err := flags.OpenLogs(sh.Shell, c)
	if err != nil {
		return err
	}
	defer func() { _ = logs.Close() }() // it was only read
	events, err := logs.Events(c.Context)
	if err != nil {
		return err
	}
	s, err := trail.Explain(c.Context, args[0], events...)
	if errors.Is(err, trail.ErrUnknownRef) {
		return unknownRef(args[0], logs)
	}
	if err != nil {
		return ended(c.Context, err)
	}
	e := explained{Story: s}
	e.Meaning, e.Cure = meaningOf(s)
	if sh.JSON {
		return sh.Print(e)
	}
	if err := sh.Table(describe(e)); err != nil || s.Publish == nil {
		return err
	}
	return sh.showStory(s)
}

// unknownRef says that a reference is in none of the logs.
func unknownRef(ref string, logs *flags.Logs) error {
	if logs.Shared != nil {
		return &term.DataError{Cure: "check it; stagelock audit publishes lists the publishes there are",
			Msg: fmt.Sprintf("no event in the audit logs of the gateways that share the database has the reference %q", ref)}
	}
	return &term.DataError{Msg: fmt.Sprintf("no event in the audit log of %s has the reference %q", logs.Data, ref),
		Cure: "check it; another gateway may have written it, or it was archived: name that folder with --data"}
}

// describe writes what the log tells of the call itself.
func describe(e explained) [][]string {
	rows := [][]string{{"reference", term.Plain(e.Ref)}}
	add := func(name string, text ...string) {
		var all []string
		for _, s := range text {
			if s != "" {
				all = append(all, term.Plain(s))
			}
		}
		if len(all) > 0 {
			rows = append(rows, []string{name, strings.Join(all, ", ")})
		}
	}
	for i := range e.Events {
		ev := &e.Events[i]
		switch ev.Kind {
		case audit.KindVerdict:
			add("when", stamp(ev.Time)+" UTC, at gateway "+ev.Node)
			add("who", label("login", ev.Login), label("peer", ev.Peer), label("key", ev.KeyID))
			add("from", address(ev))
			add("call", ev.MethodName(), about(ev), amount(max(ev.BytesIn, ev.Size)))
			add("verdict", string(ev.Verdict), label("at step", ev.Rule), label("reason", string(ev.Reason)))
			add("in words", ev.Detail)
		case audit.KindOutcome:
			add("ended", cmp.Or(ev.End, "not known"), label("status", nonZero(ev.Status)), label("engine", ev.Upstream),
				label("after", took(ev.LatencyMicros)))
			add("in words", ev.Detail)
		default:
			add(string(ev.Kind), stamp(ev.Time), ev.Detail)
		}
	}
	add("which means", e.Meaning)
	add("what to do", e.Cure)
	return rows
}

func label(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " " + value
}

func nonZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// address is the client's, and that of the proxy in between if there is one.
func address(ev *audit.Event) string {
	switch {
	case !ev.Addr.IsValid() && !ev.Socket.IsValid():
		return ""
	case ev.Socket.IsValid() && ev.Socket.Addr().Unmap() != ev.Addr.Unmap():
		return fmt.Sprintf("%s, through %s", ev.Addr, ev.Socket)
	}
	return ev.Socket.String()
}

// showStory shows the publish that the call belongs to, call by call.
func (sh shell) showStory(s *trail.Story) error {
	if err := sh.Printf("\n%s\n", term.Plain(sentence(s.Publish))); err != nil {
		return err
	}
	outcomes := map[string]*audit.Event{}
	for i := range s.Calls {
		if ev := &s.Calls[i]; ev.Kind == audit.KindOutcome {
			outcomes[ev.Ref] = ev
		}
	}
	rows := [][]string{{" ", "TIME (UTC)", "CALL", "VERDICT", "ENDED", "BYTES", "TOOK", "REFERENCE"}}
	for i := range s.Calls {
		ev := &s.Calls[i]
		if ev.Kind != audit.KindVerdict {
			continue
		}
		end := outcomes[ev.Ref]
		if end == nil {
			end = &audit.Event{}
		}
		mark := " "
		if ev.Ref == s.Ref {
			mark = ">"
		}
		rows = append(rows, append([]string{mark}, cells(stamp(ev.Time), ev.MethodName(),
			strings.TrimSpace(string(ev.Verdict)+" "+string(ev.Reason)), end.End, amount(max(ev.BytesIn, ev.Size)),
			took(end.LatencyMicros), ev.Ref)...))
	}
	return sh.Table(rows)
}

// meaningOf returns what the last reason in the story of a call means, and what to do about it.
func meaningOf(s *trail.Story) (meaning, cure string) {
	for i := len(s.Events) - 1; i >= 0; i-- {
		for _, code := range []string{string(s.Events[i].Reason), s.Events[i].End} {
			if r, ok := policy.ReasonOf(code); ok {
				return r.Meaning, r.Cure
			}
		}
	}
	return "", ""
}
