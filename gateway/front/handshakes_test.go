package front_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/policy/quota"
)

// shakes reports whether a TLS handshake from addr succeeds.
func (h *house) shakes(t *testing.T, addr string) bool {
	t.Helper()
	raw := h.dial(t, addr)
	defer raw.Close()
	return tls.Client(raw, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()) == nil
}

// TestHandshakesOfStrangersHaveARate: one address made 854 handshakes a second, which took half a core, without a
// trace.
func TestHandshakesOfStrangersHaveARate(t *testing.T) {
	h := newHouse(t, quota.Config{Connections: 1000, Strangers: 1600, HandshakeRate: 2}, time.Hour, true)
	count := func(n int, addr func(int) string) (passed int) {
		for i := range n {
			if h.shakes(t, addr(i)) {
				passed++
			}
		}
		return passed
	}
	one := func(int) string { return "203.0.113.1" }
	if n := count(30, one); n != 10 {
		t.Errorf("%d handshakes of one address, want 10", n)
	}
	h.pass(time.Second)
	if n := count(30, one); n != 2 {
		t.Errorf("%d handshakes a second later, want 2", n)
	}
	if n := count(30, func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }); n != 10 {
		t.Errorf("%d handshakes of one /64, want 10", n)
	}
	if n := count(5, func(i int) string { return fmt.Sprintf("203.0.113.%d", i+10) }); n != 5 {
		t.Errorf("%d of 5 other addresses shake hands", n)
	}
	if n := h.Refused()["hello.rate"]; n != 20+28+20 {
		t.Errorf("%d counted, want 68", n)
	}
	if n := strings.Count(h.log.String(), "reason=hello.rate"); n != 2 {
		t.Errorf("said %d times, want once for each address: %s", n, h.log.String())
	}
	h.pass(time.Minute)
	count(11, one)
	if n := strings.Count(h.log.String(), "peer=203.0.113.1 "); n != 2 {
		t.Errorf("said %d times in two minutes: %s", n, h.log.String())
	}
}

// Publishers wait at most, and a balancer makes the handshakes of many.
func TestHandshakesOfPublishersAreNeverRefused(t *testing.T) {
	h := newHouse(t, quota.Config{Connections: 1000, PeerRate: 100, PeerBurst: 5, HandshakeRate: 1}, time.Hour, true)
	raws := make([]net.Conn, 0, 40)
	for i := range 40 {
		raws = append(raws, h.dial(t, []string{publisher, balancer}[i%2]))
	}
	var all sync.WaitGroup
	for i, raw := range raws {
		all.Go(func() {
			if err := tls.Client(raw, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()); err != nil {
				t.Errorf("handshake %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if n := h.Refused()["hello.rate"]; n != 0 {
		t.Errorf("%d refused", n)
	}
	if s := h.current().Quota.Stats(); s.Handshakes != 15 {
		t.Errorf("%d were delayed, want those of the publisher after its burst", s.Handshakes)
	}
	if n := strings.Count(h.log.String(), "reason=hello.rate"); n != 1 {
		t.Errorf("said %d times: %s", n, h.log.String())
	}
}
