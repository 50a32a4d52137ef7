package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// TestNonces runs the conformance suite of store.Nonces.
func TestNonces(t *testing.T, open place.Opener[store.Nonces]) {
	place.Run(t, open, []place.Row[store.Nonces]{
		{Name: "once", Run: nonceOnce},
		{Name: "odd scopes and nonces", Run: nonceOdd},
		{Name: "runs out", Run: nonceRunsOut},
		{Name: "prune", Run: noncePrune},
		{Name: "one of many, in two processes", Run: nonceConcurrent},
		{Name: "cancelled and closed", Run: nonceEnds},
	})
}

// use wants the answer want.
func use(t *testing.T, s store.Nonces, scope, nonce string, ttl time.Duration, want bool) {
	t.Helper()
	got, err := s.Use(context.Background(), scope, []byte(nonce), ttl)
	place.Must(t, err)
	if got != want {
		t.Errorf("Use of %q in %q = %v, want %v", nonce, scope, got, want)
	}
}

func nonceOnce(t *testing.T, p *place.Place[store.Nonces]) {
	use(t, p.Store, "a", "1", time.Minute, true)
	use(t, p.Store, "a", "1", time.Minute, false)
	use(t, p.Another(), "a", "1", time.Minute, false)
	use(t, p.Reopen(), "a", "1", time.Minute, false)
	use(t, p.Store, "a", "2", time.Minute, true)
	use(t, p.Store, "b", "1", time.Minute, true)
	use(t, p.Store, "", "", time.Minute, true)
	use(t, p.Store, "", "", time.Minute, false)
}

func nonceOdd(t *testing.T, p *place.Place[store.Nonces]) {
	for _, want := range []bool{true, false} {
		for _, s := range place.Odd {
			use(t, p.Store, s, "same", time.Minute, want)
			use(t, p.Store, "same", s+"\xff", time.Minute, want)
		}
	}
}

func nonceRunsOut(t *testing.T, p *place.Place[store.Nonces]) {
	use(t, p.Store, "a", "1", time.Minute, true)
	p.Pass(50)
	use(t, p.Store, "a", "1", time.Hour, false) // does not prolong it
	p.Pass(11)
	use(t, p.Store, "a", "1", time.Minute, true)
	use(t, p.Store, "a", "1", time.Minute, false)
}

func noncePrune(t *testing.T, p *place.Place[store.Nonces]) {
	for i := range 10 {
		use(t, p.Store, "a", fmt.Sprint(i), time.Duration(i+1)*time.Minute, true)
	}
	p.Pass(5*60 + 30)
	n, err := p.Store.PruneNonces(context.Background())
	place.Must(t, err)
	if n != 5 {
		t.Errorf("pruned %d, want 5", n)
	}
	use(t, p.Store, "a", "4", time.Minute, true)
	use(t, p.Store, "a", "5", time.Minute, false)
}

func nonceConcurrent(t *testing.T, p *place.Place[store.Nonces]) {
	places := []store.Nonces{p.Store, p.Another()}
	const nonces = 20
	var firsts [nonces]atomic.Int32
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range nonces {
				ok, err := places[w%2].Use(context.Background(), "a", []byte{byte(i)}, time.Minute)
				if err != nil {
					t.Error(err)
				}
				if ok {
					firsts[i].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i := range firsts {
		if n := firsts[i].Load(); n != 1 {
			t.Errorf("nonce %d had %d first users", i, n)
		}
	}
}

func nonceEnds(t *testing.T, p *place.Place[store.Nonces]) {
	ok, err := p.Store.Use(place.Cancelled(), "a", []byte("1"), time.Minute)
	place.WantErr(t, "Use", err, context.Canceled)
	if ok {
		t.Error("a use that failed was taken for the first")
	}
	use(t, p.Store, "a", "1", time.Minute, true)
	p.Close()
	ok, err = p.Store.Use(context.Background(), "a", []byte("2"), time.Minute)
	place.WantErr(t, "Use", err, store.ErrClosed)
	if ok {
		t.Error("a closed store let somebody in")
	}
}
