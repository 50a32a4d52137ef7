package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
)

// TestLeases runs the conformance suite of store.Leases.
func TestLeases(t *testing.T, open Opener[store.Leases]) {
	rows(t, open, []row[store.Leases]{
		{"excludes", leaseExcludes},
		{"runs out", leaseRunsOut},
		{"is renewed", leaseRenew},
		{"of the same owner", leaseOwn},
		{"odd names", leaseOdd},
		{"survive", leaseReopen},
		{"one of many acquires", leaseConcurrent},
		{"one of two processes", leaseTwo},
		{"cancelled", leaseCancelled},
		{"closed", leaseClosed},
	})
}

const leaseTTL = time.Minute

func acquire(t *testing.T, s store.Leases, owner string) int64 {
	t.Helper()
	fence, err := s.Acquire(context.Background(), "lease", owner, leaseTTL)
	must(t, err)
	return fence
}

func held(t *testing.T, s store.Leases, owner string) {
	t.Helper()
	_, err := s.Acquire(context.Background(), "lease", owner, leaseTTL)
	wantErr(t, "Acquire by "+owner, err, store.ErrStale)
}

func leaseExcludes(t *testing.T, p *place[store.Leases]) {
	ctx := context.Background()
	a := acquire(t, p.cur, "a")
	held(t, p.cur, "b")
	p.pass(50)
	held(t, p.cur, "b")
	if _, err := p.cur.Acquire(ctx, "another", "b", time.Second); err != nil {
		t.Errorf("lease of another name: %v", err)
	}
	must(t, p.cur.Release(ctx, "lease", a))
	b := acquire(t, p.cur, "b")
	if b <= a {
		t.Errorf("fence %d after %d", b, a)
	}
	must(t, p.cur.Release(ctx, "lease", a)) // the old one, again: b keeps it
	held(t, p.cur, "a")
	must(t, p.cur.Release(ctx, "never taken", 1))
}

func leaseRunsOut(t *testing.T, p *place[store.Leases]) {
	a := acquire(t, p.cur, "a")
	p.pass(61)
	b := acquire(t, p.cur, "b")
	if b <= a {
		t.Errorf("fence %d after %d", b, a)
	}
	wantErr(t, "Renew of a lease that was taken over",
		p.cur.Renew(context.Background(), "lease", a, leaseTTL), store.ErrStale)
	held(t, p.cur, "a")
}

func leaseRenew(t *testing.T, p *place[store.Leases]) {
	ctx := context.Background()
	a := acquire(t, p.cur, "a")
	p.pass(50)
	must(t, p.cur.Renew(ctx, "lease", a, leaseTTL))
	p.pass(50)
	held(t, p.cur, "b")
	p.pass(100)
	must(t, p.cur.Renew(ctx, "lease", a, leaseTTL)) // late, but nobody came
	p.pass(50)
	held(t, p.cur, "b")
	must(t, p.cur.Release(ctx, "lease", a))
	wantErr(t, "Renew after Release", p.cur.Renew(ctx, "lease", a, leaseTTL), store.ErrStale)
	wantErr(t, "Renew of what never was", p.cur.Renew(ctx, "no", a, leaseTTL), store.ErrStale)
	acquire(t, p.cur, "b")
}

func leaseOwn(t *testing.T, p *place[store.Leases]) {
	first := acquire(t, p.cur, "a")
	second := acquire(t, p.cur, "a")
	if second <= first {
		t.Errorf("fence %d after %d", second, first)
	}
	err := p.cur.Renew(context.Background(), "lease", first, leaseTTL)
	wantErr(t, "Renew of the first", err, store.ErrStale)
}

func leaseOdd(t *testing.T, p *place[store.Leases]) {
	ctx := context.Background()
	for _, name := range odd {
		_, err := p.cur.Acquire(ctx, name, name, leaseTTL)
		must(t, err)
	}
	for _, name := range odd {
		_, err := p.cur.Acquire(ctx, name, "other", leaseTTL)
		wantErr(t, fmt.Sprintf("Acquire of %q", name), err, store.ErrStale)
	}
}

func leaseReopen(t *testing.T, p *place[store.Leases]) {
	ctx := context.Background()
	a := acquire(t, p.cur, "a")
	held(t, p.reopen(), "b")
	must(t, p.cur.Release(ctx, "lease", a))
	if b := acquire(t, p.reopen(), "b"); b <= a {
		t.Errorf("fence %d after %d and a restart", b, a)
	}
}

func leaseConcurrent(t *testing.T, p *place[store.Leases]) {
	oneOfMany(t, []store.Leases{p.cur})
}

func leaseTwo(t *testing.T, p *place[store.Leases]) {
	oneOfMany(t, []store.Leases{p.cur, p.another()})
}

func oneOfMany(t *testing.T, places []store.Leases) {
	t.Helper()
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			s := places[w%len(places)]
			_, err := s.Acquire(context.Background(), "lease", fmt.Sprint(w), leaseTTL)
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, store.ErrStale):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 15 {
		t.Errorf("%d won and %d lost, want 1 and 15", won.Load(), lost.Load())
	}
}

func leaseCancelled(t *testing.T, p *place[store.Leases]) {
	_, err := p.cur.Acquire(cancelled(), "lease", "a", leaseTTL)
	wantErr(t, "Acquire", err, context.Canceled)
	a := acquire(t, p.cur, "b")
	wantErr(t, "Renew", p.cur.Renew(cancelled(), "lease", a, leaseTTL), context.Canceled)
	wantErr(t, "Release", p.cur.Release(cancelled(), "lease", a), context.Canceled)
	held(t, p.cur, "a")
}

func leaseClosed(t *testing.T, p *place[store.Leases]) {
	a := acquire(t, p.cur, "a")
	p.close()
	_, err := p.cur.Acquire(context.Background(), "lease", "a", leaseTTL)
	wantErr(t, "Acquire", err, store.ErrClosed)
	wantErr(t, "Renew", p.cur.Renew(context.Background(), "lease", a, leaseTTL), store.ErrClosed)
}
