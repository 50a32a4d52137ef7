package once_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/once"
)

// TestAClockStepOverARestartForgetsNoAnswer: an answer that its client has not had yet is kept, and the call is
// not carried out again, however the clock was set while nothing ran.
func TestAClockStepOverARestartForgetsNoAnswer(t *testing.T) {
	for _, tt := range []struct {
		name string
		step time.Duration
	}{
		{"none", 0}, {"just too far", keep + time.Second}, {"a day on", 24 * time.Hour}, {"ten years on", 10 * 365 * 24 * time.Hour},
		{"a second back", -time.Second}, {"a day back", -24 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			before, db := open(t, dir, c)
			carry(t, before, call("answered", "site:1", c.now), "a")
			claim(t, before, call("lost", "site:2", c.now))
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}

			c.pass(tt.step)
			after, _ := open(t, dir, c)
			for range 3 {
				if err := after.Prune(t.Context()); err != nil {
					t.Fatal(err)
				}
				if turn := claim(t, after, call("answered", "site:1", c.now)); turn.First() || string(turn.Answer()) != "a" {
					t.Fatalf("carried out again: first %t, answer %q", turn.First(), turn.Answer())
				}
				var unknown *once.UnknownError
				if turn, err := after.Claim(t.Context(), call("lost", "site:2", c.now), time.Hour, func() error { return nil }); !errors.As(err, &unknown) {
					t.Fatalf("carried out again: %+v, %v", turn, err)
				}
				c.pass(keep/3 - time.Second)
			}
		})
	}
}

// What was kept longer than it need be, by a process that lived that long, is forgotten: a step keeps nothing for
// ever.
func TestAClockStepKeepsNoAnswerForEver(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	before, db := open(t, dir, c)
	carry(t, before, call("answered", "site:1", c.now), "a")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	c.pass(24 * time.Hour)
	after, _ := open(t, dir, c)
	c.pass(keep + time.Second)
	if err := after.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if turn := claim(t, after, call("answered", "site:1", c.now)); !turn.First() {
		t.Errorf("answered with %q", turn.Answer())
	}
}
