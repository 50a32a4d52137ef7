package quota

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Config sets the limits. In every number 0 means the default, and less than 0 means that there is
// no such limit.
type Config struct {
	// AddressRate is how many calls a second an address gets back, and AddressBurst how many it may
	// make at once, of those that do not prove who makes them. Defaults: 16 and 256. No limit:
	// neither is counted.
	AddressRate  float64
	AddressBurst int
	// FailureCost is how many calls a failed one costs, besides its own. Default: 16. It is never
	// more than the burst.
	FailureCost int
	// FailureWait is the longest that an unknown header of an address that failed too often waits
	// until it is looked at. Default: 2 s. No limit: until the address has paid.
	FailureWait time.Duration
	// PeerRate is how many calls a second a peer makes without being delayed, and PeerBurst how
	// many at once. Defaults: 500 and 1,000.
	PeerRate  float64
	PeerBurst int
	// MaxDelay is the longest delay of a peer's call. Default: 10 s. No limit: a peer waits its
	// turn, however long.
	MaxDelay time.Duration
	// Connections bounds all connections, ConnectionsPerAddress those of one address. Defaults:
	// 4,096 and 256.
	Connections           int
	ConnectionsPerAddress int
	// Strangers bounds the connections of ConnectStranger, which have places of their own, and a
	// sixteenth of it those of one address. Default: 128.
	Strangers int
	// HandshakeRate is how many TLS handshakes a second an address that nobody admitted may make, and
	// five times as many at once. Default: 10.
	HandshakeRate float64
	// Tracked is how many addresses have a bucket of their own. Default, and what less than 0 means
	// too: 16,384, about 5 MiB.
	Tracked int
}

// The reasons for which something is refused.
var (
	ErrTooManyConnections = errors.New("too many connections")
	ErrTooFast            = errors.New("too many calls")
)

// TooFastError is an ErrTooFast that knows when the next call may pass.
type TooFastError struct{ RetryAfter time.Duration }

// Error tells how long to wait.
func (e *TooFastError) Error() string {
	return fmt.Sprintf("%v: next in %v", ErrTooFast, e.RetryAfter.Round(time.Millisecond))
}

// Is makes errors.Is(err, ErrTooFast) true.
func (e *TooFastError) Is(target error) bool { return target == ErrTooFast }

// Stats are counts since New, and how much is held now.
type Stats struct {
	Connections int    // open now, but for those of strangers
	Strangers   int    // connections of strangers open now
	Addresses   int    // with a bucket of their own now
	Peers       int    // with a bucket now
	TooMany     uint64 // connections refused
	Handshakes  uint64 // refused or delayed
	TooFast     uint64 // calls that failed of an address that had nothing left
	Failures    uint64 // calls that failed
	Waited      uint64 // calls whose secret was looked at late
	Delayed     uint64 // calls of peers delayed
	Shared      uint64 // calls judged by a common bucket, as there was no room for another
	Forgotten   uint64 // buckets dropped, all of them full
}

// Limiter counts. It is safe for concurrent use. The nil Limiter and the zero Limiter refuse every
// connection, take every failure for a flood, and delay everybody by the default MaxDelay.
type Limiter struct {
	c Config

	mu        sync.Mutex // guards all below
	latest    time.Time
	open      map[netip.Addr]int
	addresses *table[netip.Addr]
	peers     *table[string]
	strangers *table[netip.Addr] // their handshakes
	admitted  *table[netip.Addr] // theirs
	stats     Stats
}

const defaultMaxDelay = 10 * time.Second

// New makes a Limiter that knows nobody yet.
func New(c Config) *Limiter {
	c = c.withDefaults()
	l := &Limiter{c: c, open: map[netip.Addr]int{}}
	l.addresses = newTable(c.Tracked, rate.Limit(c.AddressRate), c.AddressBurst, network)
	l.strangers = newTable(
		c.Tracked,
		rate.Limit(c.HandshakeRate),
		int(min(handshakeBurst*max(c.HandshakeRate, 1), math.MaxInt32)),
		network,
	)
	l.admitted = newTable(c.Tracked, rate.Limit(c.PeerRate), c.PeerBurst, network)
	l.peers = newTable(c.Tracked, rate.Limit(c.PeerRate), c.PeerBurst, func(string) byte { return 0 })
	return l
}

func (c Config) withDefaults() Config {
	c.AddressRate, c.AddressBurst = bucketOr(c.AddressRate, 16, c.AddressBurst, 256)
	c.PeerRate, c.PeerBurst = bucketOr(c.PeerRate, 500, c.PeerBurst, 1000)
	c.Connections = or(c.Connections, 4096, math.MaxInt)
	c.ConnectionsPerAddress = or(c.ConnectionsPerAddress, 256, math.MaxInt)
	c.HandshakeRate, _ = bucketOr(c.HandshakeRate, 10, 0, 1)
	c.Strangers = or(c.Strangers, 128, math.MaxInt)
	c.FailureCost = min(or(c.FailureCost, 16, 0), c.AddressBurst)
	c.Tracked = or(c.Tracked, 16384, 16384)
	c.FailureWait = or(c.FailureWait, 2*time.Second, math.MaxInt64)
	c.MaxDelay = or(c.MaxDelay, defaultMaxDelay, math.MaxInt64)
	return c
}

// or is n, the default for 0, and none for less.
func or[N int | time.Duration](n, zero, none N) N {
	switch {
	case n == 0:
		return zero
	case n < 0:
		return none
	}
	return n
}

// bucketOr fills in the two numbers of a bucket. One without limit has an infinite rate. What is no
// number gets the default.
func bucketOr(perSecond, defaultRate float64, burst, defaultBurst int) (float64, int) {
	if perSecond < 0 || burst < 0 {
		return float64(rate.Inf), math.MaxInt32
	}
	if !(perSecond > 0) {
		perSecond = defaultRate
	}
	return perSecond, or(burst, defaultBurst, defaultBurst)
}

// Connect counts a connection until release is called, once or more often. The error is
// ErrTooManyConnections.
func (l *Limiter) Connect(a netip.Addr) (release func(), err error) {
	if l == nil || l.open == nil || !a.IsValid() {
		return func() {}, ErrTooManyConnections
	}
	k := Identity(a)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.full(); err != nil {
		return func() {}, err
	}
	if l.open[k] >= l.c.ConnectionsPerAddress {
		l.stats.TooMany++
		return func() {}, fmt.Errorf("%w: %d from one address", ErrTooManyConnections, l.c.ConnectionsPerAddress)
	}
	l.open[k]++
	l.stats.Connections++
	return sync.OnceFunc(func() { l.disconnect(k, &l.stats.Connections) }), nil
}

// ConnectBalancer is Connect for a balancer, whose connections are those of many clients: they count
// among all, but not as those of one address.
func (l *Limiter) ConnectBalancer() (release func(), err error) {
	if l == nil || l.open == nil {
		return func() {}, ErrTooManyConnections
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.full(); err != nil {
		return func() {}, err
	}
	l.stats.Connections++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stats.Connections--
	}), nil
}

// strangersShare is the part of the places of strangers that one address may take.
const strangersShare = 16

// ConnectStranger is Connect for an address that nobody admitted. Its places are others than those of
// Connect and ConnectBalancer: however many strangers come, those find theirs.
func (l *Limiter) ConnectStranger(a netip.Addr) (release func(), err error) {
	if l == nil || l.open == nil || !a.IsValid() {
		return func() {}, ErrTooManyConnections
	}
	k := Identity(a)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stats.Strangers >= l.c.Strangers {
		l.stats.TooMany++
		return func() {}, fmt.Errorf("%w: %d of strangers", ErrTooManyConnections, l.c.Strangers)
	}
	if most := min(l.c.ConnectionsPerAddress, max(1, l.c.Strangers/strangersShare)); l.open[k] >= most {
		l.stats.TooMany++
		return func() {}, fmt.Errorf("%w: %d from one stranger", ErrTooManyConnections, most)
	}
	l.open[k]++
	l.stats.Strangers++
	return sync.OnceFunc(func() { l.disconnect(k, &l.stats.Strangers) }), nil
}

// StrangersFull reports whether all places of strangers are taken.
func (l *Limiter) StrangersFull() bool {
	if l == nil || l.open == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats.Strangers >= l.c.Strangers
}

// full says that there are as many connections as there may be. l.mu is held.
func (l *Limiter) full() error {
	if l.stats.Connections < l.c.Connections {
		return nil
	}
	l.stats.TooMany++
	return fmt.Errorf("%w: %d in all", ErrTooManyConnections, l.c.Connections)
}

// disconnect gives a place of k back to those that are counted in places.
func (l *Limiter) disconnect(k netip.Addr, places *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*places--
	if l.open[k]--; l.open[k] == 0 {
		delete(l.open, k)
	}
}

// Fail charges the address for a call that was refused before it proved who makes it, by FailureCost
// and one. An address that had nothing left is not charged, and the error is a *TooFastError, which
// is ErrTooFast: what it does is a flood.
func (l *Limiter) Fail(a netip.Addr, now time.Time) error {
	if err := l.charge(a, 1, true, now); err != nil {
		return err
	}
	return nil
}

// Charge is Fail for what is no failure and costs n calls.
func (l *Limiter) Charge(a netip.Addr, n int, now time.Time) error {
	if err := l.charge(a, n, false, now); err != nil {
		return err
	}
	return nil
}

func (l *Limiter) charge(a netip.Addr, n int, failed bool, now time.Time) *TooFastError {
	if l == nil || l.addresses == nil || !a.IsValid() {
		return &TooFastError{RetryAfter: defaultMaxDelay}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now = l.advance(now)
	if failed {
		l.stats.Failures++
		n += l.c.FailureCost
	}
	b, shared := l.addresses.bucket(Identity(a), now)
	if shared {
		l.stats.Shared++
	}
	if !l.has(b, now) {
		l.stats.TooFast++
		return &TooFastError{RetryAfter: l.until(b, now)}
	}
	b.ReserveN(now, min(n, l.c.AddressBurst))
	return nil
}

// Wait returns how long a call of the address is to wait before its secret is looked at: 0 while
// what it owes for failures leaves it a call, at most FailureWait otherwise. Nobody is refused for
// what others behind the same address do, and guessing is slow.
func (l *Limiter) Wait(a netip.Addr, now time.Time) time.Duration {
	if l == nil || l.addresses == nil || !a.IsValid() {
		return defaultMaxDelay
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now = l.advance(now)
	b, ok := l.addresses.find(Identity(a))
	if !ok || l.has(b, now) {
		return 0
	}
	l.stats.Waited++
	return min(l.until(b, now), l.c.FailureWait)
}

// has reports whether the bucket has a call left.
func (l *Limiter) has(b *rate.Limiter, now time.Time) bool {
	return math.IsInf(l.c.AddressRate, 1) || l.c.AddressRate == float64(rate.Inf) || b.TokensAt(now) >= 1
}

// until returns how long it takes until the bucket has a call.
func (l *Limiter) until(b *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - b.TokensAt(now)
	return time.Duration(missing / l.c.AddressRate * float64(time.Second))
}

// Delay counts a call of a peer that proved itself, and returns how long it is to wait: 0 while the
// peer keeps its rate. A peer whose calls would have to wait longer than MaxDelay is not delayed
// any further; the number of its connections is then what bounds it.
func (l *Limiter) Delay(peer string, now time.Time) time.Duration {
	if l == nil || l.peers == nil {
		return defaultMaxDelay
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now = l.advance(now)
	b, _ := l.peers.bucket(peer, now)
	r := b.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		l.stats.Delayed++
	}
	if wait > l.c.MaxDelay {
		r.CancelAt(now)
		return l.c.MaxDelay
	}
	return wait
}

// Stats returns the counts.
func (l *Limiter) Stats() Stats {
	if l == nil || l.addresses == nil {
		return Stats{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Addresses, s.Peers = l.addresses.lru.Len(), l.peers.lru.Len()
	s.Forgotten = l.addresses.forgotten + l.peers.forgotten
	return s
}

// advance keeps time from running backwards between callers: a bucket would be filled twice for the
// same moment.
func (l *Limiter) advance(now time.Time) time.Time {
	if now.After(l.latest) {
		l.latest = now
	}
	return l.latest
}

// Identity is what counts as one address: an IPv4 address, or the /64 of an IPv6 address.
func Identity(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is4() {
		return a
	}
	p, _ := a.WithZone("").Prefix(64) // 64 bits fit in every IPv6 address
	return p.Addr().WithZone(a.Zone())
}
