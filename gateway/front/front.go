package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// Protocols, as they are named in the TLS handshake.
const (
	HTTP1 = "http/1.1"
	HTTP2 = "h2"
)

// overflow is how many connections beyond the limit are still told why they are refused.
const overflow = 64

// Service serves connections of one protocol.
type Service interface {
	// Serve serves a connection to its end, or until ctx ends. It closes it.
	Serve(ctx context.Context, c Connection)
}

// Config is what a Front is built from.
type Config struct {
	Visits      *visit.Visits
	Rules       func() *visit.Rules  // those in use
	HeadTimeout func() time.Duration // of handshakes
	Patience    func() time.Duration // with strangers: of handshakes, and of connections that rest
	TLS         *tls.Config          // nil, as in tests: no TLS, and HTTP/1.1 only
	Services    map[string]Service   // by protocol; HTTP1 must be there
	Log         *logrus.Entry        //
	Pause       func(point string)   // nil outside tests
}

// Front accepts connections. It is safe for concurrent use.
type Front struct {
	cfg      Config
	tls      *tls.Config
	open     connections
	stalled  stalls
	crowded  stalls // strangers that found no place
	overflow chan struct{}
	trouble  troubles
	conns    sync.WaitGroup
}

// New returns a Front that accepts nothing yet.
func New(c Config) (*Front, error) {
	if c.Visits == nil || c.Rules == nil || c.HeadTimeout == nil || c.Patience == nil || c.Services[HTTP1] == nil || c.Log == nil {
		return nil, errors.New("front: a part of its configuration is missing")
	}
	if c.Pause == nil {
		c.Pause = func(string) {}
	}
	f := &Front{cfg: c, overflow: make(chan struct{}, overflow)}
	if c.TLS != nil {
		f.tls = c.TLS.Clone()
		f.tls.GetConfigForClient = greet
		if c.Services[HTTP2] != nil {
			f.tls.NextProtos = append([]string{HTTP2}, f.tls.NextProtos...)
		}
	}
	return f, nil
}

// Serve accepts connections from l until ctx ends or l is closed, and waits for those that were
// accepted. A call in progress ends with ctx.
func (f *Front) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		f.open.abortReads()
	})
	defer stop()
	defer f.conns.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			if f.retry(ctx, err) {
				continue
			}
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		in, ok := f.admit(conn)
		if !ok {
			continue
		}
		f.conns.Add(1)
		f.open.busy.Add(1)
		go func() {
			defer f.conns.Done()
			f.accepted(ctx, conn, in)
		}()
	}
}

// retry reports whether accepting may go on after err: a connection that was gone again, or too
// many open files, which a moment may mend.
func (f *Front) retry(ctx context.Context, err error) bool {
	var op interface{ Temporary() bool }
	if !errors.As(err, &op) || !op.Temporary() {
		return false
	}
	f.trouble.count(unaccepted)
	if n, due := f.stalled.due(f.cfg.Visits.Now()); due {
		f.cfg.Log.WithError(err).WithField("times", n).Error("connections cannot be accepted, publishers wait: " +
			"raise the limit of open files (LimitNOFILE), or lower quota.connections")
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(acceptPause):
		return true
	}
}

// acceptPause is how long is waited before a connection is accepted that could not be.
const acceptPause = 20 * time.Millisecond

// Open returns how many connections are open.
func (f *Front) Open() int { return int(f.open.count.Load()) }

// CloseIdle closes the connections that rest.
func (f *Front) CloseIdle() { f.open.closeIdle() }

// accepted takes one connection from its first byte to its last.
func (f *Front) accepted(ctx context.Context, raw net.Conn, in *entry) {
	f.open.count.Add(1)
	defer f.open.count.Add(-1)
	settled := sync.OnceFunc(func() { f.open.busy.Add(-1) })
	defer settled()
	defer raw.Close()
	defer func() {
		if fault := recover(); fault != nil {
			f.cfg.Log.WithField("stack", string(debug.Stack())).Errorf("connection ended by a fault: %v", fault)
		}
	}()
	if in == nil {
		var ok bool
		if in, ok = f.enter(raw, addrOf(raw.RemoteAddr())); !ok {
			return
		}
	}
	defer in.leave(raw)
	rules, socket := in.rules, in.socket
	f.cfg.Pause("accepted")
	if !f.paced(ctx, rules, socket.Addr()) {
		return
	}
	patience := f.patience(rules, socket.Addr())
	conn, protocol, ok := f.secured(ctx, raw, socket, patience)
	if !ok {
		return
	}
	service := f.cfg.Services[protocol]
	if service == nil { // the challenge of a certificate authority, which ends with the handshake
		return
	}
	if protocol != HTTP1 { // its own server ends it
		settled()
	}
	c := Connection{Conn: conn, Socket: socket, OverLimit: in.overLimit, all: &f.open, own: &open{}}
	defer f.open.remove(c.own)
	defer f.hurry(c.own, raw, protocol, patience)()
	service.Serve(ctx, c)
}

// secured is handshake, which tells why it came to nothing.
func (f *Front) secured(ctx context.Context, raw net.Conn, socket netip.AddrPort, patience time.Duration) (
	conn net.Conn, protocol string, ok bool) {
	var hello greeted
	conn, protocol, err := f.handshake(context.WithValue(ctx, greetedKey{}, &hello), raw, patience)
	if err != nil && ctx.Err() == nil {
		f.refused(ctx, raw, socket, explain(err, &hello, f.tls.MinVersion), err)
	}
	return conn, protocol, err == nil
}

// handshake ends TLS.
func (f *Front) handshake(ctx context.Context, raw net.Conn, patience time.Duration) (conn net.Conn, protocol string, err error) {
	if f.tls == nil {
		return raw, HTTP1, nil
	}
	secure := tls.Server(wire.Wrap(raw), f.tls)
	limit := f.cfg.HeadTimeout()
	if patience > 0 {
		limit = min(limit, patience)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, "", err
	}
	wire.QuickAck(raw)
	if protocol = secure.ConnectionState().NegotiatedProtocol; protocol == "" {
		protocol = HTTP1
	}
	return secure, protocol, nil
}
