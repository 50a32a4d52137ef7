package integration_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive/archivetest"
	"github.com/stagelock/stagelock/gateway/relay"
)

// Long forms: how often gateways of a fleet are killed, restarted in order, and their database restarted.
var (
	clusterKills = flag.Int("cluster-kills", 10, "how often one of two gateways is killed, at each point of a call's way in turn")
	rolls        = flag.Int("rolls", 3, "how often the gateways are restarted one after the other under publishers")
	rollers      = flag.Int("rollers", 6, "how many publishers publish meanwhile")

	clusterNetwork = flag.Duration("cluster-network", 5*time.Second, "how long publishers publish while the way to the database is bad")
	clusterLatency = flag.Duration("cluster-latency", 200*time.Millisecond, "how long a round trip to the database takes then")
)

// doom is where in a call's way a gateway dies.
type doom struct {
	point string
	hit   int64 // the how manieth call that comes there
}

// doomOf returns the doom of that kill: each point in turn, and round after round another call of a publish.
func doomOf(kill int) doom {
	points := relay.Points()
	return doom{points[kill%len(points)], int64(1 + kill/len(points)%5)}
}

// One of two gateways is killed at each point of a call's way, in whichever call of a publish comes to it.
// Its publisher goes on by way of the other one, or is told what happened.
func TestClusterKill(t *testing.T) {
	f := newFleet(t, []string{"gate-a", "gate-b"})
	for i, g := range f.gates {
		if err := errors.Join(g.child.Stop(), g.relaunch(doomOf(i).point, doomOf(i).hit)); err != nil {
			t.Fatal(err)
		}
	}
	went, told := 0, 0
	for i := range *clusterKills {
		victim := f.gates[i%2]
		first := f.killOne(t, victim, doomOf(i+2)) // its next turn
		if first == nil {
			went++
		} else {
			told++
		}
		if t.Failed() {
			t.Fatalf("kill %d of %s: %+v", i+1, victim.name, doomOf(i))
		}
		if i%20 == 19 || i == *clusterKills-1 {
			f.compare(t, f.logs(t))
			t.Logf("%d kills: %d publishes went on", i+1, went)
		}
	}
	f.arrived(t, *clusterKills)
	t.Logf("%d kills: %d publishes went on, %d were told that a call may have been carried out or was not, and published again; "+
		"%d calls carried out", *clusterKills, went, told, len(f.seen(t)))
}

// killOne publishes until a gateway has died as it was told at its start, starts it again for its next death, and returns
// how that publish ended.
func (f *fleet) killOne(t *testing.T, victim *gate, next doom) (first error) {
	t.Helper()
	// The repeat of a call has the other gateway to go to only where HAProxy has taken that one back. Its
	// checks are connections too: they must not be what the gateway dies at.
	f.haproxy.Await(t, len(f.gates))
	if err := victim.child.Tell(); err != nil {
		t.Fatal(err)
	}
	ended, restarted := victim.child.Ended, make(chan error, 1)
	go func() { restarted <- victim.relaunch(next.point, next.hit) }()
	for {
		lar := f.export(t)
		j := f.client()
		j.repeat = func() {
			gone(t, ended)
			f.haproxy.Await(t, 1) // which is the other one, unless the machine is too busy for its checks
		}
		first = f.session(t.Context(), j, lar)
		definite(t, first, true)
		if first != nil {
			f.finishAll(t, lar)
		}
		select {
		case <-ended: // in this session
			if err := <-restarted; err != nil {
				t.Fatal(err)
			}
			return first
		default:
		}
		if first != nil {
			t.Fatalf("a publish that met no kill failed: %v", first)
		}
	}
}

// gone waits until a gateway that a connection was lost to is gone as a whole: the system closes a dying
// process's connections first and accepts for it until it closes the socket too. Nothing but its death loses
// a connection.
func gone(t *testing.T, ended chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("a connection was lost, and no gateway died")
	}
}

// finishAll publishes anew until it succeeds.
func (f *fleet) finishAll(t *testing.T, lar []byte) {
	t.Helper()
	for try := 0; ; try++ {
		err := f.again(t.Context(), f.client(), f.client(), lar)
		if err == nil {
			return
		}
		definite(t, err, true)
		if try == 5 {
			t.Fatalf("publish %d after the kill: %v", try+1, err)
		}
	}
}

// awaitUp waits until a gateway says itself that it is ready.
func (f *fleet) awaitUp(t *testing.T, g *gate) {
	t.Helper()
	look, late := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for {
		members, err := f.db.Members().Members(t.Context())
		for _, m := range members {
			if err == nil && m.Node == g.name && !m.Over {
				return
			}
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("%s is no member: %v", g.name, err)
		}
	}
}

// crowd is publishers who publish one archive after the other.
type crowd struct {
	wg     sync.WaitGroup
	stop   chan struct{}
	calls  atomic.Int64
	mu     sync.Mutex // guards what follows
	failed []string
	told   []told // of the calls that succeeded
}

// publishing begins to publish through HAProxy, each publisher another archive into the same site.
func (f *fleet) publishing(t *testing.T, n int) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for i := range n {
		j := f.client()
		j.succeeded = func(name string) {
			c.calls.Add(1)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.told = append(c.told, told{j.from.String(), name, j.refs[len(j.refs)-1]})
		}
		c.wg.Go(func() {
			defer j.close()
			for round := 0; ; round++ {
				select {
				case <-c.stop:
					return
				default:
				}
				lar := generate(t, archivetest.Options{Bytes: 4000, Entries: 1, Seed: uint64(1000000*(i+1) + round)})
				if err := j.publish(context.Background(), lar, killBuffer); err != nil {
					c.mu.Lock()
					c.failed = append(c.failed, fmt.Sprintf("publisher %d, archive %d: %v", i, round, err))
					c.mu.Unlock()
				}
			}
		})
	}
	return c
}

// end stops the publishers, reports what failed and has f know what they were told.
func (c *crowd) end(t *testing.T, f *fleet, did string) {
	t.Helper()
	close(c.stop)
	c.wg.Wait()
	f.done = append(f.done, c.told...)
	for i, text := range c.failed {
		if i == 5 {
			break
		}
		t.Errorf("%s", text)
	}
	t.Logf("%s: %d calls succeeded, %d publishes failed", did, c.calls.Load(), len(c.failed))
}

// Both gateways are restarted one after the other, again and again, while publishers publish: no call
// fails.
func TestClusterRollingRestarts(t *testing.T) {
	f := newFleet(t, []string{"gate-a", "gate-b"})
	c := f.publishing(t, *rollers)
	for i := range *rolls {
		g := f.gates[i%2]
		if err := errors.Join(g.child.Stop(), g.relaunch("", 0)); err != nil {
			t.Fatal(err)
		}
		f.awaitUp(t, g)
		f.awaitServing(t)
	}
	c.end(t, f, fmt.Sprintf("%d restarts under %d publishers", *rolls, *rollers))
	f.compare(t, f.logs(t))
}

// awaitServing waits until both gateways are checked by HAProxy, as an operator does between two restarts.
func (f *fleet) awaitServing(t *testing.T) {
	t.Helper()
	count := func() map[string]int {
		n := map[string]int{}
		heads, err := f.db.Logs().Heads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range heads {
			n[h.Log] = int(h.Record.Seq)
		}
		return n
	}
	before := count()
	look, late := time.NewTicker(50*time.Millisecond), time.After(5*time.Minute) // 32 publishers share a busy machine
	defer look.Stop()
	for {
		now, all := count(), true
		for _, g := range f.gates {
			all = all && now[g.name] >= before[g.name]+20
		}
		if all {
			return
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("not every gateway is given calls: %v, %v", before, now)
		}
	}
}

// The database crashes and comes back while publishers publish: no call fails. To HAProxy both gateways are out meanwhile, and
// it still gives them what comes: they wait.
func TestClusterDatabaseRestarts(t *testing.T) {
	f := newFleet(t, []string{"gate-a", "gate-b"}, "  patience: 2m", "heartbeat: 1m")
	c := f.publishing(t, *rollers)
	for i := range *rolls {
		f.awaitServing(t)
		f.server.Kill()
		if i == 0 {
			f.haproxy.AwaitNone(t)
		}
		if err := f.server.Run(); err != nil {
			t.Fatal(err)
		}
	}
	f.awaitServing(t)
	c.end(t, f, fmt.Sprintf("%d restarts of the database under %d publishers", *rolls, *rollers))
	f.compare(t, f.logs(t))
}

// The way to the database takes seconds for a round trip and resets connections, while publishers publish: no
// call is carried out twice or without a verdict, and who fails is told what is known.
func TestClusterBadNetwork(t *testing.T) {
	f := withDatabase(t)
	way, err := f.server.Network(*clusterLatency)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(way.Close)
	f.serve(t, way.URL, []string{"gate-a", "gate-b"}, []string{"  lease: 1m", "  patience: 2m"})
	way.Bad(true)
	c := f.publishing(t, *rollers)
	<-time.After(*clusterNetwork)
	way.Bad(false)
	c.end(t, f, fmt.Sprintf("%v at %v a round trip to the database, %d resets", *clusterNetwork, *clusterLatency, way.Resets()))
	f.compare(t, f.logs(t))
	if c.calls.Load() == 0 {
		t.Error("no call succeeded")
	}
}
