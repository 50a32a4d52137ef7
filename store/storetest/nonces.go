package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
)

// TestNonces runs the conformance suite of store.Nonces.
func TestNonces(t *testing.T, open Opener[store.Nonces]) {
	rows(t, open, []row[store.Nonces]{
		{"once", nonceOnce},
		{"odd scopes and nonces", nonceOdd},
		{"runs out", nonceRunsOut},
		{"prune", noncePrune},
		{"one of many, in two processes", nonceConcurrent},
		{"cancelled and closed", nonceEnds},
	})
}

// use wants the answer want.
func use(t *testing.T, s store.Nonces, scope, nonce string, ttl time.Duration, want bool) {
	t.Helper()
	got, err := s.Use(context.Background(), scope, []byte(nonce), ttl)
	must(t, err)
	if got != want {
		t.Errorf("Use of %q in %q = %v, want %v", nonce, scope, got, want)
	}
}

func nonceOnce(t *testing.T, p *place[store.Nonces]) {
	use(t, p.cur, "a", "1", time.Minute, true)
	use(t, p.cur, "a", "1", time.Minute, false)
	use(t, p.another(), "a", "1", time.Minute, false)
	use(t, p.reopen(), "a", "1", time.Minute, false)
	use(t, p.cur, "a", "2", time.Minute, true)
	use(t, p.cur, "b", "1", time.Minute, true)
	use(t, p.cur, "", "", time.Minute, true)
	use(t, p.cur, "", "", time.Minute, false)
}

func nonceOdd(t *testing.T, p *place[store.Nonces]) {
	for _, want := range []bool{true, false} {
		for _, s := range odd {
			use(t, p.cur, s, "same", time.Minute, want)
			use(t, p.cur, "same", s+"\xff", time.Minute, want)
		}
	}
}

func nonceRunsOut(t *testing.T, p *place[store.Nonces]) {
	use(t, p.cur, "a", "1", time.Minute, true)
	p.pass(50)
	use(t, p.cur, "a", "1", time.Hour, false) // does not prolong it
	p.pass(11)
	use(t, p.cur, "a", "1", time.Minute, true)
	use(t, p.cur, "a", "1", time.Minute, false)
}

func noncePrune(t *testing.T, p *place[store.Nonces]) {
	for i := range 10 {
		use(t, p.cur, "a", fmt.Sprint(i), time.Duration(i+1)*time.Minute, true)
	}
	p.pass(5*60 + 30)
	n, err := p.cur.PruneNonces(context.Background())
	must(t, err)
	if n != 5 {
		t.Errorf("pruned %d, want 5", n)
	}
	use(t, p.cur, "a", "4", time.Minute, true)
	use(t, p.cur, "a", "5", time.Minute, false)
}

func nonceConcurrent(t *testing.T, p *place[store.Nonces]) {
	places := []store.Nonces{p.cur, p.another()}
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

func nonceEnds(t *testing.T, p *place[store.Nonces]) {
	ok, err := p.cur.Use(cancelled(), "a", []byte("1"), time.Minute)
	wantErr(t, "Use", err, context.Canceled)
	if ok {
		t.Error("a use that failed was taken for the first")
	}
	use(t, p.cur, "a", "1", time.Minute, true)
	p.close()
	ok, err = p.cur.Use(context.Background(), "a", []byte("2"), time.Minute)
	wantErr(t, "Use", err, store.ErrClosed)
	if ok {
		t.Error("a closed store let somebody in")
	}
}
