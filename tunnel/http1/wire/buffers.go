package wire

import (
	"net"
	"sync"
	"time"
)

// Pool lends buffers of one size.
type Pool struct{ p sync.Pool }

// Take lends a buffer of the pool's one size.
func (p *Pool) Take(size int) *[]byte {
	if b, ok := p.p.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, size)
	return &b
}

// Give takes it back: nobody may look at it any more.
func (p *Pool) Give(b *[]byte) {
	spoil(*b)
	p.p.Put(b)
}

// Deadline keeps the time for one write between limit and twice the limit, so that most writes
// set no timer.
type Deadline struct{ until time.Time }

// Extend sets c's deadline if less than limit is left.
func (d *Deadline) Extend(c net.Conn, now time.Time, limit time.Duration) error {
	if d.until.Sub(now) >= limit {
		return nil
	}
	d.until = now.Add(2 * limit)
	return c.SetWriteDeadline(d.until)
}
