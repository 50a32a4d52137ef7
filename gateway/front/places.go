package front

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/quota"
	"github.com/stagelock/stagelock/tunnel"
)

// Reasons why a stranger's connection ends.
const (
	ReasonCrowded tunnel.Reason = "hello.crowded"
	ReasonIdle    tunnel.Reason = "hello.idle"
	ReasonRate    tunnel.Reason = "hello.rate"
)

// entry is a connection that has a place.
type entry struct {
	rules     *visit.Rules
	socket    netip.AddrPort
	release   func()
	overLimit bool
}

// admit is enter for a connection whose other end is known before it is read. It is called between two accepts: a flood of
// connections that have no place is closed one by one and does not use up the files of those that have. The entry is nil for one
// that begins with the header of a balancer.
func (f *Front) admit(raw net.Conn) (in *entry, ok bool) {
	if _, later := raw.(*proxyproto.Conn); later {
		return nil, true
	}
	return f.enter(raw, addrOf(raw.RemoteAddr()))
}

// enter gives a connection a place, or closes it.
func (f *Front) enter(raw net.Conn, socket netip.AddrPort) (in *entry, ok bool) {
	rules := f.cfg.Rules()
	if rules.Drop && !rules.Local(socket.Addr()) {
		f.turn(visit.ReasonHost)
		raw.Close()
		return nil, false
	}
	release, overLimit, ok := f.place(rules, socket.Addr())
	if !ok {
		f.noPlace(rules, socket.Addr())
		raw.Close()
		return nil, false
	}
	return &entry{rules, socket, release, overLimit}, true
}

// leave closes the connection and gives its place to the next one, in this order.
func (e *entry) leave(raw net.Conn) {
	raw.Close()
	e.release()
}

// place takes one of the places that there are for connections. Far over the limit there is none; a
// little over it there are some in which clients are told so, but for strangers from elsewhere.
func (f *Front) place(rules *visit.Rules, addr netip.Addr) (release func(), overLimit, ok bool) {
	release, err := rules.Connect(addr)
	if err == nil {
		return release, false, true
	}
	if !rules.Local(addr) {
		return nil, true, false
	}
	select {
	case f.overflow <- struct{}{}:
		return func() { <-f.overflow }, true, true
	default:
		return nil, true, false
	}
}

// noPlace counts a connection for which there is no place. Of strangers it is said at once, then once a
// minute.
func (f *Front) noPlace(rules *visit.Rules, addr netip.Addr) {
	if !rules.Stranger(addr) {
		f.turn(visit.ReasonConnections)
		return
	}
	f.turn(ReasonCrowded)
	if n, due := f.crowded.due(f.cfg.Visits.Now()); due {
		f.cfg.Log.WithField("peer", addr.String()).WithField("reason", ReasonCrowded).WithField("times", n).Warn(
			"addresses that are not allowed have no more places, their connections are closed: " +
				"add the address to hosts.allow if it is a publisher's")
	}
}

// patience is how long addr may rest; 0: as long as the service of its connection says.
func (f *Front) patience(rules *visit.Rules, addr netip.Addr) time.Duration {
	if !rules.Stranger(addr) {
		return 0
	}
	return f.cfg.Patience()
}

// strangersLife is how many times its patience a stranger's connection lasts at most whose rests only
// its own service knows.
const strangersLife = 6

// hurry has a connection closed that rests longer than patience. The returned func ends that.
func (f *Front) hurry(o *open, raw net.Conn, protocol string, patience time.Duration) (end func()) {
	if patience <= 0 {
		return func() {}
	}
	late := func() {
		f.turn(ReasonIdle)
		raw.Close()
	}
	if protocol != HTTP1 {
		t := time.AfterFunc(strangersLife*patience, late)
		return func() { t.Stop() }
	}
	return o.limit(patience, late)
}

// limit calls late when the connection rests longer than patience, until end is called.
func (o *open) limit(patience time.Duration, late func()) (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.patience, o.late = patience, time.AfterFunc(patience, func() { o.over(late) })
	return func() { o.late.Stop() }
}

// over calls late if the connection rests still: its request may have come as the time ran out.
func (o *open) over(late func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rests {
		late()
	}
}

// paced reports whether a TLS handshake of addr may begin, once it may: a stranger that makes too many is
// refused, an allowed address waits, and a balancer makes those of many clients. It is said once a minute
// for each address.
func (f *Front) paced(ctx context.Context, rules *visit.Rules, addr netip.Addr) bool {
	if f.tls == nil || rules.Proxies.Trusted(addr) || rules.Senders.Trusted(addr) {
		return true
	}
	now := f.cfg.Visits.Now()
	if rules.Stranger(addr) {
		err := rules.Quota.StrangerHandshake(addr, now)
		if err != nil {
			f.turn(ReasonRate)
			f.fast(addr, now, "an address that is not allowed makes too many TLS handshakes, it is closed before them")
		}
		return err == nil
	}
	wait := rules.Quota.HandshakeDelay(addr, now)
	if wait <= 0 {
		return true
	}
	f.fast(addr, now, "an address makes more TLS handshakes than quota.peer_rate, they wait: "+
		"does its client, or a proxy before it, open a connection for each call?")
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fast says that addr makes too many handshakes, once a minute.
func (f *Front) fast(addr netip.Addr, now time.Time, what string) {
	if f.trouble.first(quota.Identity(addr), ReasonRate, now) {
		f.cfg.Log.WithField("peer", addr.String()).WithField("reason", ReasonRate).Warn(what)
	}
}
