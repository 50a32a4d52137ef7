package front

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Watched is what a service makes of a connection, as far as Front must reach it: to close it while
// it rests, and to end the bodies that are being read. Both may be called from any goroutine.
type Watched interface {
	Close() error
	AbortReads()
}

// Connection is one accepted connection, after its TLS handshake.
type Connection struct {
	Conn      net.Conn
	Socket    netip.AddrPort // the other end
	OverLimit bool           // over the limit of connections: its client is told so, once

	all *connections
	own *open
}

// Watch lets Front reach what the service made of the connection.
func (c Connection) Watch(w Watched) {
	if c.all != nil {
		c.all.add(c.own, w)
	}
}

// Rest notes whether the connection rests between requests.
func (c Connection) Rest(rests bool) {
	if c.own != nil {
		c.own.set(rests)
	}
}

// Ending reports whether the connection is to end with its next answer.
func (c Connection) Ending() bool { return c.all != nil && c.all.ending.Load() }

// connections knows the open connections.
type connections struct {
	busy   atomic.Int64 // accepted, and not handed to a service of another protocol than HTTP/1.1
	count  atomic.Int64 // all that are open
	ending atomic.Bool  // each ends with its next answer

	mu  sync.Mutex
	all map[*open]struct{}
}

// open is one of them.
type open struct {
	mu    sync.Mutex
	rests bool
	used  bool // it had a request
	conn  Watched

	patience time.Duration // how long it may rest
	late     *time.Timer   // nil: as long as it likes
}

func (o *open) set(rests bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used = o.used || o.rests && !rests
	o.rests = rests
	if o.late == nil {
		return
	}
	if rests {
		o.late.Reset(o.patience)
	} else {
		o.late.Stop()
	}
}

func (o *open) closeIfIdle() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rests {
		o.conn.Close()
	}
}

func (c *connections) add(o *open, w Watched) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.conn = w
	if c.all == nil {
		c.all = map[*open]struct{}{}
	}
	c.all[o] = struct{}{}
}

func (c *connections) remove(o *open) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, o)
}

func (c *connections) abortReads() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for o := range c.all {
		o.conn.AbortReads()
	}
}

func (c *connections) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for o := range c.all {
		o.closeIfIdle()
	}
}

func addrOf(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		return unmapped(t.AddrPort())
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return unmapped(ap)
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
