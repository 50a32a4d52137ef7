package once_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/store"
)

// wall is the time of the bubble that a test runs in.
func wall() *clock { return &clock{now: time.Now()} }

// outcome is what a duplicate on another gateway got.
type outcome struct {
	turn *once.Turn
	err  error
}

// ask claims c in the background, with a sign of life every second.
func ask(t *testing.T, calls *once.Calls, c once.Call, beats *int) <-chan outcome {
	got := make(chan outcome, 1)
	go func() {
		turn, err := calls.Claim(t.Context(), c, time.Second, func() error { *beats++; return nil })
		got <- outcome{turn, err}
	}()
	return got
}

func TestADuplicateOnAnotherGateway(t *testing.T) {
	for _, tt := range []struct {
		name  string
		end   func(t *testing.T, first *once.Turn, db store.Database, owner string)
		first bool
		want  string
		err   bool
	}{
		{"gets the answer", func(t *testing.T, first *once.Turn, _ store.Database, _ string) {
			if err := first.Record(t.Context(), []byte("answer")); err != nil {
				t.Error(err)
			}
		}, false, "answer", false},
		{"takes its turn if nothing was carried out", func(t *testing.T, first *once.Turn, _ store.Database, _ string) {
			if err := first.Finish(t.Context(), once.Result{}); err != nil {
				t.Error(err)
			}
		}, true, "", false},
		{"is told that nobody knows if that gateway died", func(t *testing.T, _ *once.Turn, db store.Database, owner string) {
			if err := db.Members().Leave(t.Context(), owner); err != nil {
				t.Error(err)
			}
		}, false, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, c := t.TempDir(), wall()
				a, db := openAs(t, dir, c, "gate-a")
				b, _ := openAs(t, dir, c, "gate-b")
				first := claim(t, a, call("x", "s", c.now))
				beats := 0
				got := ask(t, b, call("x", "s", c.now), &beats)
				<-time.After(3500 * time.Millisecond)
				rep, err := db.Repeats().Repeat(t.Context(), call("x", "s", c.now).Key)
				if err != nil || rep.Node != "gate-a" {
					t.Fatalf("%+v, %v", rep, err)
				}
				tt.end(t, first, db, rep.Owner)
				o := <-got
				var unknown *once.UnknownError
				if beats < 3 || errors.As(o.err, &unknown) != tt.err || (o.err != nil) != tt.err {
					t.Errorf("%d signs of life, error %v", beats, o.err)
				}
				if o.err == nil && (o.turn.First() != tt.first || string(o.turn.Answer()) != tt.want) {
					t.Errorf("first %t, answer %q", o.turn.First(), o.turn.Answer())
				}
			})
		})
	}
}

// A repeat can overtake its original by way of another gateway.
func TestAnOvertakenCallOnAnotherGateway(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	a, _ := openAs(t, dir, c, "gate-a")
	b, _ := openAs(t, dir, c, "gate-b")
	begun := c.now
	var mark once.Mark
	a.Enter(&mark, begun)
	defer a.Leave(&mark)
	carry(t, b, call("x", "s", c.pass(time.Second)), "answer")
	carry(t, b, call("y", "s", c.pass(time.Second)), "other")
	c.pass(keep + time.Second)
	if err := b.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if turn := claim(t, a, call("x", "s", begun)); turn.First() || string(turn.Answer()) != "answer" {
		t.Errorf("first %t, answer %q", turn.First(), turn.Answer())
	}
}

// A second gateway that starts leaves the first one's calls alone.
func TestAnotherStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, c := t.TempDir(), wall()
		a, _ := openAs(t, dir, c, "gate-a")
		first := claim(t, a, call("x", "s", c.now))
		b, _ := openAs(t, dir, c, "gate-b")
		beats := 0
		got := ask(t, b, call("x", "s", c.now), &beats)
		<-time.After(time.Second)
		if err := first.Record(t.Context(), []byte("answer")); err != nil {
			t.Fatal(err)
		}
		if o := <-got; o.err != nil || string(o.turn.Answer()) != "answer" {
			t.Errorf("%+v", o)
		}
	})
}

// faulty is a store that fails when it is told to.
type faulty struct {
	store.Repeats
	answers, voids bool
}

func (f *faulty) Answer(ctx context.Context, key store.RepeatKey, ref string, answer []byte) error {
	if f.answers {
		return store.ErrFull
	}
	return f.Repeats.Answer(ctx, key, ref, answer)
}

func (f *faulty) Void(ctx context.Context, key store.RepeatKey, ref string) error {
	if f.voids {
		return store.ErrFull
	}
	return f.Repeats.Void(ctx, key, ref)
}

// TestAnAnswerThatCannotBeKept stays with the process, and is told to the store when that is back.
func TestAnAnswerThatCannotBeKept(t *testing.T) {
	c := newClock()
	_, db := open(t, t.TempDir(), c)
	own := life{"own", "gate-x"}
	if _, err := db.Members().Join(t.Context(), store.Member{ID: "own", Node: "gate-x"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	f := &faulty{Repeats: db.Repeats(), answers: true}
	calls, err := once.New(once.Config{Repeats: f, Owner: own, Now: c.Now, Keep: func() time.Duration { return keep }})
	if err != nil {
		t.Fatal(err)
	}
	turn := claim(t, calls, call("x", "s", c.now))
	var unwritten *once.StoreError
	if err := turn.Record(t.Context(), []byte("answer")); !errors.As(err, &unwritten) || !errors.Is(err, store.ErrFull) {
		t.Errorf("error %v", err)
	}
	if err := turn.Finish(t.Context(), once.Result{Carried: true, Answer: []byte("answer")}); err != nil {
		t.Fatal(err)
	}
	for _, works := range []bool{false, true} {
		if twin := claim(t, calls, call("x", "s", c.pass(time.Second))); string(twin.Answer()) != "answer" {
			t.Errorf("store works %t: answer %q", works, twin.Answer())
		}
		f.answers = false
		if err := calls.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if rep, err := db.Repeats().Repeat(t.Context(), call("x", "s", c.now).Key); err != nil || rep.State != store.RepeatAnswered {
		t.Errorf("the store has %+v, %v", rep, err)
	}
}

// TestAVoidThatCannotBeWritten leaves a row of a call that is not under way: the next one takes its
// turn.
func TestAVoidThatCannotBeWritten(t *testing.T) {
	c := newClock()
	_, db := open(t, t.TempDir(), c)
	own := life{"own", "gate-x"}
	if _, err := db.Members().Join(t.Context(), store.Member{ID: "own", Node: "gate-x"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	f := &faulty{Repeats: db.Repeats(), voids: true}
	calls, err := once.New(once.Config{Repeats: f, Owner: own, Now: c.Now, Keep: func() time.Duration { return keep }})
	if err != nil {
		t.Fatal(err)
	}
	if err := claim(t, calls, call("x", "s", c.now)).Finish(t.Context(), once.Result{}); err == nil {
		t.Error("a void that failed was not told")
	}
	f.voids = false
	if !claim(t, calls, call("x", "s", c.now)).First() {
		t.Error("the duplicate of a call that did nothing does not take its turn")
	}
}

func TestNothingBeginsWithoutALease(t *testing.T) {
	c := newClock()
	calls, db := open(t, t.TempDir(), c)
	c.pass(25 * time.Hour)
	_, err := calls.Claim(t.Context(), call("x", "s", c.now), time.Hour, nil)
	var unwritten *once.StoreError
	if !errors.As(err, &unwritten) || !errors.Is(err, store.ErrStale) {
		t.Errorf("error %v", err)
	}
	if _, err := db.Repeats().Repeat(t.Context(), call("x", "s", c.now).Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("something is kept: %v", err)
	}
}

func TestUnknownNamesTheFirst(t *testing.T) {
	if text := (&once.UnknownError{Reference: "ref-1"}).Error(); !strings.Contains(text, "ref-1") {
		t.Errorf("%q", text)
	}
}
