package http1

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// pace holds a body to a rate. Only time that is spent waiting for the client counts: a slow
// engine is not its fault.
type pace struct {
	rate  int
	grace time.Duration
	left  time.Duration // of the window
	got   int64         // in the window
	begun time.Time     // the wait for the client
}

// came notes n bytes, and begins a new window once this one holds its share.
func (p *pace) came(n int) {
	p.got += int64(n)
	if p.got >= int64(float64(p.rate)*p.grace.Seconds()) {
		p.left, p.got = p.grace, 0
	}
}

// AbortReads ends the body that is being read, and every later one, as if it came too slowly: the caller
// must stop. It may be called from any goroutine.
func (c *Conn) AbortReads() {
	c.aborted.Store(true)
	_ = c.nc.SetReadDeadline(past) // a read that has begun ends too
}

var past = time.Unix(1, 0)

// Remaining returns how many bytes of the body were not read yet.
func (c *Conn) Remaining() int64 { return c.remaining }

// Read reads the body, never past its end, where it returns io.EOF. It sends 100 Continue if the
// client waits for that. A body that ends early is an *Error that wraps io.ErrUnexpectedEOF, one
// that is slower than the profile's rate an *Error with status 408. Reads are buffered: small ones
// cost no system call each.
func (c *Conn) Read(p []byte) (int, error) {
	if c.remaining == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > c.remaining {
		p = p[:c.remaining]
	}
	n, err := c.readBuffered(p)
	c.remaining -= int64(n)
	if c.remaining == 0 {
		c.narrow()
	}
	return n, err
}

func (c *Conn) readBuffered(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.r == c.w && len(p) >= wire.BufferSize/2 {
		return c.timed(p)
	}
	if c.r == c.w {
		c.take()
		c.r, c.w = 0, 0
		n, err := c.timed(*c.buf)
		if n == 0 {
			return 0, err
		}
		c.w = n
	}
	n := copy(p, (*c.buf)[c.r:c.w])
	c.r += n
	return n, nil
}

// timed reads once from the connection under the pace.
func (c *Conn) timed(p []byte) (int, error) {
	if err := c.invite(); err != nil {
		return 0, err
	}
	n, err := c.paced(p)
	if n > 0 {
		c.pace.came(n)
		return n, nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return 0, c.bodyError(err)
}

// paced reads once; below TLS a big body keeps to its pace itself, since most of its records need no socket.
func (c *Conn) paced(p []byte) (int, error) {
	b := (*body)(c)
	if c.widened != nil {
		if c.aborted.Load() {
			return 0, os.ErrDeadlineExceeded
		}
		return c.nc.Read(p)
	}
	if err := b.Before(); err != nil {
		return 0, err
	}
	n, err := c.nc.Read(p)
	b.After()
	return n, err
}

// body is a Conn while the socket is read for its body.
type body Conn

// Before implements wire.Pace: the client has the rest of its window.
func (b *body) Before() error {
	b.pace.begun = b.p.now()
	if err := b.nc.SetReadDeadline(b.pace.begun.Add(b.pace.left)); err != nil {
		return err
	}
	if b.aborted.Load() { // behind the deadline that was just set, so that none is lost
		return os.ErrDeadlineExceeded
	}
	return nil
}

// After implements wire.Pace.
func (b *body) After() { b.pace.left -= b.p.now().Sub(b.pace.begun) }

// invite sends 100 Continue to a client that waits for it, the first time the body is really
// needed.
func (c *Conn) invite() error {
	if !c.expects {
		return nil
	}
	c.expects = false
	return c.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
}

func (c *Conn) bodyError(err error) error {
	c.closing = true
	c.narrow()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.pace.left = 0 // whoever drains does not wait for another window
		return &Error{Status: 408, Reason: ReasonTimeout, Msg: "body came too slowly", Err: err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Status: 400, Reason: ReasonCut, Msg: "body was cut",
			Err: fmt.Errorf("%d bytes are missing: %w", c.remaining, io.ErrUnexpectedEOF)}
	}
	return fmt.Errorf("read a body with %d bytes to come: %w", c.remaining, err)
}

// Drain reads the rest of the body and drops it, so that a refusal is answered after it: a client
// whose writing is cut would send the whole request again. It gives up with ErrDrainLimit after
// limit bytes (0: none), and with an *Error when less than 64 KiB a second comes. A client that
// waits for 100 Continue has sent nothing: there is nothing to drain.
func (c *Conn) Drain(limit int64) error {
	if c.expects {
		c.closing = true
		return nil
	}
	if c.remaining == 0 {
		return nil
	}
	c.pace.rate = max(c.pace.rate, drainRate)
	pool, size := c.drainBuffer(limit)
	buf := pool.Take(size)
	defer pool.Give(buf)
	for read := int64(0); c.remaining > 0; {
		room := int64(len(*buf))
		if limit > 0 {
			room = min(room, limit-read)
		}
		if room == 0 {
			c.closing = true
			return ErrDrainLimit
		}
		n, err := c.Read((*buf)[:room])
		read += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// drainBuffer is what a body is dropped with. As many of them as there may be connections can be under way at once: few have a
// large one, and a stranger gets no more memory than that of his connection.
func (c *Conn) drainBuffer(limit int64) (*wire.Pool, int) {
	switch {
	case limit > 0, c.widened == nil:
		return &c.p.small, wire.BufferSize
	case c.p.bodies.Load() > fewBodies:
		return &c.p.wide, wire.WideSize
	}
	return &c.p.big, wire.BigSize
}

// widen lets TLS read the records of a big body many at once; as long as few such bodies flow, with a larger buffer.
func (c *Conn) widen() {
	if c.wire == nil || c.remaining < bigBody {
		return
	}
	c.widened = c.p
	if c.p.bodies.Add(1) > fewBodies {
		c.wire.Widen(&c.p.wide, wire.WideSize, (*body)(c))
		return
	}
	c.wire.Widen(&c.p.widest, wire.WidestSize, (*body)(c))
}

func (c *Conn) narrow() {
	if c.widened != nil {
		c.widened.bodies.Add(-1)
		c.widened = nil
		c.wire.Narrow()
	}
}
