package once_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/store"
)

// forgetful is a store that cannot keep answers while it is told so.
type forgetful struct {
	store.Repeats
	fails bool
}

var errDisk = errors.New("disk")

func (f *forgetful) Answer(ctx context.Context, key store.RepeatKey, reference string, answer []byte) error {
	if f.fails {
		return errDisk
	}
	return f.Repeats.Answer(ctx, key, reference, answer)
}

// untold has an answer that only the process knows.
func untold(t *testing.T) (*once.Calls, *forgetful, *clock) {
	t.Helper()
	c := newClock()
	_, db := openAs(t, t.TempDir(), c, "gate")
	repeats := &forgetful{Repeats: db.Repeats(), fails: true}
	own := life{"life", "other"}
	if _, err := db.Members().Join(t.Context(), store.Member{ID: own.id, Node: own.node}, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	calls, err := once.New(once.Config{Repeats: repeats, Owner: own, Now: c.Now, Keep: func() time.Duration { return keep }})
	if err != nil {
		t.Fatal(err)
	}
	turn := claim(t, calls, call("x", "site:1", c.now))
	if err := turn.Record(t.Context(), []byte("a")); !errors.Is(err, errDisk) {
		t.Fatalf("recorded: %v", err)
	}
	if err := turn.Finish(t.Context(), once.Result{Carried: true, Answer: []byte("a")}); err != nil {
		t.Fatal(err)
	}
	repeats.fails = false
	return calls, repeats, c
}

// TestAnAnswerThatCouldNotBeKeptEndsToo: enable, disable, enable with a full disk at the first: the second
// enable got the first one's answer until the store was told, and was not carried out.
func TestAnAnswerThatCouldNotBeKeptEndsToo(t *testing.T) {
	for _, tt := range []struct {
		name  string
		then  func(*testing.T, *once.Calls, *clock)
		again bool // the call is carried out again
	}{
		{"nothing", func(*testing.T, *once.Calls, *clock) {}, false},
		{"another call that is not guarded", func(t *testing.T, calls *once.Calls, c *clock) {
			if err := calls.Moved(t.Context(), call("y", "site:1", c.now)); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"another guarded call", func(t *testing.T, calls *once.Calls, c *clock) {
			carry(t, calls, call("y", "site:1", c.now), "b")
		}, true},
		{"another scope", func(t *testing.T, calls *once.Calls, c *clock) {
			carry(t, calls, call("y", "site:2", c.now), "b")
		}, false},
		{"no scope", func(t *testing.T, calls *once.Calls, c *clock) { carry(t, calls, call("y", "", c.now), "b") }, false},
		{"one that began before the answer", func(t *testing.T, calls *once.Calls, c *clock) {
			if err := calls.Moved(t.Context(), call("y", "site:1", c.now.Add(-time.Hour))); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls, _, c := untold(t)
			c.pass(time.Second)
			tt.then(t, calls, c)
			turn := claim(t, calls, call("x", "site:1", c.pass(time.Second)))
			if turn.First() != tt.again || !tt.again && string(turn.Answer()) != "a" {
				t.Errorf("first %t, answer %q", turn.First(), turn.Answer())
			}
		})
	}
}

// One that began before the answer is its duplicate, whatever came between.
func TestAnOvertakenCallFindsAnAnswerThatCouldNotBeKept(t *testing.T) {
	calls, _, c := untold(t)
	begun := c.now.Add(-time.Second)
	if err := calls.Moved(t.Context(), call("y", "site:1", c.pass(time.Second))); err != nil {
		t.Fatal(err)
	}
	if err := calls.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if turn := claim(t, calls, call("x", "site:1", begun)); turn.First() || string(turn.Answer()) != "a" {
		t.Errorf("first %t, answer %q", turn.First(), turn.Answer())
	}
}

func TestWhatTheStoreCouldNotBeToldIsToldLater(t *testing.T) {
	for _, moved := range []bool{false, true} {
		calls, repeats, c := untold(t)
		key := call("x", "site:1", c.now).Key
		if moved {
			if err := calls.Moved(t.Context(), call("y", "site:1", c.pass(time.Second))); err != nil {
				t.Fatal(err)
			}
			c.pass(time.Hour)
		}
		if err := calls.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		rep, err := repeats.Repeat(t.Context(), key)
		if moved && !errors.Is(err, store.ErrNotFound) || !moved && (err != nil || string(rep.Answer) != "a") {
			t.Errorf("moved on %t: the store has %+v, %v", moved, rep, err)
		}
	}
}
