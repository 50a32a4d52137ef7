package http1

import (
	"net"
	"sync"
	"time"
)

// pool lends buffers of one size.
type pool struct{ p sync.Pool }

func (p *pool) take(size int) *[]byte {
	if b, ok := p.p.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, size)
	return &b
}

func (p *pool) give(b *[]byte) { p.p.Put(b) }

// lazyDeadline keeps the time for one write between limit and twice the limit, so that most writes
// set no timer.
type lazyDeadline struct{ until time.Time }

func (d *lazyDeadline) extend(c net.Conn, now time.Time, limit time.Duration) error {
	if d.until.Sub(now) >= limit {
		return nil
	}
	d.until = now.Add(2 * limit)
	return c.SetWriteDeadline(d.until)
}
