package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/policy/secret"
)

// Length is how long the documents are that are published, and Parts in how many parts.
const (
	Length = 25 << 20
	Parts  = 12
)

// Show runs the demonstration in a temporary folder. What it prints comes from the engine's ledger, the
// audit logs and the status of the cluster. Length is that of the document.
func Show(ctx context.Context, sh *term.Shell, length int64) (err error) {
	dir, err := os.MkdirTemp("", "stagelock-cluster-")
	if err != nil {
		return &term.OutputError{Err: err}
	}
	key, problems := secret.NewKey(secret.KeyConfig{ID: "demo", Algorithm: "AES", Secret: []byte(password), Line: "7.4"})
	if key == nil {
		return fmt.Errorf("key: %v", problems)
	}
	f := &fleet{sh: sh, dir: dir, key: key}
	defer func() { err = errors.Join(err, f.close(), os.RemoveAll(dir)) }()
	if f.program, err = os.Executable(); err != nil {
		return err
	}
	s := &show{fleet: f, length: length}
	err = s.run(ctx)
	var lacks *missingError
	if errors.As(err, &lacks) {
		return &term.DataError{Msg: "this demonstration cannot run here", Cure: lacks.Error()}
	}
	if term.Stopped(ctx, err) {
		return nil
	}
	return err
}

// show is one run.
type show struct {
	*fleet
	length int64
	report Report
}

func (s *show) run(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return err
	}
	if err := s.say(
		"Two gateways (%s, %s) that share PostgreSQL, HAProxy at %s before them, two nodes of an engine behind", s.gates[0].addr,
		s.gates[1].addr, s.front); err != nil {
		return err
	}
	for _, act := range []func(context.Context) error{s.firstAct, s.secondAct, s.thirdAct, s.end} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

// say prints to people.
func (s *show) say(format string, args ...any) error {
	if s.sh.JSON {
		return nil
	}
	return s.sh.Printf("\n%s\n", s.sh.Paint(s.sh.Out).Title(fmt.Sprintf(format, args...)))
}

// publishAs makes an archive, publishes it by how, and shows what became of it.
func (s *show) publishAs(ctx context.Context, title string, seed byte, how func(lar []byte, buffer int64) (string, error)) error {
	lar, err := s.archive(ctx, filepath.Join(s.dir, fmt.Sprint("staging-", seed)), seed, s.length)
	if err != nil {
		return err
	}
	ran, err := ledger(ctx, s.engines[0])
	if err != nil {
		return err
	}
	if err := s.say("%s", title); err != nil {
		return err
	}
	begun := s.sh.Now()
	note, err := how(lar, int64(len(lar)/Parts+1))
	if err != nil {
		return err
	}
	a := Act{Title: title, Note: note, Took: time.Since(begun)}
	if err := s.acted(ctx, &a, begun, ran); err != nil {
		return err
	}
	s.report.Acts = append(s.report.Acts, a)
	return s.showAct(a)
}

func (s *show) showAct(a Act) error {
	if s.sh.JSON {
		return nil
	}
	rows := [][]string{{"  CALL", "PART", "GATEWAY", "VERDICT", "ENGINE NODE", "ENDED"}}
	for _, c := range a.Calls {
		rows = append(rows, []string{"  " + c.What, c.Part, c.Gateway, c.Verdict, c.Engine, term.Plain(c.Ended)})
	}
	if err := s.sh.Table(rows); err != nil {
		return err
	}
	return s.sh.Printf("  %s; %s by way of %s, after %s; the engine carried %d calls out, none of them more than %d time(s)\n",
		a.Note, a.End, a.Gateways, term.Span(a.Took), a.Ran, a.Most)
}

func (s *show) firstAct(ctx context.Context) error {
	return s.publishAs(ctx, "A gateway is killed in the middle of a part", 1, func(lar []byte, buffer int64) (string, error) {
		killed, err := s.killOne(ctx, lar, buffer)
		return killed + " was killed", err
	})
}

func (s *show) secondAct(ctx context.Context) error {
	return s.publishAs(
		ctx,
		"The database stops for 5 seconds in the middle of a publish",
		2,
		func(lar []byte, buffer int64) (string, error) {
			return "the database was away for " + pause.String(), s.stopDatabase(ctx, lar, buffer)
		},
	)
}

func (s *show) thirdAct(ctx context.Context) (err error) {
	if err := s.say("Both gateways are restarted, one after the other, under publishers"); err != nil {
		return err
	}
	s.report.Published, s.report.Failed, err = s.roll(ctx, 4)
	if err != nil || s.sh.JSON {
		return err
	}
	return s.sh.Printf("  %d publishes meanwhile, %d failed\n", s.report.Published, s.report.Failed)
}

// end shows what the logs and the gateways say.
func (s *show) end(ctx context.Context) error {
	if err := s.verify(ctx, &s.report); err != nil {
		return err
	}
	r := &s.report
	r.OK = r.Verified && r.Failed == 0
	for _, a := range r.Acts {
		r.OK = r.OK && a.End == "published" && a.Most == 1
	}
	if s.sh.JSON {
		if err := s.sh.Print(r); err != nil {
			return err
		}
	} else if err := s.showEnd(); err != nil {
		return err
	}
	if !r.OK {
		return &term.SilentError{Code: term.ExitStart}
	}
	return nil
}

func (s *show) showEnd() error {
	if err := s.say("What the gateways say of each other, and of their logs"); err != nil {
		return err
	}
	rows := [][]string{{"  GATEWAY", "STATE", "LEASE LEFT", "CLOCK", "RECORDS", "NOTED"}}
	for _, g := range s.report.Status.Gateways {
		rows = append(rows, []string{"  " + g.Node, string(g.State), g.Left.Round(100 * time.Millisecond).String(),
			g.Offset.Round(time.Millisecond).String(), fmt.Sprint(g.Records), fmt.Sprint(g.Noted)})
	}
	if err := s.sh.Table(rows); err != nil {
		return err
	}
	whole := "whole"
	if !s.report.Verified {
		whole = "NOT whole"
	}
	return s.sh.Printf("  the audit logs are %s: %s, %s over both\n", whole, term.Count(s.report.Records, "record"),
		term.Count(int(s.report.Notes), "note"))
}
