package once_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/store"
)

// TestAnAnswerIsKeptByAnotherWrite has the row of a part and the answer of its call in one commit.
func TestAnAnswerIsKeptByAnotherWrite(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	calls, db := open(t, dir, c)
	if err := db.Requests().Create(t.Context(), store.Request{ID: 7, Site: 1, Checksum: "c"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	turn := claim(t, calls, call("x", "s", c.now))
	cancel() // the gateway stops while the engine answers
	err := turn.RecordWith(ctx, []byte("taken"), func(ctx context.Context, answers ...store.Answer) error {
		return db.Requests().AddPart(ctx, 7, store.Part{Name: "a.zip00", Size: 3, Width: 2}, answers...)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := turn.Finish(ctx, once.Result{Carried: true, Answer: []byte("of this process")}); err != nil {
		t.Fatal(err)
	}
	other, _ := openAs(t, dir, c, "other")
	for name, calls := range map[string]*once.Calls{"this gateway": calls, "another": other} {
		if twin := claim(t, calls, call("x", "s", c.now)); twin.First() || string(twin.Answer()) != "taken" {
			t.Errorf("%s: first %v, answer %q", name, twin.First(), twin.Answer())
		}
	}
	if p, err := db.Requests().Part(t.Context(), 7, "a.zip00"); err != nil || p.Size != 3 {
		t.Errorf("part %+v, %v", p, err)
	}
}

// TestAnAnswerThatAnotherWriteDidNotKeep: its duplicates get the refusal that its client got.
func TestAnAnswerThatAnotherWriteDidNotKeep(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	calls, db := open(t, dir, c)
	turn := claim(t, calls, call("x", "s", c.now))
	err := turn.RecordWith(t.Context(), []byte("taken"), func(ctx context.Context, answers ...store.Answer) error {
		return db.Requests().AddPart(ctx, 7, store.Part{Name: "a.zip00"}, answers...) // nobody knows the request
	})
	if !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("recorded: %v", err)
	}
	if rep, err := db.Repeats().Repeat(t.Context(), call("x", "s", c.now).Key); err != nil || rep.State != store.RepeatRunning {
		t.Errorf("the store has %+v, %v", rep, err)
	}
	if err := turn.Record(t.Context(), []byte("refused")); err != nil {
		t.Fatal(err)
	}
	if err := turn.Finish(t.Context(), once.Result{Carried: true, Answer: []byte("refused")}); err != nil {
		t.Fatal(err)
	}
	if twin := claim(t, calls, call("x", "s", c.pass(time.Second))); string(twin.Answer()) != "refused" {
		t.Errorf("a duplicate got %q", twin.Answer())
	}
}
