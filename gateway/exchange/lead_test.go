package exchange_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/exchange/lead"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/source"
)

// looked is an engine that counts how often its journal is read.
type looked struct {
	nobody
	n atomic.Int64
}

func (l *looked) Changes(context.Context, int64, int) ([]source.Row, error) {
	l.n.Add(1)
	return nil, nil
}

// gateway is one of several of the server of a shop.
type gateway struct {
	looked
	exchange *exchange.Exchange
	stop     func()
}

const leaseTTL = 10 * time.Second // a busy machine may keep who has it from renewing it for that long

func (s *shop) gateway(name string) *gateway {
	s.t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	g := &gateway{}
	var err error
	g.exchange, err = exchange.New(exchange.Config{Name: "live", Key: keyOf(1), Source: &g.looked, Book: s.book, Blobs: s.blobs,
		Nonces: nonces{}, Interval: time.Millisecond, Log: logrus.NewEntry(log), Now: time.Now,
		Lead: lead.Config{Leases: s.db.Leases(), Owner: name, TTL: leaseTTL}})
	s.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.exchange.Run(ctx) }()
	g.stop = func() {
		cancel()
		s.must(<-done)
		g.stop = func() {}
	}
	s.t.Cleanup(func() { g.stop() })
	return g
}

// looks waits until a gateway has read the journal a few times more.
func (g *gateway) looks(t *testing.T) {
	t.Helper()
	deadline, tick, want := time.After(time.Minute), time.NewTicker(time.Millisecond), g.n.Load()+3
	defer tick.Stop()
	for g.n.Load() < want {
		select {
		case <-deadline:
			t.Fatal("it does not read the journal within a minute")
		case <-tick.C:
		}
	}
}

// TestOneOfSeveralGatewaysWorks: one reads the journal until it stops, then another does, and one that lost its lease
// does not go on.
func TestOneOfSeveralGatewaysWorks(t *testing.T) {
	s := newShop(t)
	first := s.gateway("a")
	first.looks(t)
	second := s.gateway("b")
	first.looks(t)
	first.looks(t)
	if n := second.n.Load(); n > 0 {
		t.Fatalf("both read the journal, the second %d times", n)
	}
	first.stop()
	at := first.n.Load()
	second.looks(t)
	if first.n.Load() != at {
		t.Error("one that stopped reads on")
	}
	fence, err := int64(0), store.ErrStale
	for errors.Is(err, store.ErrStale) { // it may wake and renew its lease before another one has it
		s.ahead.Add(int64(2 * leaseTTL)) // as if it had been frozen
		fence, err = s.db.Leases().Acquire(t.Context(), "sync", "c", time.Hour)
	}
	s.must(err)
	deadline := time.After(time.Minute)
	for last := int64(-1); last != second.n.Load(); { // it asks for its lease within a fifth of it
		last = second.n.Load()
		select {
		case <-deadline:
			t.Fatal("it works on without its lease")
		case <-time.After(leaseTTL / 4):
		}
	}
	s.must(s.db.Leases().Release(t.Context(), "sync", fence))
	second.looks(t)
}

// away are leases of a store that can be away: whoever asks it waits.
type away struct {
	store.Leases
	now chan struct{}
}

func (a *away) Renew(ctx context.Context, name string, fence int64, ttl time.Duration) error {
	select {
	case <-a.now:
		<-time.After(time.Hour)
	default:
	}
	return nil
}

func (a *away) Acquire(context.Context, string, string, time.Duration) (int64, error) {
	select {
	case <-a.now:
		return 0, store.ErrStale
	default:
		return 1, nil
	}
}

func (a *away) Release(context.Context, string, int64) error { return nil }

// TestALeaseIsTrustedByItsOwnClock: who cannot renew it stops before others may take it over, however long the store
// keeps him waiting.
func TestALeaseIsTrustedByItsOwnClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, a, g := newPlace(t), &away{now: make(chan struct{})}, &looked{}
		log := logrus.New()
		log.SetOutput(io.Discard)
		x, err := exchange.New(exchange.Config{Name: "live", Key: keyOf(1), Source: g, Book: p, Blobs: p, Nonces: nonces{},
			Interval: 100 * time.Millisecond, Log: logrus.NewEntry(log), Now: time.Now,
			Lead: lead.Config{Leases: a, Owner: "a", TTL: 10 * time.Second}})
		p.must(err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx) }()
		<-time.After(time.Minute)
		if g.n.Load() < 500 {
			t.Errorf("the journal was read %d times in a minute", g.n.Load())
		}
		close(a.now)
		<-time.After(8*time.Second + time.Millisecond) // of ten
		synctest.Wait()
		at := g.n.Load()
		<-time.After(10 * time.Minute)
		if more := g.n.Load() - at; more > 0 {
			t.Errorf("the journal was read %d times more", more)
		}
		cancel()
		p.must(<-done)
	})
}

// refusing are leases of a store that says that it is away.
type refusing struct {
	store.Leases
	now atomic.Bool
}

func (r *refusing) err() error {
	if r.now.Load() {
		return errors.New("the database is away")
	}
	return nil
}

func (r *refusing) Acquire(context.Context, string, string, time.Duration) (int64, error) {
	return 1, r.err()
}

func (r *refusing) Renew(context.Context, string, int64, time.Duration) error { return r.err() }

func (r *refusing) Release(context.Context, string, int64) error { return r.err() }

// TestALeaseComesBackWithItsStore: a store that was away for longer than a lease ends the work only until it is back.
func TestALeaseComesBackWithItsStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r, g := newPlace(t), &refusing{}, &looked{}
		log := logrus.New()
		log.SetOutput(io.Discard)
		x, err := exchange.New(exchange.Config{Name: "live", Key: keyOf(1), Source: g, Book: p, Blobs: p, Nonces: nonces{},
			Interval: 100 * time.Millisecond, Log: logrus.NewEntry(log), Now: time.Now,
			Lead: lead.Config{Leases: r, Owner: "a", TTL: 10 * time.Second}})
		p.must(err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx) }()
		for _, away := range []bool{false, true, false, true} {
			r.now.Store(away)
			<-time.After(20 * time.Second)
			synctest.Wait()
			at := g.n.Load()
			<-time.After(time.Minute)
			synctest.Wait()
			if works := g.n.Load() > at; works == away {
				t.Errorf("the store is away: %t; the journal is read: %t", away, works)
			}
		}
		cancel()
		p.must(<-done)
	})
}
