package http1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// Conn is one connection of a client. Its methods belong to one goroutine, but for Close, which
// may be called from any, and Gone. The caller closes it.
type Conn struct {
	nc      net.Conn
	p       *Profile
	source  func() *Profile // nil: p stays
	wire    *wire.Wire      // below TLS, if the listener wraps its connections
	widened *Profile        // that a big body flows by; nil: none does
	probe   *wire.Probe
	lazy    bool // TLS keeps what was not read: an idle connection needs no buffer

	buf  *[]byte // holds in[r:w], what was read and not used
	r, w int
	one  [1]byte

	req       Request
	head      string   // that req says, if it was accepted by judged; empty: none was
	judged    *Profile // nil: none did
	remaining int64    // of the body
	aborted   atomic.Bool
	expects   bool // the client waits for 100 Continue
	pace      pace
	begun     bool // a first byte ever came
	answered  bool
	phrase    string // of the next answer; empty: that of its status
	closing   bool   // no request follows
	writeTime wire.Deadline

	resting
}

// resting is how a connection waits for its next request, and how that ends.
type resting struct {
	mu     sync.Mutex // guards what follows, and the read deadline while idle
	idle   bool
	closed bool
	done   <-chan struct{} // of the context that interrupt is bound to
	unbind func() bool
}

// NewConn returns a Conn that reads from c, whose handshake the caller has made. It reads nothing
// yet.
func NewConn(c net.Conn, p *Profile) *Conn {
	raw := wire.Unwrap(c)
	below, _ := wire.Find[*wire.Wire](c)
	return &Conn{nc: c, p: p, wire: below, probe: wire.NewProbe(raw), lazy: wire.IsTLS(c), answered: true}
}

// Follow has the profile taken anew from source for each request, when its first byte is there. Call
// it before the first one.
func (c *Conn) Follow(source func() *Profile) { c.source = source }

// Next waits for a request and reads its head. It returns io.EOF if the client closed between
// requests, an *Error that the caller answers before it closes, ErrIdle, ErrFinished, the cause of
// ctx if that ended while no request had begun, or what the connection failed with. Use one
// context for all calls on a connection: changing it costs. A body that was not read to its end,
// or a request that was not answered, is a fault of the caller that ends the connection.
func (c *Conn) Next(ctx context.Context) (*Request, error) {
	switch {
	case !c.answered:
		return nil, ErrUnanswered
	case c.closing || c.remaining > 0:
		return nil, ErrFinished
	}
	c.closing = true // until a head is accepted
	if err := c.await(ctx); err != nil {
		return nil, err
	}
	if c.source != nil {
		c.p = c.source()
	}
	c.answered = false
	head, err := c.readHead()
	if err != nil {
		c.req.reset()
		c.judged = nil
		return nil, err
	}
	refusal := c.parse(head)
	c.remaining = c.req.ContentLength
	c.expects = c.req.ExpectContinue && c.remaining > 0 && c.r == c.w // else it sends already
	c.pace = pace{rate: c.p.minRate(), grace: c.p.grace(), left: c.p.grace()}
	if refusal != nil {
		refusal.Method = c.req.Method
		return nil, refusal
	}
	c.closing = !c.req.KeepAlive
	c.widen()
	return &c.req, nil
}

// await returns once the buffer holds a byte of the next request.
func (c *Conn) await(ctx context.Context) error {
	if c.r < c.w {
		c.begun = true
		return nil
	}
	limit := c.p.idleTimeout()
	if !c.begun {
		limit = c.p.headTimeout()
	}
	if err := c.enterIdle(ctx, limit); err != nil {
		return err
	}
	n, err := c.firstBytes()
	c.leaveIdle()
	if n > 0 {
		c.begun = true
		return nil
	}
	return c.idleError(ctx, err)
}

// firstBytes waits for input; on TLS with one byte, as the rest costs no system call and the
// buffer can be elsewhere.
func (c *Conn) firstBytes() (int, error) {
	if !c.lazy {
		return c.fill()
	}
	c.release()
	n, err := c.nc.Read(c.one[:])
	if n > 0 {
		c.take()
		(*c.buf)[0] = c.one[0]
		c.r, c.w = 0, 1
	}
	return n, err
}

// enterIdle sets the deadline of the wait and binds it to ctx.
func (c *Conn) enterIdle(ctx context.Context, limit time.Duration) error {
	c.bind(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = true
	if ctx.Err() != nil {
		c.idle = false
		return context.Cause(ctx)
	}
	return c.nc.SetReadDeadline(c.p.now().Add(limit))
}

func (c *Conn) leaveIdle() {
	c.mu.Lock()
	c.idle = false
	c.mu.Unlock()
}

// bind registers interrupt with a context once, and again only if another context is used.
func (c *Conn) bind(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Done() == c.done || c.closed {
		return
	}
	if c.unbind != nil {
		c.unbind()
	}
	done := ctx.Done()
	c.done, c.unbind = done, context.AfterFunc(ctx, func() { c.interrupt(done) })
}

// interrupt ends the wait for a request if it still is one of that context.
func (c *Conn) interrupt(done <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle && c.done == done {
		_ = c.nc.SetReadDeadline(wire.LongAgo) // fails on a closed connection only, which ends the wait too
	}
}

// idleError says why no request came.
func (c *Conn) idleError(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrIdle, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.EOF // the second: TLS ended without its last word
	}
	return fmt.Errorf("wait for a request: %w", err)
}

// readHead returns the next head, which is complete, and leaves what follows it in the buffer.
func (c *Conn) readHead() (string, error) {
	c.compact()
	var s grammar.Scanner
	timed := false
	for {
		in := (*c.buf)[:c.w]
		if in[0] < 'A' || in[0] > 'Z' {
			return "", bad(ReasonRequestLine, "request does not begin with a method", string(in[:1]))
		}
		n, err := s.Find(in)
		if err != nil {
			return "", bad(ReasonHeader, "head has a line that does not end in CRLF", "")
		}
		if n > maxHead || n == 0 && c.w >= maxHead {
			return "", bad(ReasonHeader, fmt.Sprintf("head is longer than %d bytes", maxHead), "")
		}
		if n > 0 {
			c.r = n
			return c.text(in[:n]), nil
		}
		if !timed {
			timed = true
			if err := c.nc.SetReadDeadline(c.p.now().Add(c.p.headTimeout())); err != nil {
				return "", fmt.Errorf("read a head: %w", err)
			}
		}
		if _, err := c.fill(); err != nil {
			return "", headError(err)
		}
	}
}

// maxSame is the longest head that is kept for the next request.
const maxSame = 1 << 10

// text returns a head as text. Most are those of the request before, byte for byte.
func (c *Conn) text(head []byte) string {
	if c.judged != nil && string(head) == c.head {
		return c.head
	}
	c.judged = nil
	return string(head)
}

// parse reads a head into req. The same bytes say the same to the same profile: what they said is there already.
func (c *Conn) parse(head string) *Error {
	if c.judged == c.p {
		return nil
	}
	refusal := parseRequest(head, c.p, &c.req)
	if c.judged = nil; refusal == nil && len(head) <= maxSame {
		c.judged, c.head = c.p, head
	}
	return refusal
}

func headError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Status: 408, Reason: ReasonTimeout, Msg: "head came too slowly", Err: err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Status: 400, Reason: ReasonCut, Msg: "head was cut", Err: io.ErrUnexpectedEOF}
	}
	return fmt.Errorf("read a head: %w", err)
}

// compact moves what is left in the buffer to its beginning.
func (c *Conn) compact() {
	if c.r > 0 {
		c.w = copy(*c.buf, (*c.buf)[c.r:c.w])
		c.r = 0
	}
}

// fill reads once into the free end of the buffer. An error is returned only if nothing was read.
func (c *Conn) fill() (int, error) {
	c.take()
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	n, err := c.nc.Read((*c.buf)[c.w:])
	c.w += n
	switch {
	case n > 0:
		return n, nil
	case err == nil:
		return 0, io.ErrNoProgress
	}
	return 0, err
}

func (c *Conn) take() {
	if c.buf == nil {
		c.buf = c.p.small.Take(wire.BufferSize)
	}
}

func (c *Conn) release() {
	if c.buf != nil && c.r == c.w {
		c.p.small.Give(c.buf)
		c.buf, c.r, c.w = nil, 0, 0
	}
}

// Close closes the connection without a word. It may be called more than once, and from another
// goroutine to end the reads and writes of the one that serves the connection.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closed = true
	if c.unbind != nil {
		c.unbind()
	}
	c.mu.Unlock()
	return c.nc.Close()
}
