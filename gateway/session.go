package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
)

// finishTime is how long a connection that ends may take to have its last answer acknowledged.
const finishTime = 2 * time.Second

// session is one connection that speaks HTTP/1.1.
type session struct {
	gateway *Gateway
	conn    *http1.Conn
	socket  netip.AddrPort
	crowded bool          // over the limit of connections: it is told so, once
	over    chan struct{} // closed when the connection has ended
	owed    *flight       // the guarded call whose answer is not known to be delivered
	idle    *idleMark
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

// serve answers the calls of the connection until it ends.
func (s *session) serve(ctx context.Context) {
	defer close(s.over)
	defer s.conn.Close()
	defer s.abandon()
	for {
		s.idle.set(true)
		req, err := s.conn.Next(ctx)
		s.idle.set(false)
		s.delivered(ctx, err)
		if err != nil {
			s.misread(ctx, err)
			return
		}
		if !s.one(ctx, req) || s.crowded {
			break
		}
	}
	if s.conn.Finish(finishTime) {
		s.settle(ctx)
	}
}

// acknowledged says whether everything that was written has arrived at the client's system.
func (s *session) acknowledged() bool {
	n, err := s.conn.Unsent()
	return err == nil && n == 0
}

// one takes one call through the pipeline and says whether the connection goes on.
func (s *session) one(ctx context.Context, req *http1.Request) bool {
	g := s.gateway
	g.pause("head read")
	g.drain.enter()
	defer g.drain.leave()
	c := &call{
		session: s, policy: g.enterPolicy(), ref: g.newID(), begun: g.now(), req: req, addr: s.socket.Addr(),
	}
	defer c.finish(ctx)
	if err := c.guarded(ctx); err != nil {
		c.refuse(ctx, err)
	}
	c.outcome(ctx)
	return c.goesOn()
}

// guarded runs the call and turns a fault of the gateway's own into an answer.
func (c *call) guarded(ctx context.Context) (err error) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		c.gateway.entry.WithField("req", c.ref).WithField("stack", string(debug.Stack())).
			Errorf("call ended by a fault: %v", fault)
		err = unavailable(ReasonFault, "the gateway failed", fmt.Errorf("fault: %v", fault))
		if c.released {
			err = uncertain(ReasonFault, "the gateway failed", fmt.Errorf("fault: %v", fault))
		}
	}()
	return c.run(ctx)
}

// goesOn says whether another request may follow on the connection.
func (c *call) goesOn() bool {
	return c.req.KeepAlive && !c.closing() && c.conn.Remaining() == 0
}

// finish gives back what the call held.
func (c *call) finish(ctx context.Context) {
	c.landed(ctx)
	for _, back := range []func(){c.leave, c.kept, c.policy.Engine.Pool.leave} {
		if back != nil {
			back()
		}
	}
	if c.up != nil {
		c.up.Done()
	}
	if c.in != nil {
		c.gateway.release(c.in.Buffer())
	}
}

// misread answers a request that is not HTTP as the profile wants it.
func (s *session) misread(ctx context.Context, err error) {
	var e *http1.Error
	if !errors.As(err, &e) {
		return
	}
	g := s.gateway
	c := &call{session: s, policy: g.Policy(), ref: g.newID(), begun: g.now(), addr: s.socket.Addr(), stopped: "head"}
	p := problem(tunnel.BadRequest, tunnel.Reason(e.Reason), e.Msg, err)
	if c.policy.Quota.Allow(c.addr, c.begun) == nil {
		c.policy.Quota.Fail(c.addr, c.begun)
		c.deny(ctx, p)
		c.log(p)
	} else {
		g.count(ReasonRate) // who goes on like that is answered, but not each time recorded
	}
	c.drainBody(p)
	if e.Status != 0 {
		_ = s.conn.Respond(e.Status, c.fields(plainText), []byte(e.Msg+" (reference "+c.ref+")\n"), true)
		s.conn.Finish(finishTime)
	}
}

// delivered forgets the last answer if what came after it proves that it arrived.
func (s *session) delivered(ctx context.Context, next error) {
	if s.owed != nil && s.conn.Delivered(next) {
		s.settle(ctx)
	}
}

// settle forgets the last answer, which has arrived.
func (s *session) settle(ctx context.Context) {
	if s.owed != nil {
		s.gateway.flights.forget(ctx, s.owed)
		s.owed = nil
	}
}

// abandon leaves the last answer to a twin: nothing shows that it arrived.
func (s *session) abandon() {
	if s.owed != nil {
		s.gateway.flights.orphan(s.owed, s)
		s.owed = nil
	}
}

// connections knows the open connections, to close those that rest.
type connections struct {
	mu  sync.Mutex
	all map[*idleMark]struct{}
}

type idleMark struct {
	mu   sync.Mutex
	idle bool
	conn *http1.Conn
}

func (m *idleMark) set(idle bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idle = idle
}

func (m *idleMark) closeIfIdle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.idle {
		m.conn.Close()
	}
}

func (o *connections) add(conn *http1.Conn) *idleMark {
	m := &idleMark{conn: conn}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[*idleMark]struct{}{}
	}
	o.all[m] = struct{}{}
	return m
}

func (o *connections) remove(m *idleMark) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, m)
}

// hurry ends the bodies that are being read.
func (o *connections) hurry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for m := range o.all {
		m.conn.Hurry()
	}
}

func (o *connections) closeIdle() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for m := range o.all {
		m.closeIfIdle()
	}
}
