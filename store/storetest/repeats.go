package storetest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/stagelock/stagelock/store"
)

// TestRepeats runs the conformance suite of store.Repeats.
func TestRepeats(t *testing.T, open func(t *testing.T, dir string) store.Repeats) {
	rows(t, timeless(open), []row[store.Repeats]{
		{"begin and answer", repeatsLife},
		{"twin gets the first", repeatsTwin},
		{"keys differ in every field", repeatsKeys},
		{"answer of what does not run", repeatsAnswer},
		{"end", repeatsEnd},
		{"end scope", repeatsScope},
		{"interrupt", repeatsInterrupt},
		{"prune", repeatsPrune},
		{"cancelled", repeatsCancelled},
		{"one of many begins", repeatsConcurrent},
		{"closed", repeatsClosed},
	})
}

func repeat(name string) store.Repeat {
	return store.Repeat{
		Key: store.RepeatKey{Login: name, KeyID: "key", Method: "publishStagingRequest",
			Digest: "d1"},
		Scope: "request/5/" + name, Reference: "ref-" + name, State: store.RepeatRunning,
		StartedAt: at(0),
	}
}

func begin(t *testing.T, s store.Repeats, rep store.Repeat) {
	t.Helper()
	got, first, err := s.Begin(context.Background(), rep)
	must(t, err)
	if !first {
		t.Fatalf("begin of %v found %v", rep.Key, got)
	}
}

// checkRepeat wants the repeat of want.Key to be want.
func checkRepeat(t *testing.T, s store.Repeats, want store.Repeat) {
	t.Helper()
	got, err := s.Repeat(context.Background(), want.Key)
	must(t, err)
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("repeat (-want +got):\n%s", d)
	}
}

func goneRepeat(t *testing.T, s store.Repeats, key store.RepeatKey) {
	t.Helper()
	_, err := s.Repeat(context.Background(), key)
	wantErr(t, fmt.Sprintf("Repeat of %v", key), err, store.ErrNotFound)
}

func repeatsLife(t *testing.T, p *place[store.Repeats]) {
	ctx := context.Background()
	want := repeat("a")
	goneRepeat(t, p.cur, want.Key)
	begin(t, p.cur, want)
	checkRepeat(t, p.cur, want)
	checkRepeat(t, p.reopen(), want)
	want.State, want.Answer, want.AnsweredAt = store.RepeatAnswered,
		bytes.Repeat([]byte{0, 0xac, 0xed, '\n'}, 1000), at(4)
	must(t, p.cur.Answer(ctx, want.Key, want.Answer, at(4)))
	checkRepeat(t, p.cur, want)
	checkRepeat(t, p.reopen(), want)

	void := repeat("void")
	begin(t, p.cur, void)
	must(t, p.cur.Answer(ctx, void.Key, nil, at(5)))
	void.State, void.AnsweredAt = store.RepeatAnswered, at(5)
	checkRepeat(t, p.reopen(), void)
}

func repeatsTwin(t *testing.T, p *place[store.Repeats]) {
	ctx := context.Background()
	first := repeat("a")
	begin(t, p.cur, first)
	twin := first
	twin.Reference, twin.Scope, twin.StartedAt, twin.State = "ref-twin", "elsewhere", at(9), ""
	for range 2 {
		got, began, err := p.cur.Begin(ctx, twin)
		must(t, err)
		if began || got.Reference != first.Reference || got.Scope != first.Scope ||
			got.State != store.RepeatRunning {
			t.Errorf("twin got %+v (began %v), want the first", got, began)
		}
		p.reopen()
	}
	must(t, p.cur.Answer(ctx, first.Key, []byte("answer"), at(2)))
	got, began, err := p.cur.Begin(ctx, twin)
	must(t, err)
	if began || got.State != store.RepeatAnswered || string(got.Answer) != "answer" {
		t.Errorf("twin of an answered one got %+v (began %v)", got, began)
	}
}

func repeatsKeys(t *testing.T, p *place[store.Repeats]) {
	var all []store.Repeat
	for i, s := range odd {
		for f := range 4 {
			rep := repeat("same")
			*[]*string{&rep.Key.Login, &rep.Key.KeyID, &rep.Key.Method, &rep.Key.Digest}[f] = s
			rep.Reference = fmt.Sprintf("ref %d %d", i, f)
			rep.Scope = s
			begin(t, p.cur, rep)
			all = append(all, rep)
		}
	}
	s := p.reopen()
	for _, rep := range all {
		checkRepeat(t, s, rep)
	}
}

func repeatsAnswer(t *testing.T, p *place[store.Repeats]) {
	ctx := context.Background()
	a, b := repeat("a"), repeat("b")
	wantErr(t, "Answer of an unknown key", p.cur.Answer(ctx, a.Key, []byte("x"), at(1)),
		store.ErrNotFound)
	goneRepeat(t, p.cur, a.Key)
	begin(t, p.cur, a)
	must(t, p.cur.Answer(ctx, a.Key, []byte("x"), at(1)))
	wantErr(t, "Answer of an answered one", p.cur.Answer(ctx, a.Key, []byte("y"), at(2)),
		store.ErrStale)
	begin(t, p.cur, b)
	_, err := p.cur.Interrupt(ctx)
	must(t, err)
	wantErr(t, "Answer of an unknown one", p.cur.Answer(ctx, b.Key, []byte("y"), at(2)),
		store.ErrStale)
	a.State, a.Answer, a.AnsweredAt = store.RepeatAnswered, []byte("x"), at(1)
	checkRepeat(t, p.cur, a)
}

func repeatsEnd(t *testing.T, p *place[store.Repeats]) {
	ctx := context.Background()
	a, b := repeat("a"), repeat("b")
	begin(t, p.cur, a)
	begin(t, p.cur, b)
	must(t, p.cur.End(ctx, a.Key))
	must(t, p.cur.End(ctx, a.Key))
	goneRepeat(t, p.reopen(), a.Key)
	checkRepeat(t, p.cur, b)
	begin(t, p.cur, a)
}

func repeatsScope(t *testing.T, p *place[store.Repeats]) {
	ctx := context.Background()
	reps := map[string]store.Repeat{}
	for _, name := range []string{"unknown", "answered", "running", "except", "elsewhere"} {
		rep := repeat(name)
		rep.Scope = "request/5/%"
		if name == "elsewhere" {
			rep.Scope = "request/5/x"
		}
		reps[name] = rep
	}
	begin(t, p.cur, reps["unknown"])
	_, err := p.cur.Interrupt(ctx)
	must(t, err)
	for _, name := range []string{"answered", "running", "except", "elsewhere"} {
		begin(t, p.cur, reps[name])
	}
	for _, name := range []string{"answered", "except", "elsewhere"} {
		must(t, p.cur.Answer(ctx, reps[name].Key, nil, at(1)))
	}
	must(t, p.cur.EndScope(ctx, "request/5/%", reps["except"].Key))
	s := p.reopen()
	for name, there := range map[string]bool{"unknown": false, "answered": false, "running": true,
		"except": true, "elsewhere": true} {
		if _, err := s.Repeat(ctx, reps[name].Key); (err == nil) != there {
			t.Errorf("%s after EndScope: %v", name, err)
		}
	}
}

func repeatsInterrupt(t *testing.T, p *place[store.Repeats]) {
	ctx := context.Background()
	a, b, c := repeat("a"), repeat("b"), repeat("c")
	for _, rep := range []store.Repeat{a, b, c} {
		begin(t, p.cur, rep)
	}
	must(t, p.cur.Answer(ctx, c.Key, []byte("x"), at(1)))
	for _, want := range []int{2, 0} {
		n, err := p.reopen().Interrupt(ctx)
		must(t, err)
		if n != want {
			t.Errorf("Interrupt = %d, want %d", n, want)
		}
	}
	a.State = store.RepeatUnknown
	checkRepeat(t, p.reopen(), a)
	c.State, c.Answer, c.AnsweredAt = store.RepeatAnswered, []byte("x"), at(1)
	checkRepeat(t, p.cur, c)
}

func repeatsPrune(t *testing.T, p *place[store.Repeats]) {
	ctx := context.Background()
	names := []string{"unknown old", "unknown new", "answered old", "answered new", "running"}
	reps := make([]store.Repeat, len(names))
	for i, name := range names {
		reps[i] = repeat(name)
	}
	reps[1].StartedAt = at(10)
	begin(t, p.cur, reps[0])
	begin(t, p.cur, reps[1])
	_, err := p.cur.Interrupt(ctx)
	must(t, err)
	for _, rep := range reps[2:] {
		begin(t, p.cur, rep)
	}
	must(t, p.cur.Answer(ctx, reps[2].Key, nil, at(9)))
	must(t, p.cur.Answer(ctx, reps[3].Key, nil, at(10)))
	n, err := p.cur.PruneRepeats(ctx, at(10))
	must(t, err)
	if n != 2 {
		t.Errorf("pruned %d, want 2", n)
	}
	s := p.reopen()
	for i, there := range []bool{false, true, false, true, true} {
		if _, err := s.Repeat(ctx, reps[i].Key); (err == nil) != there {
			t.Errorf("%s after prune: %v", names[i], err)
		}
	}
}

func repeatsCancelled(t *testing.T, p *place[store.Repeats]) {
	gone := cancelled()
	a := repeat("a")
	_, _, err := p.cur.Begin(gone, a)
	wantErr(t, "Begin", err, context.Canceled)
	goneRepeat(t, p.cur, a.Key)
	begin(t, p.cur, a)
	wantErr(t, "Answer", p.cur.Answer(gone, a.Key, nil, at(1)), context.Canceled)
	wantErr(t, "End", p.cur.End(gone, a.Key), context.Canceled)
	wantErr(t, "EndScope", p.cur.EndScope(gone, a.Scope, store.RepeatKey{}), context.Canceled)
	_, err = p.cur.Repeat(gone, a.Key)
	wantErr(t, "Repeat", err, context.Canceled)
	checkRepeat(t, p.cur, a)
}

// repeatsConcurrent begins the same calls many times at once: exactly one may carry each out.
func repeatsConcurrent(t *testing.T, p *place[store.Repeats]) {
	ctx := context.Background()
	const workers, calls = 16, 10
	var firsts [calls]atomic.Int32
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range calls {
				rep := repeat(fmt.Sprintf("call%d", i))
				_, first, err := p.cur.Begin(ctx, rep)
				if err != nil {
					t.Error(err)
				}
				if first {
					firsts[i].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i := range firsts {
		if n := firsts[i].Load(); n != 1 {
			t.Errorf("call %d began %d times", i, n)
		}
	}
}

func repeatsClosed(t *testing.T, p *place[store.Repeats]) {
	ctx := context.Background()
	a := repeat("a")
	begin(t, p.cur, a)
	p.close()
	_, _, err := p.cur.Begin(ctx, repeat("b"))
	wantErr(t, "Begin", err, store.ErrClosed)
	_, err = p.cur.Repeat(ctx, a.Key)
	wantErr(t, "Repeat", err, store.ErrClosed)
	checkRepeat(t, p.reopen(), a)
}
