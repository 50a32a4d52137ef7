package front_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/policy/quota"
	"github.com/stagelock/stagelock/store"
)

const (
	publisher = "192.0.2.10"
	balancer  = "192.0.2.20"
)

// house is a Front whose connections come from wherever a test says.
type house struct {
	*front.Front
	mu    sync.Mutex
	rules *visit.Rules
	log   syncBuffer
	now   time.Time
	conns chan net.Conn
	// served has each connection that came to its service.
	served chan front.Connection
	pair   *httptest.Server // for its certificate; nil: no TLS
}

// syncBuffer is a log that several may write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (h *house) Append(context.Context, audit.Event) (store.Seq, error)     { return 1, nil }
func (h *house) AppendSoon(context.Context, audit.Event) (store.Seq, error) { return 1, nil }

func (h *house) Write(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return h.Append(ctx, ev)
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// allow is a reload: these are allowed from now on.
func (h *house) allow(addrs ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := *h.rules
	next.Hosts, _ = hosts.New(hosts.Config{Allow: addrs})
	h.rules = &next
}

func (h *house) current() *visit.Rules {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rules
}

// Serve is the service of the connections: each rests until it ends, but for a byte that begins a request
// and one that ends it.
func (h *house) Serve(_ context.Context, c front.Connection) {
	defer c.Conn.Close()
	c.Watch(watched{c.Conn})
	c.Rest(true)
	h.served <- c
	one := make([]byte, 1)
	for {
		if _, err := c.Conn.Read(one); err != nil {
			return
		}
		c.Rest(one[0] == '.')
		if _, err := c.Conn.Write(one); err != nil {
			return
		}
	}
}

type watched struct{ net.Conn }

func (watched) AbortReads() {}

// from is a connection whose other end is at another address than it is.
type from struct {
	net.Conn
	addr netip.Addr
}

func (f from) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(f.addr, 4000))
}

// gate is a listener of the connections that a test makes.
type gate struct {
	h    *house
	once sync.Once
	end  chan struct{}
}

func (g *gate) Accept() (net.Conn, error) {
	select {
	case c := <-g.h.conns:
		return c, nil
	case <-g.end:
		return nil, net.ErrClosed
	}
}

func (g *gate) Close() error   { g.once.Do(func() { close(g.end) }); return nil }
func (g *gate) Addr() net.Addr { return &net.TCPAddr{} }

// newHouse starts a Front that admits the publisher and the balancer.
func newHouse(t *testing.T, q quota.Config, patience time.Duration, secure bool) *house {
	t.Helper()
	h := &house{conns: make(chan net.Conn), served: make(chan front.Connection, 1000), now: time.Unix(1_800_000_000, 0)}
	proxies, _ := hosts.NewProxies([]string{balancer})
	h.rules = &visit.Rules{Proxies: proxies, Quota: quota.New(q)}
	h.allow(publisher)
	log := logrus.New()
	log.SetOutput(&h.log)
	visits, err := visit.New(visit.Config{Audit: h, Log: logrus.NewEntry(log), Now: h.clock, Strangers: func() int { return 100 }})
	if err != nil {
		t.Fatal(err)
	}
	c := front.Config{
		Visits: visits, Rules: h.current, HeadTimeout: func() time.Duration { return time.Hour },
		Patience: func() time.Duration { return patience }, Log: logrus.NewEntry(log),
		Services: map[string]front.Service{front.HTTP1: h},
	}
	if secure {
		h.pair = httptest.NewTLSServer(nil)
		t.Cleanup(h.pair.Close)
		c.TLS = &tls.Config{Certificates: h.pair.TLS.Certificates, MinVersion: tls.VersionTLS12}
	}
	if h.Front, err = front.New(c); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Front.Serve(ctx, &gate{h: h, end: make(chan struct{})}) }()
	t.Cleanup(func() {
		stop()
		h.CloseIdle()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

// dial connects from addr.
func (h *house) dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	h.conns <- from{server, netip.MustParseAddr(addr)}
	return client
}

// says reports whether what is written to a connection is answered.
func says(c net.Conn, b byte) bool {
	one := []byte{b}
	if _, err := c.Write(one); err != nil {
		return false
	}
	_, err := io.ReadFull(c, one)
	return err == nil
}

// closed reports whether the other end closes.
func closed(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return err != nil && !strings.Contains(err.Error(), "timeout")
}

// TestStrangersTakeNoPlaceOfAPublisher: addresses that only open connections closed out a publisher, without a
// word.
func TestStrangersTakeNoPlaceOfAPublisher(t *testing.T) {
	h := newHouse(t, quota.Config{Connections: 8, ConnectionsPerAddress: 4, Strangers: 32}, time.Hour, false)
	kept, turned := 0, 0
	for i := range 100 { // of fifty addresses, of which some are one /64
		addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(i / 2)}).String()
		if i >= 80 {
			addr = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}).String()
		}
		if says(h.dial(t, addr), 'x') {
			kept++
		} else {
			turned++
		}
	}
	if kept != 32 || turned != 68 {
		t.Errorf("%d connections of strangers are kept and %d turned away, want 32 and 68", kept, turned)
	}
	for i := range 4 {
		if !says(h.dial(t, publisher), 'x') {
			t.Fatalf("the publisher's connection %d is closed", i)
		}
		if !says(h.dial(t, balancer), 'x') {
			t.Fatalf("the balancer's connection %d is closed", i)
		}
	}
	if n := h.Refused()["hello.crowded"]; n != 68 || !h.current().Quota.StrangersFull() {
		t.Errorf("%d counted, full %t", n, h.current().Quota.StrangersFull())
	}
	if n := strings.Count(h.log.String(), "reason=hello.crowded"); n != 1 {
		t.Errorf("said %d times in a minute: %s", n, h.log.String())
	}
	h.pass(time.Minute)
	if closed(h.dial(t, "203.0.113.200")); strings.Count(h.log.String(), "times=68") != 1 {
		t.Errorf("the next minute does not say how many: %s", h.log.String())
	}
}

// An address that a reload allows has the places of publishers from its next connection on, and one that it
// no longer allows has those of strangers.
func TestAfterAReloadTheNewHostsHavePlaces(t *testing.T) {
	h := newHouse(t, quota.Config{Connections: 8, ConnectionsPerAddress: 4, Strangers: 1}, time.Hour, false)
	if !says(h.dial(t, "203.0.113.1"), 'x') || !closed(h.dial(t, "203.0.113.2")) {
		t.Fatal("there is not one place for strangers")
	}
	h.allow("203.0.113.2")
	for range 4 {
		if !says(h.dial(t, "203.0.113.2"), 'x') {
			t.Error("an address that is allowed now is turned away")
		}
	}
	if !closed(h.dial(t, publisher)) {
		t.Error("an address that is not allowed any more has a place of those that are")
	}
}

// soon waits until something is so.
func soon(t *testing.T, so func() bool) {
	t.Helper()
	tick, over := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatal("it did not come to be")
		}
	}
}

// A place that a stranger leaves is the next one's.
func TestPlacesOfStrangersAreGivenBack(t *testing.T) {
	h := newHouse(t, quota.Config{Connections: 8, Strangers: 1}, time.Hour, false)
	for range 5 {
		c := h.dial(t, "203.0.113.1")
		if !says(c, 'x') {
			t.Fatal("the place was not given back")
		}
		c.Close()
		soon(t, func() bool { return h.Open() == 0 })
	}
}

// begin connects from addr and begins a request before the patience with strangers is over: a busy machine may take
// longer than that, so it tells how often it was too late.
func (h *house) begin(t *testing.T, addr string) (c net.Conn, late int) {
	t.Helper()
	for ; late < 200; late++ {
		if c = h.dial(t, addr); says(c, 'x') {
			return c, late
		}
	}
	t.Fatal("no stranger can begin a request")
	return nil, 0
}

// Strangers may not rest: before their first request, and between two. Publishers and balancers may.
func TestStrangersMayNotRest(t *testing.T) {
	h := newHouse(t, quota.Config{Connections: 8, Strangers: 32}, 50*time.Millisecond, false)
	own, theirs := h.dial(t, publisher), h.dial(t, balancer)
	if !closed(h.dial(t, "203.0.113.1")) {
		t.Error("a stranger that sends nothing is kept")
	}
	busy, late := h.begin(t, "203.0.113.2")
	c, later := h.begin(t, "203.0.113.3")
	says(c, '.')
	if !closed(c) {
		t.Error("a stranger that sent a request rests after it")
	}
	soon(t, func() bool { return h.Refused()["hello.idle"] == int64(2+late+later) })
	if !says(busy, 'x') {
		t.Error("a request of a stranger is cut")
	}
	if !says(own, 'x') || !says(theirs, 'x') {
		t.Error("a publisher or a balancer may not rest")
	}
}

// The handshake of a stranger has the short time, that of a publisher has its own.
func TestStrangersHandshakesHaveAShortTime(t *testing.T) {
	h := newHouse(t, quota.Config{Connections: 8, Strangers: 32}, 50*time.Millisecond, true)
	own := h.dial(t, publisher)
	if !closed(h.dial(t, "203.0.113.1")) {
		t.Error("a stranger that does not shake hands is kept")
	}
	soon(t, func() bool { return h.Refused()["hello.failed"] == 1 })
	secure := tls.Client(own, &tls.Config{InsecureSkipVerify: true})
	if err := secure.HandshakeContext(t.Context()); err != nil || !says(secure, 'x') {
		t.Errorf("the publisher, later: %v", err)
	}
}

// TestAConnectionThatIsResetBeforeAByteIsSilent: the reset of a balancer's probe stood in the audit log as a
// handshake that failed.
func TestAConnectionThatIsResetBeforeAByteIsSilent(t *testing.T) {
	h := newHouse(t, quota.Config{Connections: 8}, time.Hour, true)
	h.dial(t, balancer).Close()
	soon(t, func() bool { return h.Refused()["silent"] == 1 })
	reset := h.dial(t, balancer)
	if err := reset.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	reset.Close()
	soon(t, func() bool { return h.Refused()["silent"]+h.Refused()["hello.failed"] == 2 })
	if n := h.Refused()["hello.failed"]; n != 0 {
		t.Errorf("%d handshakes failed: %s", n, h.log.String())
	}
}

// noted is a connection of a stranger that remembers whether it was closed.
type noted struct {
	from
	closed atomic.Bool
}

func (n *noted) Close() error {
	n.closed.Store(true)
	return n.from.Close()
}

// flood is a listener with one connection after the other; it counts those without a place that are still open when the next
// one is asked for.
type flood struct {
	gate
	left, places int
	made         []*noted
	ends         []net.Conn // the other ends
	open         atomic.Int64
}

func (f *flood) Accept() (net.Conn, error) {
	for i, c := range f.made {
		if i >= f.places && !c.closed.Load() {
			f.open.Add(1)
		}
	}
	if f.left--; f.left < 0 {
		return f.gate.Accept()
	}
	ours, theirs := net.Pipe()
	f.ends = append(f.ends, theirs)
	c := &noted{from: from{ours, netip.AddrFrom4([4]byte{203, 0, 113, byte(f.left)})}}
	f.made = append(f.made, c)
	return c, nil
}

// TestAFloodUsesUpNoFiles: while the machine was busy with handshakes, connections for which there was no place waited to be
// closed, each with an open file.
func TestAFloodUsesUpNoFiles(t *testing.T) {
	const places, many = 16, 200
	h := newHouse(t, quota.Config{Connections: 8, Strangers: places}, time.Hour, false)
	ctx, stop := context.WithCancel(t.Context())
	l := &flood{gate: gate{h: h, end: make(chan struct{})}, left: many, places: places}
	done := make(chan error, 1)
	go func() { done <- h.Front.Serve(ctx, l) }()
	soon(t, func() bool { return h.Refused()["hello.crowded"] == many-places })
	soon(t, func() bool { return len(h.served) == places }) // each rests, and is closed as one that does
	stop()
	h.CloseIdle()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, c := range l.ends {
		c.Close()
	}
	if n := l.open.Load(); n > 0 {
		t.Errorf("%d times a connection without a place was open when the next one was accepted", n)
	}
}
