package once_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

const keep = 2 * time.Minute

// clock is a clock that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) pass(d time.Duration) time.Time {
	c.now = c.now.Add(d)
	return c.now
}

// life is an owner that always holds its lease.
type life struct{ id, node string }

func (l life) Owner() (id, node string) { return l.id, l.node }
func (l life) Holds() bool              { return true }

// open returns Calls over the store in dir, as a process that starts there.
func open(t *testing.T, dir string, c *clock) (*once.Calls, *sqlite.Store) {
	t.Helper()
	return openAs(t, dir, c, "gate")
}

// openAs is open for the gateway named node.
func openAs(t *testing.T, dir string, c *clock, node string) (*once.Calls, *sqlite.Store) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), dir+"/db", sqlite.WithClock(c.Now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	own := life{uuid.NewString(), node}
	if _, err := db.Members().Join(t.Context(), store.Member{ID: own.id, Node: node}, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	calls, err := once.New(once.Config{
		Repeats: db.Repeats(), Owner: own, Now: c.Now, Keep: func() time.Duration { return keep },
	})
	if err != nil {
		t.Fatal(err)
	}
	return calls, db
}

func newClock() *clock { return &clock{time.Unix(1_000_000, 0)} }

// references tells the calls apart, also those that are equal.
var references atomic.Int64

func call(name, scope string, begun time.Time) once.Call {
	return once.Call{
		Key: store.RepeatKey{Login: "a", KeyID: "k", Method: "m", Digest: name}, Scope: scope,
		Reference: fmt.Sprint(name, "#", references.Add(1)), Begun: begun,
	}
}

func claim(t *testing.T, calls *once.Calls, c once.Call) *once.Turn {
	t.Helper()
	turn, err := calls.Claim(t.Context(), c, time.Hour, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

// carry carries a call out and answers it.
func carry(t *testing.T, calls *once.Calls, c once.Call, answer string) {
	t.Helper()
	turn := claim(t, calls, c)
	if !turn.First() {
		t.Fatalf("%s is a duplicate of %s", c.Reference, turn.Reference())
	}
	if err := errors.Join(
		turn.Record(t.Context(), []byte(answer)),
		turn.Finish(t.Context(), once.Result{Carried: true, Answer: []byte(answer)}),
	); err != nil {
		t.Fatal(err)
	}
}

func TestADuplicateGetsTheAnswer(t *testing.T) {
	c := newClock()
	calls, _ := open(t, t.TempDir(), c)
	carry(t, calls, call("x", "site:1", c.now), "answer")
	turn := claim(t, calls, call("x", "site:1", c.pass(time.Minute)))
	if turn.First() || string(turn.Answer()) != "answer" || !strings.HasPrefix(turn.Reference(), "x#") {
		t.Errorf("first %t, answer %q of %s", turn.First(), turn.Answer(), turn.Reference())
	}
	other := call("x", "site:1", c.now)
	other.Key.KeyID = "another"
	if !claim(t, calls, other).First() {
		t.Error("a call signed with another key is taken for a duplicate")
	}
}

func TestADuplicateWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		calls, _ := open(t, t.TempDir(), c)
		first := claim(t, calls, call("x", "s", c.now))
		beats := 0
		got := make(chan *once.Turn)
		go func() {
			turn, err := calls.Claim(t.Context(), call("x", "s", c.now), time.Second, func() error {
				beats++
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			got <- turn
		}()
		<-time.After(3500 * time.Millisecond)
		if err := first.Finish(t.Context(), once.Result{Carried: true, Answer: []byte("a")}); err != nil {
			t.Fatal(err)
		}
		if turn := <-got; turn.First() || string(turn.Answer()) != "a" || beats != 3 {
			t.Errorf("first %t, answer %q, %d signs of life", turn.First(), turn.Answer(), beats)
		}
	})
}

func TestWaitingEndsWithTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		calls, _ := open(t, t.TempDir(), c)
		claim(t, calls, call("x", "s", c.now))
		gone := errors.New("gone")
		if _, err := calls.Claim(t.Context(), call("x", "s", c.now), time.Second, func() error { return gone }); !errors.Is(err, gone) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if _, err := calls.Claim(ctx, call("x", "s", c.now), time.Second, nil); !errors.Is(err, gone) {
			t.Errorf("%v", err)
		}
	})
}

func TestWhatWasNotCarriedOutLeavesNothing(t *testing.T) {
	c := newClock()
	calls, db := open(t, t.TempDir(), c)
	turn := claim(t, calls, call("x", "s", c.now))
	if err := turn.Finish(t.Context(), once.Result{}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Repeats().Repeat(t.Context(), call("x", "s", c.now).Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the store holds it: %v", err)
	}
	if !claim(t, calls, call("x", "s", c.now)).First() {
		t.Error("the duplicate of a call that did nothing does not take its turn")
	}
}

// Another call of the same scope ends an entry, if it began after the answer: enable, disable,
// enable are three calls.
func TestAScopeMovesOn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		moved func(begun time.Time) once.Call
		again bool // the call is carried out again
	}{
		{"another call", func(at time.Time) once.Call { return call("y", "site:1", at) }, true},
		{"the call itself", func(at time.Time) once.Call { return call("x", "site:1", at) }, false},
		{"another scope", func(at time.Time) once.Call { return call("y", "site:2", at) }, false},
		{"no scope", func(at time.Time) once.Call { return call("y", "", at) }, false},
		{"one that began before the answer", func(at time.Time) once.Call {
			return call("y", "site:1", at.Add(-time.Hour))
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			calls, _ := open(t, t.TempDir(), c)
			carry(t, calls, call("x", "site:1", c.now), "a")
			if err := calls.Moved(t.Context(), tt.moved(c.pass(time.Second))); err != nil {
				t.Fatal(err)
			}
			if got := claim(t, calls, call("x", "site:1", c.pass(time.Second))).First(); got != tt.again {
				t.Errorf("carried out again: %t, want %t", got, tt.again)
			}
		})
	}
}

// A repeat can overtake its original: that one is a duplicate too, however late it asks, and whatever
// ended the entry meanwhile.
func TestAnOvertakenCallIsADuplicate(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after func(*testing.T, *once.Calls, *clock)
	}{
		{"at once", func(*testing.T, *once.Calls, *clock) {}},
		{"after another call of its scope", func(t *testing.T, calls *once.Calls, c *clock) {
			if err := calls.Moved(t.Context(), call("y", "s", c.pass(time.Second))); err != nil {
				t.Fatal(err)
			}
		}},
		{"an hour later", func(t *testing.T, calls *once.Calls, c *clock) {
			c.pass(time.Hour)
			if err := calls.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			calls, _ := open(t, t.TempDir(), c)
			begun := c.now
			var mark once.Mark
			calls.Enter(&mark, begun)
			carry(t, calls, call("x", "s", c.pass(time.Second)), "answer")
			tt.after(t, calls, c)
			original := call("x", "s", begun)
			original.Reference = "original"
			turn := claim(t, calls, original)
			if turn.First() || string(turn.Answer()) != "answer" {
				t.Errorf("first %t, answer %q", turn.First(), turn.Answer())
			}
			calls.Leave(&mark)
		})
	}
}

func TestAnswersAreForgotten(t *testing.T) {
	c := newClock()
	calls, db := open(t, t.TempDir(), c)
	carry(t, calls, call("x", "s", c.now), "a")
	key := call("x", "s", c.now).Key
	for _, tt := range []struct {
		name string
		pass time.Duration
		kept bool
	}{{"in time", keep - time.Second, true}, {"for those that come late", 2 * time.Second, true},
		{"over", 10 * time.Minute, false}} {
		c.pass(tt.pass)
		if err := calls.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Repeats().Repeat(t.Context(), key); (err == nil) != tt.kept {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if !claim(t, calls, call("x", "s", c.now)).First() {
		t.Error("never forgotten")
	}
}

// Without a prune in between, time alone ends an entry.
func TestTimeEndsAnEntry(t *testing.T) {
	c := newClock()
	calls, _ := open(t, t.TempDir(), c)
	carry(t, calls, call("x", "s", c.now), "a")
	carry(t, calls, call("x", "s", c.pass(keep+time.Second)), "b")
	if turn := claim(t, calls, call("x", "s", c.now)); string(turn.Answer()) != "b" {
		t.Errorf("answer %q", turn.Answer())
	}
}

func TestARestart(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	before, db := open(t, dir, c)
	carry(t, before, call("done", "s", c.now), "answer")
	claim(t, before, call("running", "s", c.now))
	db.Close()
	c.pass(time.Second)
	calls, _ := open(t, dir, c)
	if turn := claim(t, calls, call("done", "s", c.now)); turn.First() || string(turn.Answer()) != "answer" {
		t.Errorf("first %t, answer %q", turn.First(), turn.Answer())
	}
	for range 2 { // each is told, not only the first
		var unknown *once.UnknownError
		_, err := calls.Claim(t.Context(), call("running", "s", c.now), time.Hour, nil)
		if !errors.As(err, &unknown) || !strings.HasPrefix(unknown.Reference, "running#") {
			t.Errorf("%v", err)
		}
	}
	if err := calls.Moved(t.Context(), call("cleanUp", "s", c.pass(time.Second))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"done", "running"} {
		if !claim(t, calls, call(name, "s", c.pass(time.Second))).First() {
			t.Errorf("%s: another call of the scope did not end the story", name)
		}
	}
}
