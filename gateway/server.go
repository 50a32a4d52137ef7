package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/stagelock/stagelock/tunnel/http1"
)

// protocolHTTP2 is HTTP/2 in the TLS handshake.
const protocolHTTP2 = "h2"

// overflow is how many connections beyond the limit are still told why they are refused.
const overflow = 64

// Serve accepts connections from l until ctx ends or l is closed, and waits for those that were
// accepted. A call in progress ends with ctx.
func (g *Gateway) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		g.open.hurry()
	})
	defer stop()
	defer g.behind.all.Wait()
	defer g.conns.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			if retry(ctx, err) {
				continue
			}
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		g.conns.Add(1)
		go func() {
			defer g.conns.Done()
			g.accepted(ctx, conn)
		}()
	}
}

// retry says whether accepting may go on after err: a connection that was gone again, or too many
// open files, which a moment may mend.
func retry(ctx context.Context, err error) bool {
	var op interface{ Temporary() bool }
	return errors.As(err, &op) && op.Temporary() && pause(ctx, 5*time.Millisecond) == nil
}

// Listen wraps l so that the balancers among proxies must send a PROXY protocol header and nobody
// else may.
func Listen(l net.Listener, proxies interface{ Trusted(netip.Addr) bool }, head time.Duration) net.Listener {
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: head,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if proxies.Trusted(addrOf(o.Upstream).Addr()) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

// accepted takes one connection from its first byte to its last.
func (g *Gateway) accepted(ctx context.Context, raw net.Conn) {
	defer raw.Close()
	defer func() {
		if fault := recover(); fault != nil {
			g.entry.WithField("stack", string(debug.Stack())).Errorf("connection ended by a fault: %v", fault)
		}
	}()
	p := g.Policy()
	socket := addrOf(raw.RemoteAddr())
	addr := socket.Addr()
	if p.Drop && !p.local(addr) {
		g.count(ReasonHost)
		return
	}
	release, crowded := g.place(ctx, p, addr)
	defer release()
	if crowded == full {
		return
	}
	g.pause("accepted")
	conn, err := g.handshake(ctx, raw, p)
	if err != nil {
		g.entry.WithError(err).WithField("peer", addr.String()).Debug("no TLS")
		return
	}
	switch protocol(conn) {
	case protocolHTTP2:
		g.serveNative(ctx, conn, addr)
		return
	case "", "http/1.1":
	default: // the challenge of a certificate authority, which ends with the handshake
		return
	}
	h := http1.NewConn(conn, p.Profile)
	mark := g.open.add(h)
	defer g.open.remove(mark)
	s := &session{gateway: g, conn: h, socket: socket, crowded: crowded == told, idle: mark,
		over: make(chan struct{})}
	s.serve(ctx)
}

// How full it is for a connection.
const (
	room = iota
	told // over the limit: it is told so
	full // far over it: it is closed
)

func (g *Gateway) place(
	ctx context.Context, p *Policy, addr netip.Addr,
) (release func(), crowded int) {
	release, err := p.Quota.Connect(addr)
	if err == nil {
		return release, room
	}
	leave, ok := g.enter(ctx, "\x00overflow", overflow, 0)
	if !ok {
		return func() {}, full
	}
	return leave, told
}

// handshake ends TLS. Without a TLS configuration, as in tests, the connection stays as it is.
func (g *Gateway) handshake(ctx context.Context, raw net.Conn, p *Policy) (net.Conn, error) {
	if g.tls == nil {
		return raw, nil
	}
	conn := tls.Server(http1.Wrap(raw), g.tls)
	ctx, cancel := context.WithTimeout(ctx, p.Profile.HeadTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	http1.QuickAck(raw)
	return conn, nil
}

func protocol(conn net.Conn) string {
	if t, ok := conn.(*tls.Conn); ok {
		return t.ConnectionState().NegotiatedProtocol
	}
	return ""
}

// serveNative serves a connection that speaks HTTP/2. The tunnel is not to be had there: its peers
// speak HTTP/1.1.
func (g *Gateway) serveNative(ctx context.Context, conn net.Conn, addr netip.Addr) {
	if !g.Policy().local(addr) {
		g.count(ReasonHost)
		return
	}
	l := &single{conn: conn, ended: make(chan struct{})}
	srv := &http.Server{
		Handler: http.HandlerFunc(g.native), TLSConfig: g.tls,
		ReadHeaderTimeout: nativeTimeout, IdleTimeout: nativeTimeout,
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed || s == http.StateHijacked {
				l.Close()
			}
		},
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	_ = srv.Serve(l) // it always ends with an error, when the connection does
}

// nativeTimeout is how long a connection that speaks HTTP/2 may rest.
const nativeTimeout = time.Minute

// single is a listener of the one connection that was accepted already.
type single struct {
	conn  net.Conn
	once  sync.Once
	given atomic.Bool
	ended chan struct{}
}

// Accept returns the connection once, and net.ErrClosed when it has ended.
func (s *single) Accept() (net.Conn, error) {
	if s.given.CompareAndSwap(false, true) {
		return s.conn, nil
	}
	<-s.ended
	return nil, net.ErrClosed
}

// Close ends Accept.
func (s *single) Close() error {
	s.once.Do(func() { close(s.ended) })
	return nil
}

// Addr returns the connection's own address.
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

// native answers the health paths.
func (g *Gateway) native(w http.ResponseWriter, r *http.Request) {
	h := healthPaths[r.URL.Path]
	if h == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	status, body := h(g)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// split offers HTTP/2 beside what c offers.
func split(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.NextProtos = append([]string{protocolHTTP2}, c.NextProtos...)
	return c
}
