package quota_test

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/policy/quota"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// after is a moment of synthetic time.
func after(d time.Duration) time.Time { return start.Add(d) }

var addr = netip.MustParseAddr

// nth is the nth of many IPv4 addresses, spread over networks.
func nth(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(11 + n%100), byte(n >> 16), byte(n >> 8), byte(n)})
}

// allowed makes n calls at once that fail, and counts those that are no flood.
func allowed(l *quota.Limiter, a netip.Addr, n int, now time.Time) (passed int) {
	for range n {
		if l.Fail(a, now) == nil {
			passed++
		}
	}
	return passed
}

func TestBurstAndRefill(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 2, AddressBurst: 5, FailureCost: -1})
	a := addr("192.0.2.1")
	for _, tt := range []struct {
		name string
		at   time.Duration
		want int
	}{
		{"the burst", 0, 5},
		{"nothing left", 0, 0},
		{"half a second later", 500 * time.Millisecond, 1},
		{"two seconds later", 2500 * time.Millisecond, 4},
		{"an hour later", time.Hour, 5},
		{"time runs backwards", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := allowed(l, a, 100, after(tt.at)); got != tt.want {
				t.Errorf("%d calls pass, want %d", got, tt.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 2, AddressBurst: 5, FailureCost: 3, FailureWait: -1})
	a := addr("192.0.2.1")
	for i, want := range []time.Duration{0, 0, 2 * time.Second, 2 * time.Second} { // 5 - 4 - 4 leaves 3 to pay
		if wait := l.Wait(a, start); wait != want {
			t.Errorf("failure %d: a header waits %v, want %v", i, wait, want)
		}
		err := l.Fail(a, start)
		if want == 0 && err == nil {
			continue
		}
		var fast *quota.TooFastError
		if !errors.Is(err, quota.ErrTooFast) || !errors.As(err, &fast) || fast.RetryAfter != want {
			t.Fatalf("failure %d: %v, want to wait %v", i, err, want)
		}
		if !strings.Contains(err.Error(), want.String()) {
			t.Errorf("%q does not say when", err)
		}
	}
	if l.Wait(a, after(2*time.Second-time.Millisecond)) == 0 {
		t.Error("a header is looked at before its time")
	}
	if left := l.Wait(a, after(2*time.Second)); left != 0 {
		t.Errorf("after its time a header waits %v", left)
	}
	if err := l.Fail(a, after(2*time.Second)); err != nil {
		t.Errorf("after its time a failure is a flood: %v", err)
	}
}

func TestFailuresCostMore(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 100, FailureCost: 9})
	if guesses := allowed(l, addr("192.0.2.1"), 1000, start); guesses != 10 {
		t.Errorf("%d guesses, want 10", guesses)
	}
	dear := quota.New(quota.Config{AddressRate: 1, AddressBurst: 100, FailureCost: 1000})
	if guesses := allowed(dear, addr("192.0.2.1"), 1000, start); guesses != 1 {
		t.Errorf("%d guesses that cost more than a burst, want 1", guesses)
	}
	if err := dear.Fail(addr("192.0.2.1"), after(time.Second)); err != nil {
		t.Errorf("a failure costs more than a burst: %v", err)
	}
}

// TestNobodyIsRefusedForHisNeighbours: behind one address, wrong secrets without end make a header
// that is not known wait, at most as long as the configuration says, and never more.
func TestNobodyIsRefusedForHisNeighbours(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 100, FailureCost: 100, FailureWait: 3 * time.Second})
	a, now := addr("192.0.2.1"), start
	for range 10_000 {
		_ = l.Fail(a, now)
		if wait := l.Wait(a, now); wait > 3*time.Second {
			t.Fatalf("a header waits %v", wait)
		}
		now = now.Add(10 * time.Millisecond)
	}
	if l.Wait(a, now) == 0 {
		t.Error("guessing costs nothing")
	}
	if wait := l.Wait(addr("192.0.2.2"), now); wait != 0 {
		t.Errorf("another address waits %v", wait)
	}
	if s := l.Stats(); s.Waited != 10_001 && s.Waited != 10_000 || s.Failures != 10_000 {
		t.Errorf("stats %+v", s)
	}
}

// TestWaitTakesNothing: asking changes no bucket and makes none.
func TestWaitTakesNothing(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 3, FailureCost: -1})
	for i := range 100 {
		if l.Wait(nth(i), start) != 0 {
			t.Fatal("who did nothing waits")
		}
	}
	if s := l.Stats(); s.Addresses != 0 || s.Waited != 0 {
		t.Errorf("stats %+v", s)
	}
	if got := allowed(l, nth(1), 10, start); got != 3 {
		t.Errorf("%d failures, want 3", got)
	}
}

func TestIdentity(t *testing.T) {
	for _, tt := range []struct {
		name, one, other string
		same             bool
	}{
		{"IPv4 neighbours", "192.0.2.1", "192.0.2.2", false},
		{"mapped is IPv4", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"one /64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"two /64", "2001:db8::1", "2001:db8:0:1::1", false},
		{"two links", "fe80::1%eth0", "fe80::1%eth1", false},
		{"one link", "fe80::1%eth0", "fe80::2%eth0", true},
		{"IPv4-compatible is not IPv4", "192.0.2.1", "::192.0.2.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 3, ConnectionsPerAddress: 1, FailureCost: -1})
			allowed(l, addr(tt.one), 3, start)
			if got := l.Fail(addr(tt.other), start) != nil; got != tt.same {
				t.Errorf("calls are counted together: %v, want %v", got, tt.same)
			}
			if _, err := l.Connect(addr(tt.one)); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Connect(addr(tt.other)); (err != nil) != tt.same {
				t.Errorf("connections are counted together: %v, want %v", err != nil, tt.same)
			}
		})
	}
}

func TestPublisherIsOnlyDelayed(t *testing.T) {
	l := quota.New(quota.Config{PeerRate: 100, PeerBurst: 10})
	now := start
	for range 30_000 {
		now = now.Add(l.Delay("editors", now))
	}
	if took, want := now.Sub(start), (30_000-10)*10*time.Millisecond; took < want-time.Second || took > want+time.Second {
		t.Errorf("30,000 calls at 100 a second took %v, want about %v", took, want)
	}
}

func TestDelay(t *testing.T) {
	l := quota.New(quota.Config{PeerRate: 10, PeerBurst: 2, MaxDelay: 300 * time.Millisecond})
	for call, want := range []time.Duration{0, 0, 100, 200, 300, 300, 300} {
		if got := l.Delay("a", start); got != want*time.Millisecond {
			t.Errorf("call %d waits %v, want %v", call, got, want*time.Millisecond)
		}
	}
	if got := l.Delay("b", start); got != 0 {
		t.Errorf("another peer waits %v", got)
	}
	if got := l.Delay("a", after(400*time.Millisecond)); got != 0 {
		t.Errorf("a peer waits %v after its debt is paid: calls beyond MaxDelay were counted", got)
	}
	if s := l.Stats(); s.Delayed != 5 || s.Peers != 2 {
		t.Errorf("stats %+v, want 5 delayed and 2 peers", s)
	}
}

func TestConnections(t *testing.T) {
	l := quota.New(quota.Config{Connections: 3, ConnectionsPerAddress: 2})
	a, b := addr("192.0.2.1"), addr("2001:db8::1")
	connect := func(x netip.Addr, want bool) func() {
		t.Helper()
		release, err := l.Connect(x)
		if (err == nil) != want || err != nil && !errors.Is(err, quota.ErrTooManyConnections) {
			t.Fatalf("Connect(%v): %v, want admitted %v", x, err, want)
		}
		return release
	}
	first := connect(a, true)
	connect(a, true)
	connect(a, false)() // releasing what was refused frees nothing
	connect(a, false)
	connect(b, true)
	connect(b, false)
	first()
	first()
	connect(b, true)
	connect(a, false)
	if s := l.Stats(); s.Connections != 3 || s.TooMany != 4 {
		t.Errorf("stats %+v, want 3 open and 4 refused", s)
	}
}

// A balancer's connections were counted as those of one address: 64 publishers behind it were all.
func TestBalancersConnectionsAreManyClients(t *testing.T) {
	l := quota.New(quota.Config{Connections: 3, ConnectionsPerAddress: 1})
	balancer := func(want bool) func() {
		t.Helper()
		release, err := l.ConnectBalancer()
		if (err == nil) != want || err != nil && !errors.Is(err, quota.ErrTooManyConnections) {
			t.Fatalf("ConnectBalancer: %v, want admitted %v", err, want)
		}
		return release
	}
	first := balancer(true)
	balancer(true)
	release, err := l.Connect(addr("192.0.2.1")) // is no balancer, and has a place of its own
	if err != nil {
		t.Fatal(err)
	}
	balancer(false)() // releasing what was refused frees nothing
	balancer(false)
	first()
	first()
	balancer(true)
	balancer(false)
	release()
	balancer(true)
	if s := l.Stats(); s.Connections != 3 || s.TooMany != 3 {
		t.Errorf("stats %+v, want 3 open and 3 refused", s)
	}
	for name, l := range map[string]*quota.Limiter{"nil": nil, "zero": {}} {
		if _, err := l.ConnectBalancer(); !errors.Is(err, quota.ErrTooManyConnections) {
			t.Errorf("the %s limiter admits a balancer: %v", name, err)
		}
	}
}

func TestConnectionsLeaveNothingBehind(t *testing.T) {
	l := quota.New(quota.Config{Connections: 50})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for n := range 200 {
				release, err := l.Connect(nth(i*200 + n))
				if err != nil {
					t.Error(err)
				}
				release()
			}
		})
	}
	wg.Wait()
	if s := l.Stats(); s.Connections != 0 {
		t.Errorf("%d connections open after all were released", s.Connections)
	}
}

func TestNoLimiter(t *testing.T) {
	var none *quota.Limiter
	for name, l := range map[string]*quota.Limiter{"nil": none, "zero": {}} {
		refusesAll(t, name, l, addr("192.0.2.1"))
		if l.Delay("a", start) < time.Second || l.Stats() != (quota.Stats{}) {
			t.Errorf("the %s limiter does not delay", name)
		}
	}
	refusesAll(t, "invalid address", quota.New(quota.Config{FailureCost: -1}), netip.Addr{})
}

func refusesAll(t *testing.T, name string, l *quota.Limiter, a netip.Addr) {
	t.Helper()
	release, err := l.Connect(a)
	release()
	if !errors.Is(err, quota.ErrTooManyConnections) {
		t.Errorf("%s: connected, %v", name, err)
	}
	if l.Wait(a, start) < time.Second {
		t.Errorf("%s: a header does not wait", name)
	}
	if err := l.Fail(a, start); !errors.Is(err, quota.ErrTooFast) {
		t.Errorf("%s: allowed, %v", name, err)
	}
}

func TestNumbers(t *testing.T) {
	a := addr("192.0.2.1")
	for _, tt := range []struct {
		name string
		c    quota.Config
		want int // calls of 1,000 that pass at once
	}{
		{"defaults", quota.Config{FailureCost: -1}, 256},
		{"no limit by rate", quota.Config{AddressRate: -1, FailureCost: -1}, 1000},
		{"no limit by burst", quota.Config{AddressBurst: -1, FailureCost: -1}, 1000},
		{"rate alone", quota.Config{AddressRate: 1, FailureCost: -1}, 256},
		{"burst alone", quota.Config{AddressBurst: 7, FailureCost: -1}, 7},
		{"not a number", quota.Config{AddressRate: math.NaN(), FailureCost: -1}, 256},
		{"infinite", quota.Config{AddressRate: math.Inf(1), AddressBurst: 7, FailureCost: -1}, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := allowed(quota.New(tt.c), a, 1000, start); got != tt.want {
				t.Errorf("%d calls pass, want %d", got, tt.want)
			}
		})
	}
	free := quota.New(quota.Config{AddressRate: -1, PeerRate: -1, Connections: -1, ConnectionsPerAddress: -1, FailureCost: -1})
	for range 10_000 {
		_, err := free.Connect(a)
		if err != nil || free.Fail(a, start) != nil || free.Wait(a, start) != 0 || free.Delay("a", start) != 0 {
			t.Fatalf("a limiter without limits limits: %v", err)
		}
	}
	patient := quota.New(quota.Config{PeerRate: 1, PeerBurst: 1, MaxDelay: -1})
	for want := range 100 {
		if got := patient.Delay("a", start); got != time.Duration(want)*time.Second {
			t.Fatalf("call %d waits %v", want, got)
		}
	}
}

// TestDebtSurvivesFlood: a guesser sends from thousands of other addresses to be forgotten, and is
// not.
func TestDebtSurvivesFlood(t *testing.T) {
	const tracked = 64
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 500, FailureCost: 10, Tracked: tracked})
	guesser := addr("192.0.2.1")
	allowed(l, guesser, 100, start)
	for i := range 20_000 {
		_ = l.Fail(nth(i), after(time.Duration(i)*5*time.Millisecond))
	}
	if got := allowed(l, guesser, 100, after(100*time.Second)); got != 9 {
		t.Errorf("100 s after a debt of 6 the guesser fails %d times, want 9: the debt was washed out", got)
	}
	if s := l.Stats(); s.Addresses > tracked || s.Shared == 0 || s.Forgotten == 0 {
		t.Errorf("stats %+v: want at most %d buckets, some shared, some forgotten", s, tracked)
	}
}

// TestKnownAddressKeepsItsBucket: while strangers fill the table and share what is left, one who
// was there before is not slowed.
func TestKnownAddressKeepsItsBucket(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 50, Tracked: 16, FailureCost: -1})
	known := addr("192.0.2.1")
	for i := range 2000 {
		now := after(time.Duration(i) * 10 * time.Millisecond)
		for range 20 {
			_ = l.Fail(nth(i), now)
		}
		if i%100 == 0 {
			if err := l.Fail(known, now); err != nil {
				t.Fatalf("after %d strangers: %v", i, err)
			}
		}
	}
}

func TestFullBucketsMakeRoom(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 10, Tracked: 4, FailureCost: -1})
	for i := range 100 {
		if got := allowed(l, nth(i), 100, after(time.Duration(i)*time.Minute)); got != 10 {
			t.Fatalf("newcomer %d makes %d calls, want a burst", i, got)
		}
	}
	if s := l.Stats(); s.Addresses != 4 || s.Shared != 0 || s.Forgotten != 96 {
		t.Errorf("stats %+v, want 4 buckets, 96 forgotten, none shared", s)
	}
}

func TestFloodIsBoundedByCommonBuckets(t *testing.T) {
	const tracked, burst = 8, 10
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: burst, Tracked: tracked, FailureCost: -1})
	passed := 0
	for i := range 200_000 { // each address once: without common buckets all would pass
		if l.Fail(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), start) == nil {
			passed++
		}
	}
	if most := tracked + tracked*burst + burst; passed > most {
		t.Errorf("%d calls of a flood out of one network pass, want at most %d", passed, most)
	}
}

// TestNobodyExceedsItsShare plays random traffic against a tiny table: whatever the others do, one
// address never gets more calls than its own bucket and its common one give.
func TestNobodyExceedsItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const perSecond, burst = 2, 6
		l := quota.New(quota.Config{AddressRate: perSecond, AddressBurst: burst, FailureCost: 3, Tracked: rapid.IntRange(1, 5).Draw(t, "tracked")})
		got := map[netip.Addr]int{}
		now := start
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			a := nth(rapid.IntRange(0, 9).Draw(t, "address"))
			for range rapid.IntRange(1, 10).Draw(t, "calls") {
				if l.Fail(a, now) != nil {
					break
				}
				got[a]++
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
		}
		most := 2 * (burst + perSecond*now.Sub(start).Seconds())
		for a, n := range got {
			if float64(n) > most+1 {
				t.Fatalf("%v made %d calls in %v, want at most %v", a, n, now.Sub(start), most)
			}
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 1000, Tracked: 10, FailureCost: -1})
	var mu sync.Mutex
	passed := 0
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			n := allowed(l, addr("192.0.2.1"), 500, start)
			for j := range 100 {
				_ = l.Fail(nth(j), start)
				l.Wait(nth(j), start)
				l.Delay(fmt.Sprint("peer", i), start)
				l.Stats()
			}
			mu.Lock()
			passed += n
			mu.Unlock()
		})
	}
	wg.Wait()
	if passed != 1000 {
		t.Errorf("%d calls of one address pass, want its burst of 1000", passed)
	}
}

// TestStrangersHavePlacesOfTheirOwn: they neither take those of others, nor have theirs taken.
func TestStrangersHavePlacesOfTheirOwn(t *testing.T) {
	l := quota.New(quota.Config{Connections: 2, ConnectionsPerAddress: 2, Strangers: 3})
	for _, tt := range []struct {
		name    string
		connect func(netip.Addr) (func(), error)
		addr    string
		ok      bool
	}{
		{"a stranger", l.ConnectStranger, "192.0.2.1", true},
		{"the same again", l.ConnectStranger, "192.0.2.1", false},
		{"another one", l.ConnectStranger, "2001:db8::1", true},
		{"its neighbour", l.ConnectStranger, "2001:db8::2", false},
		{"the last one", l.ConnectStranger, "192.0.2.3", true},
		{"one too many", l.ConnectStranger, "192.0.2.4", false},
		{"nobody", l.ConnectStranger, "0.0.0.0", false},
		{"a publisher", l.Connect, "198.51.100.1", true},
		{"the same again", l.Connect, "198.51.100.1", true},
		{"one too many", l.Connect, "198.51.100.1", false},
	} {
		if _, err := tt.connect(addr(tt.addr)); (err == nil) != tt.ok || err != nil && !errors.Is(err, quota.ErrTooManyConnections) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if s := l.Stats(); s.Strangers != 3 || s.Connections != 2 || !l.StrangersFull() {
		t.Errorf("%+v, full %t", s, l.StrangersFull())
	}
	var none *quota.Limiter
	if _, err := none.ConnectStranger(addr("192.0.2.1")); err == nil || none.StrangersFull() {
		t.Error("a limiter that is not there has places")
	}
	if _, err := quota.New(quota.Config{}).ConnectStranger(netip.Addr{}); err == nil {
		t.Error("no address has a place")
	}
}

// A place of a stranger comes back once, however often it is given.
func TestStrangersGivePlacesBack(t *testing.T) {
	l := quota.New(quota.Config{Strangers: 2})
	for range 100 {
		release, err := l.ConnectStranger(addr("192.0.2.1"))
		if err != nil {
			t.Fatal(err)
		}
		release()
		release()
	}
	if s := l.Stats(); s.Strangers != 0 || s.Connections != 0 {
		t.Errorf("%+v", s)
	}
}

// TestHandshakesOfStrangersAreRefusedThoseOfOthersWait: by the clock that is given.
func TestHandshakesOfStrangersAreRefusedThoseOfOthersWait(t *testing.T) {
	l := quota.New(quota.Config{HandshakeRate: 2, PeerRate: 1, PeerBurst: 3})
	passed := 0
	for range 100 {
		err := l.StrangerHandshake(addr("192.0.2.1"), start)
		var fast *quota.TooFastError
		if err == nil {
			passed++
		} else if !errors.As(err, &fast) || fast.RetryAfter != 500*time.Millisecond {
			t.Fatalf("refused with %v", err)
		}
	}
	if passed != 10 || l.StrangerHandshake(addr("192.0.2.1"), after(500*time.Millisecond)) != nil {
		t.Errorf("%d handshakes at once, want 10, and one more after half a second", passed)
	}
	for i := range 100 {
		want := min(max(0, time.Duration(i-2))*time.Second, time.Second)
		if wait := l.HandshakeDelay(addr("192.0.2.1"), after(time.Minute)); wait != want {
			t.Errorf("handshake %d of an admitted address waits %v, want %v", i, wait, want)
		}
	}
	if s := l.Stats(); s.Handshakes != 90+97 {
		t.Errorf("%+v", s)
	}
	var none *quota.Limiter
	if none.StrangerHandshake(addr("192.0.2.1"), start) == nil || none.HandshakeDelay(addr("192.0.2.1"), start) == 0 {
		t.Error("a limiter that is not there lets handshakes pass")
	}
}

// No limit is none, and those who share a /64 share its rate.
func TestHandshakesWithoutLimitAndOfANetwork(t *testing.T) {
	l := quota.New(quota.Config{HandshakeRate: -1})
	for range 10_000 {
		if err := l.StrangerHandshake(addr("192.0.2.1"), start); err != nil {
			t.Fatal(err)
		}
	}
	l = quota.New(quota.Config{HandshakeRate: 1})
	for i := range 10 {
		err := l.StrangerHandshake(addr(fmt.Sprintf("2001:db8::%d", i)), start)
		if (err == nil) != (i < 5) {
			t.Errorf("handshake %d of the network: %v", i, err)
		}
	}
}
