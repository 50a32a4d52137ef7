package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
)

// Long forms.
var (
	nonces  = flag.Int("nonces", 300, "how many nonces are used at three gateways at once")
	network = flag.Duration("network", 3*time.Second, "how long gateways work over a bad network")
	latency = flag.Duration("latency", 20*time.Millisecond, "how long a bad network takes for a round trip")
)

// three opens a server as three gateways do.
func three(t *testing.T, url string, patience time.Duration) (all []*postgres.Store) {
	t.Helper()
	for range 3 {
		s, err := postgres.Open(context.Background(), postgres.Config{URL: url, Cluster: "live", Connections: 4, Patience: patience})
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		all = append(all, s)
	}
	return all
}

// Every nonce is sent to three gateways at once: exactly one of them takes it. Without a database none does.
func TestNoncesAtThreeGateways(t *testing.T) {
	server := own(t)
	gates := three(t, server.URL(), 0)
	use := func(nonce int) int32 {
		var good atomic.Int32
		var wg sync.WaitGroup
		for _, g := range gates {
			wg.Go(func() {
				ok, err := g.Nonces().Use(context.Background(), "peer", fmt.Append(nil, nonce), time.Hour)
				if err != nil {
					t.Error(err)
				}
				if ok {
					good.Add(1)
				}
			})
		}
		wg.Wait()
		return good.Load()
	}
	for i := range *nonces {
		if n := use(i); n != 1 {
			t.Fatalf("nonce %d was good %d times", i, n)
		}
	}
	server.Stop()
	for i := range 20 {
		for _, g := range gates {
			if ok, err := g.Nonces().Use(context.Background(), "peer", fmt.Append(nil, 1000000+i), time.Hour); ok || err == nil {
				t.Fatalf("without a database nonce %d was good: %v", i, err)
			}
		}
	}
	t.Logf("%d nonces at three gateways at once: each was good exactly once; none without a database", *nonces)
}

// Three gateways claim the same calls over a network that is slow and resets one message in a hundred: no
// call is begun by two of them, and what one was told that it began is its own. The log of one of them has
// every record that was acknowledged, once.
func TestBadNetwork(t *testing.T) {
	server := own(t)
	b, err := server.Network(*latency)
	must(t, err)
	t.Cleanup(b.Close)
	gates := three(t, b.URL, 2*time.Minute)
	for i, g := range gates {
		join(t, g, fmt.Sprint("life ", i))
	}
	b.Bad(true)
	over := time.Now().Add(*network)
	var calls, unknown, records int
	var wg sync.WaitGroup
	wg.Go(func() { calls, unknown = claims(t, gates, over) })
	wg.Go(func() { records = appends(t, gates[0].Logs().Log("gate-a"), over) })
	wg.Wait()
	b.Bad(false)
	n := 0
	must(t, gates[1].Logs().Log("gate-a").Read(context.Background(), 1, func(r store.Record) error {
		if n++; string(r.Body) != fmt.Sprint("record ", n) {
			return fmt.Errorf("record %d is %q", n, r.Body)
		}
		return nil
	}))
	if n != records {
		t.Errorf("%d records are there, %d were acknowledged", n, records)
	}
	t.Logf("%v at %v a round trip, %d resets: %d calls claimed by three gateways at once, each begun at most once, "+
		"%d of them by nobody who was told so; %d records, each there once", *network, *latency, b.Resets(), calls, unknown, n)
}

// claims has three gateways begin the same calls, and counts those that none was told it began.
func claims(t *testing.T, gates []*postgres.Store, over time.Time) (calls, unknown int) {
	for ; time.Now().Before(over); calls++ {
		var winners sync.Map
		var wg sync.WaitGroup
		key := store.RepeatKey{Login: "p", Digest: fmt.Sprint(calls)}
		for i, g := range gates {
			wg.Go(func() {
				rep := store.Repeat{Key: key, Reference: fmt.Sprint("of ", i), Owner: fmt.Sprint("life ", i)}
				if _, own, err := g.Repeats().Begin(context.Background(), rep, time.Hour); err == nil && own {
					winners.Store(rep.Reference, true)
				}
			})
		}
		wg.Wait()
		won := 0
		winners.Range(func(ref, _ any) bool {
			won++
			if rep, err := gates[0].Repeats().Repeat(context.Background(), key); err == nil && rep.Reference != ref {
				t.Errorf("call %d was begun %v, and is kept as begun %s", calls, ref, rep.Reference)
			}
			return true
		})
		if won > 1 {
			t.Errorf("call %d was begun by %d gateways", calls, won)
		}
		if won == 0 {
			unknown++
		}
	}
	return calls, unknown
}

// appends writes records one after the other and returns how many were acknowledged.
func appends(t *testing.T, log store.Events, over time.Time) (n int) {
	for time.Now().Before(over) {
		rec := store.Record{Seq: store.Seq(n + 1), Body: fmt.Append(nil, "record ", n+1)}
		if err := log.Append(context.Background(), []store.Record{rec}); err != nil {
			t.Errorf("record %d: %v", n+1, err)
			return n
		}
		n++
	}
	return n
}

// TestPartsOverAConnectionThatBreaks: who read parts went on behind those that had come before the connection
// broke, and nobody saw them.
func TestPartsOverAConnectionThatBreaks(t *testing.T) {
	server := own(t)
	way, err := server.Network(0)
	must(t, err)
	t.Cleanup(way.Close)
	s, err := postgres.Open(context.Background(), postgres.Config{URL: way.URL, Cluster: "live", Patience: time.Minute})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.Requests().Create(context.Background(), store.Request{ID: 1, Logins: []string{"a"}}))
	const parts = 400
	name := func(n int) string { return fmt.Sprintf("%0500d", n) }
	for i := range parts {
		must(t, s.Requests().AddPart(context.Background(), 1, store.Part{Name: name(i), Size: 1}))
	}
	before := way.Resets()
	way.ResetAfter(parts * 400)
	n := 0
	must(t, s.Requests().Parts(context.Background(), 1, func(p store.Part) error {
		if p.Name != name(n) {
			return fmt.Errorf("part %d is %q", n, p.Name)
		}
		n++
		return nil
	}))
	if n != parts || way.Resets() != before+1 {
		t.Errorf("%d parts of %d, %d resets", n, parts, way.Resets()-before)
	}
}
