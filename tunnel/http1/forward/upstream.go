package forward

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// Defaults of an UpstreamConfig whose field is zero.
const (
	// DefaultConnectTimeout is how long TCP and TLS together may take.
	DefaultConnectTimeout = 5 * time.Second
	// DefaultMaxIdle is how many connections are kept.
	DefaultMaxIdle = 64
	// NoneIdle as MaxIdle keeps none: each connection carries one call.
	NoneIdle = -1
	// DefaultUpstreamIdle is how long one is kept: less than the 20 s of the usual engine.
	DefaultUpstreamIdle = 15 * time.Second
	// DefaultMaxReplyHead is the longest head of a reply.
	DefaultMaxReplyHead = 12 << 10
	// DefaultMaxReply is the longest body of a reply.
	DefaultMaxReply = 16 << 20
)

// bigCopies is how many bodies on their way to one engine get a big buffer.
const bigCopies = 16

// Config says how an engine is reached.
type Config struct {
	Addr string      // host:port
	TLS  *tls.Config // nil: plain
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	ConnectTimeout time.Duration // for TCP and TLS together
	WriteTimeout   time.Duration // for one write, up to twice as long
	MaxIdle        int           // connections kept, or NoneIdle
	IdleTimeout    time.Duration // after which a kept connection is not used again
	MaxReplyHead   int           // bytes of one head of a reply, at most 12 KiB
	MaxReply       int64         // bytes of a reply's body
	Now            func() time.Time
}

// Upstream makes connections to one engine and keeps those that can be used again. It is safe for
// concurrent use and starts no goroutine.
type Upstream struct {
	cfg              Config
	small, wide, big wire.Pool
	copies           atomic.Int32 // bodies on their way

	mu     sync.Mutex // guards what follows
	idle   []*link    // the one used last at the end
	closed bool
}

// New returns an Upstream. It connects to nothing yet.
func New(cfg Config) *Upstream {
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, DefaultConnectTimeout)
	cfg.WriteTimeout = cmp.Or(cfg.WriteTimeout, wire.DefaultWriteTimeout)
	cfg.MaxIdle = cmp.Or(cfg.MaxIdle, DefaultMaxIdle)
	cfg.IdleTimeout = cmp.Or(cfg.IdleTimeout, DefaultUpstreamIdle)
	cfg.MaxReplyHead = min(cmp.Or(cfg.MaxReplyHead, DefaultMaxReplyHead), DefaultMaxReplyHead)
	cfg.MaxReply = cmp.Or(cfg.MaxReply, DefaultMaxReply)
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Upstream{cfg: cfg}
}

// link is one connection to the engine.
type link struct {
	nc        net.Conn
	probe     *wire.Probe
	tls       *tls.Conn // nil if plain
	buf       []byte    // holds in [r:w] what was read; a head stays in front of its body
	r, w      int
	writeTime wire.Deadline
	idleSince time.Time
	used      bool
	broken    bool // a deadline may still fire, or a write failed
}

// Open returns an Exchange on a kept connection that is really alive, or on a new one; fresh asks
// for a new one. It fails with a *Fault whose Started is false. The Exchange must end
// with Done or Cut.
func (u *Upstream) Open(ctx context.Context, fresh bool) (*Exchange, error) {
	for !fresh {
		l, err := u.take()
		if err != nil {
			return nil, u.fault(ReasonConnect, false, err)
		}
		if l == nil {
			break
		}
		if l.alive() {
			return &Exchange{u: u, l: l}, nil
		}
		_ = l.nc.Close() // the engine has closed it already
	}
	l, err := u.dial(ctx)
	if err != nil {
		return nil, u.fault(ReasonConnect, false, err)
	}
	return &Exchange{u: u, l: l}, nil
}

func (u *Upstream) fault(reason string, started bool, err error) *Fault {
	return &Fault{Addr: u.cfg.Addr, Reason: reason, Started: started, Err: err}
}

// take returns the connection used last, or nil if none is left that is young enough.
func (u *Upstream) take() (*link, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil, ErrClosed
	}
	n := len(u.idle)
	if n == 0 {
		return nil, nil
	}
	l := u.idle[n-1]
	if u.cfg.Now().Sub(l.idleSince) >= u.cfg.IdleTimeout {
		closeAll(u.idle) // all others are older
		u.idle = u.idle[:0]
		return nil, nil
	}
	u.idle[n-1] = nil
	u.idle = u.idle[:n-1]
	return l, nil
}

// copyBuffer lends what a body is gathered in: a big buffer as long as few bodies are on their way,
// so that many slow clients hold little memory.
func (u *Upstream) copyBuffer() (buf *[]byte, give func()) {
	from, size := &u.big, wire.BigSize
	if u.copies.Add(1) > bigCopies {
		from, size = &u.wide, wire.WideSize
	}
	buf = from.Take(size)
	return buf, func() {
		u.copies.Add(-1)
		from.Give(buf)
	}
}

// put keeps a connection for the next call.
func (u *Upstream) put(l *link) {
	l.r, l.w = 0, 0
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed || len(u.idle) >= u.cfg.MaxIdle {
		_ = l.nc.Close() // nothing is under way on it
		return
	}
	l.idleSince = u.cfg.Now()
	u.idle = append(u.idle, l)
}

func (u *Upstream) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, u.cfg.ConnectTimeout)
	defer cancel()
	nc, err := u.cfg.Dial(ctx, "tcp", u.cfg.Addr)
	if err != nil {
		return nil, err
	}
	l := &link{nc: nc, probe: wire.NewProbe(wire.Unwrap(nc)), buf: make([]byte, wire.BufferSize)}
	if t, ok := wire.Unwrap(nc).(*net.TCPConn); ok {
		_ = t.SetNoDelay(true) // Go's default; a dialer of the caller's may have changed it
	}
	nc = wire.Wrap(nc)
	l.nc = nc
	if u.cfg.TLS == nil {
		return l, nil
	}
	l.tls = tls.Client(nc, u.cfg.TLS)
	l.nc = l.tls
	if err := l.tls.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return l, nil
}

// alive tells whether a kept connection can carry a call: the engine has neither closed it nor
// sent what nobody asked for.
func (l *link) alive() bool {
	if !l.probe.Quiet() {
		return false
	}
	if l.tls == nil {
		return true
	}
	// What TLS has decrypted already is invisible to the kernel. A past deadline makes the read
	// return at once.
	if err := l.tls.SetReadDeadline(wire.LongAgo); err != nil {
		return false
	}
	n, err := l.tls.Read(l.buf[:1])
	return n == 0 && wire.IsTimeout(err)
}

// Prune closes kept connections that are too old to be used again.
func (u *Upstream) Prune() {
	u.mu.Lock()
	defer u.mu.Unlock()
	old := 0
	for old < len(u.idle) && u.cfg.Now().Sub(u.idle[old].idleSince) >= u.cfg.IdleTimeout {
		old++
	}
	closeAll(u.idle[:old])
	u.idle = append(u.idle[:0], u.idle[old:]...)
}

// Close closes the kept connections. Exchanges under way go on; their connections are closed when
// they are done.
func (u *Upstream) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	closeAll(u.idle)
	u.idle, u.closed = nil, true
	return nil
}

func closeAll(links []*link) {
	for _, l := range links {
		_ = l.nc.Close() // idle: nothing is lost
	}
}
