package star

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/policy/topology"
)

// Show runs the demonstration in a temporary folder. What it prints comes from the engines and from the
// gateways.
func Show(ctx context.Context, sh *term.Shell) (err error) {
	dir, err := os.MkdirTemp("", "stagelock-sync-")
	if err != nil {
		return &term.OutputError{Err: err}
	}
	s := &show{star: &star{sh: sh, dir: dir}}
	defer func() { err = errors.Join(err, s.close(), os.RemoveAll(dir)) }()
	if err = s.run(ctx); term.Stopped(ctx, err) {
		return nil
	}
	return err
}

// show is one run.
type show struct {
	*star
	report Report
}

func (s *show) run(ctx context.Context) error {
	for _, act := range []func(context.Context) error{s.begin, s.showEdit, s.showConflict, s.showApproval, s.showAway, s.showPaths} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	s.report.OK = s.report.holds()
	end := func() error { return s.say("\n") }
	if s.sh.JSON {
		end = func() error { return s.sh.Print(s.report) }
	}
	if err := end(); err != nil {
		return err
	}
	if !s.report.OK {
		return &term.SilentError{Code: term.ExitStart}
	}
	return nil
}

// holds reports whether everything was as it is to be.
func (r Report) holds() bool {
	once := len(r.Edit.Places) == len(names)
	for _, p := range r.Edit.Places {
		once = once && p.Written == 1
	}
	alike := len(r.Conflict.Places) == len(names)
	for _, p := range r.Conflict.Places {
		alike = alike && p.Text == r.Conflict.Places[0].Text
	}
	return once && alike && r.Approval.holds() && len(r.Conflict.Versions) == 2 && r.Conflict.Left == 0 && r.Away.Had == 0 &&
		r.Away.Has == r.Away.Edits && r.Away.Own && len(r.Paths.Refused) > 0 && len(r.Paths.Warned) > 0
}

// title begins an act.
func (s *show) title(format string, args ...any) error {
	return s.say("\n%s\n", s.sh.Paint(s.sh.Out).Title(fmt.Sprintf(format, args...)))
}

// say prints to people.
func (s *show) say(format string, args ...any) error {
	if s.sh.JSON {
		return nil
	}
	return s.sh.Printf(format, args...)
}

func (s *show) table(rows [][]string) error {
	if s.sh.JSON {
		return nil
	}
	for i, r := range rows {
		for j := range r {
			r[j] = term.Plain(r[j])
		}
		rows[i][0] = "  " + rows[i][0]
	}
	return s.sh.Table(rows)
}

func (s *show) begin(ctx context.Context) error {
	if err := s.make(ctx); err != nil {
		return err
	}
	rows := [][]string{{"SERVER", "GATEWAY", "ENGINE", "KEY"}}
	for _, one := range s.all {
		v := Server{Name: one.name, Key: string(one.id), Gateway: "https://" + one.addr, Engine: "http://" + one.commandsAddr}
		s.report.Servers = append(s.report.Servers, v)
		rows = append(rows, []string{v.Name, v.Gateway, v.Engine, v.Key})
	}
	if err := s.title("Four environments, each an engine behind its own gateway: %s in the middle, the others know only it",
		names[0]); err != nil {
		return err
	}
	return s.table(rows)
}

func (s *show) places(all []Place) error {
	rows := [][]string{{"SERVER", "ITS ENGINE HAS", "WRITTEN THERE", "CAME FROM"}}
	for _, p := range all {
		via := p.Via
		if via == "" {
			via = "-"
		}
		rows = append(rows, []string{p.Server, p.Text, times(p.Written), via})
	}
	return s.table(rows)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

func (s *show) showEdit(ctx context.Context) (err error) {
	if s.report.Edit, err = s.edit(ctx); err != nil {
		return err
	}
	if err := s.title("An article is written on %s: after %s every engine has it, and nothing runs on", s.report.Edit.On,
		term.Span(s.report.Edit.Took)); err != nil {
		return err
	}
	return s.places(s.report.Edit.Places)
}

func (s *show) showConflict(ctx context.Context) (err error) {
	if s.report.Conflict, err = s.collide(ctx); err != nil {
		return err
	}
	c := &s.report.Conflict
	if err := s.title("Two people edit it at once, on %s and on %s: one conflict, and all %d servers know it", names[1], names[2],
		c.Seen); err != nil {
		return err
	}
	rows := [][]string{{"VERSION OF", "CHANGE", "TEXT"}}
	for _, v := range c.Versions {
		rows = append(rows, []string{v.Server, v.ID.String(), v.Text})
	}
	if err := s.table(rows); err != nil {
		return err
	}
	if err := s.decide(ctx, c); err != nil {
		return err
	}
	if err := s.say("  decided on %s: refused: %s\n  decided on %s, for all: the version of %s, as change %s\n", names[0],
		term.Plain(c.Refused), names[1], names[2], c.Decision); err != nil {
		return err
	}
	return s.places(c.Places)
}

func (s *show) showAway(ctx context.Context) (err error) {
	if s.report.Away, err = s.away(ctx); err != nil {
		return err
	}
	a := &s.report.Away
	if err := s.title("%s is switched off, and %d articles are written on %s: so says %s", a.Server, a.Edits, names[1],
		names[0]); err != nil {
		return err
	}
	rows := [][]string{{"TARGET", "STATE", "BACKLOG", "WHY"}}
	for _, t := range a.Meanwhile {
		why := t.Reason
		if why == "" {
			why = "-"
		}
		rows = append(rows, []string{t.Name, t.State, strconv.Itoa(t.Backlog), why})
	}
	if err := s.table(rows); err != nil {
		return err
	}
	if err := s.back(ctx, a); err != nil {
		return err
	}
	return s.say("  switched on, %s had %d of them, and after %s all %d; what was written there meanwhile is everywhere too\n",
		a.Server, a.Had, term.Span(a.Took), a.Has)
}

func (s *show) showPaths(ctx context.Context) (err error) {
	if s.report.Paths, err = s.paths(ctx); err != nil {
		return err
	}
	p := s.report.Paths
	if err := s.title("A second path: a link from %s to %s, beside the %s", p.Added.From, p.Added.To, p.Star); err != nil {
		return err
	}
	if err := s.say("  by the rule of one path, which servers of Kentico without a gateway need:\n"); err != nil {
		return err
	}
	if err := s.findings(p.Refused); err != nil {
		return err
	}
	if err := s.say("  here, where a change has an id:\n"); err != nil {
		return err
	}
	return s.findings(p.Warned)
}

func (s *show) findings(all []topology.Finding) error {
	paint := s.sh.Paint(s.sh.Out)
	for _, f := range all {
		level := paint.Warn(string(f.Level))
		if f.Level == topology.Refuse {
			level = paint.Bad("refused")
		}
		if err := s.say("    %s: %s\n", level, strings.ReplaceAll(term.Plain(f.Text), "\n", "\n    ")); err != nil {
			return err
		}
		if f.Cure != "" {
			if err := s.say("      %s\n", term.Plain(f.Cure)); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastLine is the text of an article in a change: the facts stand in the line before it.
func lastLine(b []byte) string {
	_, text, _ := bytes.Cut(b, []byte("\n"))
	return string(text)
}
