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

// allowed makes n calls at once and counts those that pass.
func allowed(l *quota.Limiter, a netip.Addr, n int, now time.Time) (passed int) {
	for range n {
		if l.Allow(a, now) == nil {
			passed++
		}
	}
	return passed
}

func TestBurstAndRefill(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 2, AddressBurst: 5})
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
	l := quota.New(quota.Config{AddressRate: 2, AddressBurst: 5, FailureCost: 4})
	a := addr("192.0.2.1")
	allowed(l, a, 5, start)
	for _, tt := range []struct {
		name string
		want time.Duration
	}{{"no debt", 500 * time.Millisecond}, {"one failure", 2500 * time.Millisecond}, {"debt is bounded", 3 * time.Second}} {
		err := l.Allow(a, start)
		var fast *quota.TooFastError
		if !errors.Is(err, quota.ErrTooFast) || !errors.As(err, &fast) || fast.RetryAfter != tt.want {
			t.Fatalf("%s: %v, want to wait %v", tt.name, err, tt.want)
		}
		if !strings.Contains(err.Error(), tt.want.String()) {
			t.Errorf("%s: %q does not say when", tt.name, err)
		}
		l.Fail(a, start)
	}
	err := l.Allow(a, start)
	var fast *quota.TooFastError
	if errors.As(err, &fast); fast == nil {
		t.Fatal("a debtor passes")
	}
	if l.Allow(a, after(fast.RetryAfter-time.Millisecond)) == nil {
		t.Error("a call passes before its time")
	}
	if err := l.Allow(a, after(fast.RetryAfter)); err != nil {
		t.Errorf("after RetryAfter: %v", err)
	}
}

func TestFailuresCostMore(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 100, FailureCost: 9})
	guesser, caller := addr("192.0.2.1"), addr("192.0.2.2")
	guesses := 0
	for l.Allow(guesser, start) == nil {
		l.Fail(guesser, start)
		guesses++
	}
	if calls := allowed(l, caller, 1000, start); guesses != 10 || calls != 100 {
		t.Errorf("%d guesses and %d other calls, want 10 and 100", guesses, calls)
	}
	for range 1000 {
		l.Fail(guesser, start)
	}
	if l.Allow(guesser, after(100*time.Second)) == nil {
		t.Error("a thousand failures cost less than a burst")
	}
	if err := l.Allow(guesser, after(101*time.Second)); err != nil {
		t.Errorf("a debt exceeds a burst: %v", err)
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
			l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 3, ConnectionsPerAddress: 1})
			allowed(l, addr(tt.one), 3, start)
			if got := l.Allow(addr(tt.other), start) != nil; got != tt.same {
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

func TestPublisherIsNeverRefused(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 4, PeerRate: 100, PeerBurst: 10})
	a, now := addr("192.0.2.1"), start
	for call := range 30_000 {
		if err := l.Allow(a, now); err != nil {
			t.Fatalf("call %d: %v", call, err)
		}
		l.Pass(a, now)
		now = now.Add(l.Delay("editors", now))
	}
	if took, want := now.Sub(start), (30_000-10)*10*time.Millisecond; took < want-time.Second || took > want+time.Second {
		t.Errorf("30,000 calls at 100 a second took %v, want about %v", took, want)
	}
}

func TestPassGivesNoMoreThanABurst(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 4})
	a := addr("192.0.2.1")
	for range 100 {
		l.Pass(a, start)
	}
	if got := allowed(l, a, 100, start); got != 4 && got != 5 {
		t.Errorf("%d calls pass after passes that took nothing", got)
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
	refusesAll(t, "invalid address", quota.New(quota.Config{}), netip.Addr{})
}

func refusesAll(t *testing.T, name string, l *quota.Limiter, a netip.Addr) {
	t.Helper()
	release, err := l.Connect(a)
	release()
	if !errors.Is(err, quota.ErrTooManyConnections) {
		t.Errorf("%s: connected, %v", name, err)
	}
	l.Fail(a, start)
	l.Pass(a, start)
	if err := l.Allow(a, start); !errors.Is(err, quota.ErrTooFast) {
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
		{"defaults", quota.Config{}, 256},
		{"no limit by rate", quota.Config{AddressRate: -1}, 1000},
		{"no limit by burst", quota.Config{AddressBurst: -1}, 1000},
		{"rate alone", quota.Config{AddressRate: 1}, 256},
		{"burst alone", quota.Config{AddressBurst: 7}, 7},
		{"not a number", quota.Config{AddressRate: math.NaN()}, 256},
		{"infinite", quota.Config{AddressRate: math.Inf(1), AddressBurst: 7}, 1000},
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
		free.Fail(a, start)
		if err != nil || free.Allow(a, start) != nil || free.Delay("a", start) != 0 {
			t.Fatalf("a limiter without limits limits: %v", err)
		}
	}
	cheap := quota.New(quota.Config{AddressRate: 1, AddressBurst: 10, FailureCost: -1})
	for range 100 {
		cheap.Fail(a, start)
	}
	if got := allowed(cheap, a, 100, start); got != 10 {
		t.Errorf("failures without extra cost leave %d of 10 calls", got)
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
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 50, FailureCost: 10, Tracked: tracked})
	guesser := addr("192.0.2.1")
	for l.Allow(guesser, start) == nil {
		l.Fail(guesser, start)
	}
	for i := range 20_000 {
		l.Allow(nth(i), after(time.Duration(i)*time.Millisecond/2))
	}
	if got := allowed(l, guesser, 100, after(10*time.Second)); got != 5 {
		t.Errorf("10 s after a debt of 5 the guesser makes %d calls, want 5: the debt was washed out", got)
	}
	if s := l.Stats(); s.Addresses > tracked || s.Shared == 0 || s.Forgotten == 0 {
		t.Errorf("stats %+v: want at most %d buckets, some shared, some forgotten", s, tracked)
	}
}

// TestKnownAddressKeepsItsBucket: while strangers fill the table and share what is left, one who
// was there before is not slowed.
func TestKnownAddressKeepsItsBucket(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 50, Tracked: 16})
	known := addr("192.0.2.1")
	for i := range 2000 {
		now := after(time.Duration(i) * 10 * time.Millisecond)
		for range 20 {
			l.Allow(nth(i), now)
		}
		if i%100 == 0 {
			if err := l.Allow(known, now); err != nil {
				t.Fatalf("after %d strangers: %v", i, err)
			}
		}
	}
}

func TestFullBucketsMakeRoom(t *testing.T) {
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 10, Tracked: 4})
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
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: burst, Tracked: tracked})
	passed := 0
	for i := range 200_000 { // each address once: without common buckets all would pass
		if l.Allow(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), start) == nil {
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
				if l.Allow(a, now) != nil {
					break
				}
				got[a]++
				if rapid.Bool().Draw(t, "failed") {
					l.Fail(a, now)
				}
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
	l := quota.New(quota.Config{AddressRate: 1, AddressBurst: 1000, Tracked: 10})
	var mu sync.Mutex
	passed := 0
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			n := allowed(l, addr("192.0.2.1"), 500, start)
			for j := range 100 {
				l.Allow(nth(j), start)
				l.Fail(nth(j), start)
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
