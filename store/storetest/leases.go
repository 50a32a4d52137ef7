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
	"github.com/stagelock/stagelock/store/storetest/place"
)

// TestLeases runs the conformance suite of store.Leases.
func TestLeases(t *testing.T, open place.Opener[store.Leases]) {
	place.Run(t, open, []place.Row[store.Leases]{
		{Name: "excludes", Run: leaseExcludes},
		{Name: "runs out", Run: leaseRunsOut},
		{Name: "is renewed", Run: leaseRenew},
		{Name: "of the same owner", Run: leaseOwn},
		{Name: "odd names", Run: leaseOdd},
		{Name: "survive", Run: leaseReopen},
		{Name: "one of many acquires", Run: leaseConcurrent},
		{Name: "one of two processes", Run: leaseTwo},
		{Name: "cancelled", Run: leaseCancelled},
		{Name: "closed", Run: leaseClosed},
	})
}

const leaseTTL = time.Minute

func acquire(t *testing.T, s store.Leases, owner string) int64 {
	t.Helper()
	fence, err := s.Acquire(context.Background(), "lease", owner, leaseTTL)
	place.Must(t, err)
	return fence
}

func held(t *testing.T, s store.Leases, owner string) {
	t.Helper()
	_, err := s.Acquire(context.Background(), "lease", owner, leaseTTL)
	place.WantErr(t, "Acquire by "+owner, err, store.ErrStale)
}

func leaseExcludes(t *testing.T, p *place.Place[store.Leases]) {
	ctx := context.Background()
	a := acquire(t, p.Store, "a")
	held(t, p.Store, "b")
	p.Pass(50)
	held(t, p.Store, "b")
	if _, err := p.Store.Acquire(ctx, "another", "b", time.Second); err != nil {
		t.Errorf("lease of another name: %v", err)
	}
	place.Must(t, p.Store.Release(ctx, "lease", a))
	b := acquire(t, p.Store, "b")
	if b <= a {
		t.Errorf("fence %d after %d", b, a)
	}
	place.Must(t, p.Store.Release(ctx, "lease", a)) // the old one, again: b keeps it
	held(t, p.Store, "a")
	place.Must(t, p.Store.Release(ctx, "never taken", 1))
}

func leaseRunsOut(t *testing.T, p *place.Place[store.Leases]) {
	a := acquire(t, p.Store, "a")
	p.Pass(61)
	b := acquire(t, p.Store, "b")
	if b <= a {
		t.Errorf("fence %d after %d", b, a)
	}
	place.WantErr(t, "Renew of a lease that was taken over",
		p.Store.Renew(context.Background(), "lease", a, leaseTTL), store.ErrStale)
	held(t, p.Store, "a")
}

func leaseRenew(t *testing.T, p *place.Place[store.Leases]) {
	ctx := context.Background()
	a := acquire(t, p.Store, "a")
	p.Pass(50)
	place.Must(t, p.Store.Renew(ctx, "lease", a, leaseTTL))
	p.Pass(50)
	held(t, p.Store, "b")
	p.Pass(100)
	place.Must(t, p.Store.Renew(ctx, "lease", a, leaseTTL)) // late, but nobody came
	p.Pass(50)
	held(t, p.Store, "b")
	place.Must(t, p.Store.Release(ctx, "lease", a))
	place.WantErr(t, "Renew after Release", p.Store.Renew(ctx, "lease", a, leaseTTL), store.ErrStale)
	place.WantErr(t, "Renew of what never was", p.Store.Renew(ctx, "no", a, leaseTTL), store.ErrStale)
	acquire(t, p.Store, "b")
}

func leaseOwn(t *testing.T, p *place.Place[store.Leases]) {
	first := acquire(t, p.Store, "a")
	second := acquire(t, p.Store, "a")
	if second <= first {
		t.Errorf("fence %d after %d", second, first)
	}
	err := p.Store.Renew(context.Background(), "lease", first, leaseTTL)
	place.WantErr(t, "Renew of the first", err, store.ErrStale)
}

func leaseOdd(t *testing.T, p *place.Place[store.Leases]) {
	ctx := context.Background()
	for _, name := range place.Odd {
		_, err := p.Store.Acquire(ctx, name, name, leaseTTL)
		place.Must(t, err)
	}
	for _, name := range place.Odd {
		_, err := p.Store.Acquire(ctx, name, "other", leaseTTL)
		place.WantErr(t, fmt.Sprintf("Acquire of %q", name), err, store.ErrStale)
	}
}

func leaseReopen(t *testing.T, p *place.Place[store.Leases]) {
	ctx := context.Background()
	a := acquire(t, p.Store, "a")
	held(t, p.Reopen(), "b")
	place.Must(t, p.Store.Release(ctx, "lease", a))
	if b := acquire(t, p.Reopen(), "b"); b <= a {
		t.Errorf("fence %d after %d and a restart", b, a)
	}
}

func leaseConcurrent(t *testing.T, p *place.Place[store.Leases]) {
	oneOfMany(t, []store.Leases{p.Store})
}

func leaseTwo(t *testing.T, p *place.Place[store.Leases]) {
	oneOfMany(t, []store.Leases{p.Store, p.Another()})
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

func leaseCancelled(t *testing.T, p *place.Place[store.Leases]) {
	_, err := p.Store.Acquire(place.Cancelled(), "lease", "a", leaseTTL)
	place.WantErr(t, "Acquire", err, context.Canceled)
	a := acquire(t, p.Store, "b")
	place.WantErr(t, "Renew", p.Store.Renew(place.Cancelled(), "lease", a, leaseTTL), context.Canceled)
	place.WantErr(t, "Release", p.Store.Release(place.Cancelled(), "lease", a), context.Canceled)
	held(t, p.Store, "a")
}

func leaseClosed(t *testing.T, p *place.Place[store.Leases]) {
	a := acquire(t, p.Store, "a")
	p.Close()
	_, err := p.Store.Acquire(context.Background(), "lease", "a", leaseTTL)
	place.WantErr(t, "Acquire", err, store.ErrClosed)
	place.WantErr(t, "Renew", p.Store.Renew(context.Background(), "lease", a, leaseTTL), store.ErrClosed)
}
