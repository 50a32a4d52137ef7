package replica_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// colleague is another gateway of the second server, which reads the journal only as mine says.
func (b *batched) colleague(mine func() (exchange.Fence, bool), pause func(point string)) *replica.Replica {
	b.t.Helper()
	r, err := replica.New(replica.Config{Key: keyOf(1), Source: b.to.engine, Journal: journal, Changes: b.to.book, Blobs: b.to.book,
		Policy: func() sync.Policy { return b.policy }, Targets: func(sync.Object) []sync.ServerID { return nil },
		Now: b.clock(), Fence: mine, Pause: pause})
	b.must(err)
	return r
}

// TestOneGatewayReadsTheJournal: one that has no lease gives no numbers, neither to edits nor to decisions, and takes
// what comes.
func TestOneGatewayReadsTheJournal(t *testing.T) {
	b := newBatched(t)
	mine := false
	r := b.colleague(func() (exchange.Fence, bool) { return exchange.Fence{Lease: "sync", Number: 1}, mine }, nil)
	b.to.engine.edit(object(1), "a person's")
	b.pulls(r)
	if have, err := b.to.book.Have(t.Context()); err != nil || len(have) > 0 {
		t.Errorf("have %v, %v", have, err)
	}
	b.from.engine.edit(object(2), "text")
	b.from.engine.edit(object(3), "text")
	offered := b.offer()
	for o, s := range statuses(offered, r.Receive(t.Context(), serverOf(0), offered)) {
		if s != sync.StatusDone {
			t.Errorf("%s is %s", o, s)
		}
	}
	if _, err := r.Decide(t.Context(), object(2), replica.Decision{Take: serverOf(0)}); !errors.Is(err, replica.ErrOther) {
		t.Errorf("a decision: %v", err)
	}
	if b.to.engine.text[object(2)] != "text" || b.to.engine.text[object(3)] != "text" {
		t.Error("what came is not in the engine")
	}
	mine = true
	b.pulls(r)
	if have, err := b.to.book.Have(t.Context()); err != nil || have[serverOf(1)] != 1 || have[serverOf(0)] != 2 {
		t.Errorf("have %v, %v", have, err)
	}
}

// TestANumberIsGivenOnce: a gateway dies in the middle of a decision. Whoever reads the journal next finishes that
// before it gives a number to what a person wrote.
func TestANumberIsGivenOnce(t *testing.T) {
	for _, point := range []string{"intended", "applied"} {
		t.Run(point, func(t *testing.T) {
			b := newBatched(t)
			number := int64(1)
			fence := func() (exchange.Fence, bool) { return exchange.Fence{}, true }
			died := errors.New("died")
			first := b.colleague(fence, func(p string) {
				if p == point {
					panic(died)
				}
			})
			next := b.colleague(func() (exchange.Fence, bool) { return exchange.Fence{Lease: "sync", Number: number}, number > 1 }, nil)
			b.pulls(next)
			b.to.engine.edit(object(1), "mine")
			b.pulls(b.to.replica)
			b.from.engine.edit(object(1), "theirs")
			offered := b.offer()
			if a := b.to.replica.Receive(t.Context(), serverOf(0), offered); a[0].Status != sync.StatusHeld {
				t.Fatalf("%+v", a)
			}
			func() {
				defer func() {
					if r := recover(); r != died {
						t.Errorf("%v", r)
					}
				}()
				_, err := first.Decide(t.Context(), object(1), replica.Decision{Take: serverOf(0), Here: true})
				t.Errorf("it lives: %v", err)
			}()
			b.to.engine.edit(object(2), "a person's")
			number = 2
			b.pulls(next)
			have, err := b.to.book.Have(t.Context())
			b.must(err)
			all, err := b.to.book.History(t.Context(), "", 100)
			b.must(err)
			s, err := b.to.book.Object(t.Context(), object(1))
			b.must(err)
			if have[serverOf(1)] != 3 || len(all) != 4 || s.Conflict() || b.to.engine.text[object(1)] != "theirs" {
				t.Errorf("have %v, %d changes, the engine shows %q", have, len(all), b.to.engine.text[object(1)])
			}
			if open, err := b.to.book.Intents(t.Context()); err != nil || len(open) > 0 {
				t.Errorf("intents %+v, %v", open, err)
			}
		})
	}
}

// TestALateGatewayDecidesNothing: its lease is another's by now, and its store says so before the engine is asked.
func TestALateGatewayDecidesNothing(t *testing.T) {
	b := newBatched(t)
	b.to.engine.edit(object(1), "mine")
	b.pulls(b.to.replica)
	b.from.engine.edit(object(1), "theirs")
	_ = b.to.replica.Receive(t.Context(), serverOf(0), b.offer())
	late := &fenced{book: b.to.book}
	r, err := replica.New(replica.Config{Key: keyOf(1), Source: b.to.engine, Journal: journal, Changes: late, Blobs: b.to.book,
		Policy: func() sync.Policy { return b.policy }, Targets: func(sync.Object) []sync.ServerID { return nil },
		Now:   b.clock(),
		Fence: func() (exchange.Fence, bool) { return exchange.Fence{Lease: "sync", Number: 7}, true }})
	b.must(err)
	rows := len(b.to.engine.journal)
	for _, d := range []replica.Decision{{Take: serverOf(0), Here: true}, {Take: serverOf(1), Here: true}} { // one for the engine, one that it shows already
		if _, err := r.Decide(t.Context(), object(1), d); !errors.Is(err, store.ErrStale) {
			t.Errorf("%+v: %v", d, err)
		}
	}
	if len(b.to.engine.journal) != rows || len(late.seen) != 2 || late.seen[0] != 7 || late.seen[1] != 7 {
		t.Errorf("%d rows more, fences %v", len(b.to.engine.journal)-rows, late.seen)
	}
}

// fenced is a book of which every lease is another's.
type fenced struct {
	book
	seen []int64
}

func (f *fenced) Intend(ctx context.Context, fence exchange.Fence, all ...sync.Intent) error {
	f.seen = append(f.seen, fence.Number)
	return store.ErrStale
}

func (f *fenced) Accept(ctx context.Context, fence exchange.Fence, all ...exchange.Acceptance) error {
	f.seen = append(f.seen, fence.Number)
	return store.ErrStale
}
