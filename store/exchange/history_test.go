package exchange_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// asked is a database that counts questions.
type asked struct {
	store.Transactor
	n int
}

type counting struct {
	store.Tx
	n *int
}

func (c counting) Query(query string, args []any, each func(scan func(dest ...any) error) error) error {
	*c.n++
	return c.Tx.Query(query, args, each)
}

func (a *asked) View(ctx context.Context, what string, fn func(store.Tx) error) error {
	return a.Transactor.View(ctx, what, func(tx store.Tx) error { return fn(counting{tx, &a.n}) })
}

func (c counting) Exec(query string, args ...any) (int64, error) {
	*c.n++
	return c.Tx.Exec(query, args...)
}

func (a *asked) Transact(ctx context.Context, what string, fn func(store.Tx) error) error {
	return a.Transactor.Transact(ctx, what, func(tx store.Tx) error { return fn(counting{tx, &a.n}) })
}

// TestAnAcceptanceOfManyAsksLittle: each statement is a round trip to a database. Of a change of an object that nobody
// knew there are its intent, the look for another, the change, who has it, and the object with its version.
func TestAnAcceptanceOfManyAsksLittle(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "stagelock.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a := &asked{Transactor: db}
	b := exchange.NewBook(a)
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	origin := sync.IDOf(key.Public().(ed25519.PublicKey))
	const many = 100
	var all []exchange.Acceptance
	var intents []sync.Intent
	for k := uint64(1); k <= many; k++ {
		c := &sync.Change{ID: sync.ID{Origin: origin, Counter: k}, Object: sync.Object(fmt.Sprint("s/article/", k)), Op: sync.Delete}
		c.Follow(nil)
		c.Sign(key)
		out := sync.Receive(sync.State{Object: c.Object}, c, sync.Policy{})
		all = append(all, exchange.Acceptance{Outcome: &out, Via: origin, Tag: c.ID.String()})
		intents = append(intents, sync.Intent{Object: c.Object, Tag: c.ID.String(), Change: c, Via: origin})
	}
	if err := b.Intend(t.Context(), exchange.Fence{}, intents...); err != nil {
		t.Fatal(err)
	}
	a.n = 0
	if err := b.Accept(t.Context(), exchange.Fence{}, all...); err != nil {
		t.Fatal(err)
	}
	if most := 6*many + 10; a.n > most {
		t.Errorf("%d statements for %d changes, at most %d are needed", a.n, many, most)
	}
	if have, err := b.Have(t.Context()); err != nil || have[origin] != many {
		t.Errorf("have %v, %v", have, err)
	}
}

// TestAHistoryIsAskedForOnce: a question for each of its changes would take seconds where a database is a
// millisecond away, and look as if it were gone.
func TestAHistoryIsAskedForOnce(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "stagelock.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a := &asked{Transactor: db}
	b := exchange.NewBook(a)
	server := func(n int) sync.ServerID { return sync.ServerID(fmt.Sprintf("%019dA", n)) }
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	origin := sync.IDOf(key.Public().(ed25519.PublicKey))
	for k := uint64(1); k <= 100; k++ {
		c := &sync.Change{ID: sync.ID{Origin: origin, Counter: k}, Object: sync.Object(fmt.Sprint("s/article/", k%2)), Op: sync.Delete,
			Stamp: sync.Stamp{Milli: int64(k)}}
		c.Follow(nil)
		c.Sign(key)
		s, err := b.Object(t.Context(), c.Object)
		if err != nil {
			t.Fatal(err)
		}
		out := sync.Receive(s, c, sync.Policy{})
		if err := b.Accept(t.Context(), exchange.Fence{}, exchange.Acceptance{Outcome: &out, Listed: []sync.ServerID{server(int(k))}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		object        sync.Object
		limit         int
		newest, count uint64
		step          uint64
	}{{"", 1000, 100, 100, 1}, {"", 7, 100, 7, 1}, {"s/article/1", 1000, 99, 50, 2}, {"s/article/2", 5, 0, 0, 1}} {
		a.n = 0
		all, err := b.History(t.Context(), tt.object, tt.limit)
		if err != nil || uint64(len(all)) != tt.count || a.n > 2 {
			t.Errorf("%q, %d: %d changes with %d questions, %v", tt.object, tt.limit, len(all), a.n, err)
		}
		for i, e := range all {
			k := tt.newest - uint64(i)*tt.step
			if want := []sync.ServerID{server(int(k)), origin}; e.Change.ID.Counter != k || !slices.Equal(e.Listed, want) {
				t.Errorf("%q: change %d is listed for %v, want %v", tt.object, e.Change.ID.Counter, e.Listed, want)
			}
		}
	}
}
