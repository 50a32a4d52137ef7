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

func acquire(t *testing.T, s store.Certificates, owner string, n int) int64 {
	t.Helper()
	fence, err := s.Acquire(context.Background(), "lease", owner, 10*time.Second, at(n))
	must(t, err)
	return fence
}

func held(t *testing.T, s store.Certificates, owner string, n int) {
	t.Helper()
	_, err := s.Acquire(context.Background(), "lease", owner, 10*time.Second, at(n))
	wantErr(t, fmt.Sprintf("Acquire by %s after %d s", owner, n), err, store.ErrStale)
}

func leaseExcludes(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	a := acquire(t, p.cur, "a", 0)
	held(t, p.cur, "b", 0)
	held(t, p.cur, "b", 9)
	if _, err := p.cur.Acquire(ctx, "another", "b", time.Second, at(0)); err != nil {
		t.Errorf("lease of another name: %v", err)
	}
	must(t, p.cur.Release(ctx, "lease", a))
	b := acquire(t, p.cur, "b", 1)
	if b <= a {
		t.Errorf("fence %d after %d", b, a)
	}
	must(t, p.cur.Release(ctx, "lease", a)) // the old one, again: b keeps it
	held(t, p.cur, "a", 2)
	must(t, p.cur.Release(ctx, "never taken", 1))
}

func leaseRunsOut(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	a := acquire(t, p.cur, "a", 0)
	b := acquire(t, p.cur, "b", 10)
	if b <= a {
		t.Errorf("fence %d after %d", b, a)
	}
	wantErr(t, "Renew of a lease that was taken over",
		p.cur.Renew(ctx, "lease", a, time.Minute, at(10)), store.ErrStale)
	held(t, p.cur, "a", 11)
}

func leaseRenew(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	a := acquire(t, p.cur, "a", 0)
	must(t, p.cur.Renew(ctx, "lease", a, 10*time.Second, at(9)))
	held(t, p.cur, "b", 18)
	must(t, p.cur.Renew(ctx, "lease", a, 10*time.Second, at(30))) // late, but nobody came
	held(t, p.cur, "b", 39)
	must(t, p.cur.Release(ctx, "lease", a))
	wantErr(t, "Renew after Release", p.cur.Renew(ctx, "lease", a, time.Minute, at(31)),
		store.ErrStale)
	wantErr(t, "Renew of what never was", p.cur.Renew(ctx, "no", a, time.Minute, at(31)),
		store.ErrStale)
	acquire(t, p.cur, "b", 31)
}

func leaseOwn(t *testing.T, p *place[store.Certificates]) {
	first := acquire(t, p.cur, "a", 0)
	second := acquire(t, p.cur, "a", 1)
	if second <= first {
		t.Errorf("fence %d after %d", second, first)
	}
	err := p.cur.Renew(context.Background(), "lease", first, time.Minute, at(2))
	wantErr(t, "Renew of the first", err, store.ErrStale)
}

func leaseReopen(t *testing.T, p *place[store.Certificates]) {
	ctx := context.Background()
	a := acquire(t, p.cur, "a", 0)
	held(t, p.reopen(), "b", 5)
	must(t, p.cur.Release(ctx, "lease", a))
	if b := acquire(t, p.reopen(), "b", 6); b <= a {
		t.Errorf("fence %d after %d and a restart", b, a)
	}
}

func leaseConcurrent(t *testing.T, p *place[store.Certificates]) {
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			_, err := p.cur.Acquire(context.Background(), "lease", fmt.Sprint(w), time.Minute,
				at(0))
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
