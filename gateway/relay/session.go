package relay

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/stagelock/stagelock/gateway/front"
	"github.com/stagelock/stagelock/tunnel/http1"
)

// finishTime is how long a connection that ends may take to have its last answer acknowledged.
const finishTime = 2 * time.Second

// session is one connection that speaks HTTP/1.1.
type session struct {
	relay *Relay
	conn  *http1.Conn
	front.Connection
}

// Serve answers the calls of a connection until it ends, and closes it.
func (r *Relay) Serve(ctx context.Context, c front.Connection) {
	s := &session{relay: r, conn: http1.NewConn(c.Conn, r.Policy().Profile), Connection: c}
	s.conn.Follow(func() *http1.Profile { return r.Policy().Profile })
	c.Watch(s.conn)
	defer s.conn.Close()
	for {
		s.Rest(true)
		req, err := s.conn.Next(ctx)
		s.Rest(false)
		var refusal *http1.Error
		if err != nil && !errors.As(err, &refusal) {
			return
		}
		if !s.serveOne(ctx, req, refusal) || s.OverLimit {
			break
		}
	}
	s.conn.Finish(finishTime)
}

// serveOne takes one call through the steps and reports whether the connection goes on. A request
// that is not HTTP as the profile wants it comes as its refusal.
func (s *session) serveOne(ctx context.Context, req *http1.Request, refusal *http1.Error) bool {
	r := s.relay
	if refusal == nil {
		r.cfg.Pause("head read")
	} else {
		req = &http1.Request{}
	}
	r.publishes.enter()
	defer r.publishes.leave()
	p := r.enterPolicy()
	c := &call{session: s, Visit: r.cfg.Visits.Open(s.Socket, &p.Rules), policy: p, req: req, refusal: refusal}
	c.onEnd(p.Engine.Pool.Leave)
	c.onEnd(r.cfg.Once.Enter(c.Begun))
	defer c.finish(ctx)
	if err := c.guarded(ctx); err != nil {
		c.refuse(ctx, err)
	}
	c.Close(ctx, outcome{c}, func() { r.cfg.Pause("outcome appended") })
	return c.goesOn()
}

// guarded runs the call and turns a fault of the gateway's own into an answer.
func (c *call) guarded(ctx context.Context) (err error) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		c.relay.cfg.Log.WithField("req", c.Ref).WithField("stack", string(debug.Stack())).
			Errorf("call ended by a fault: %v", fault)
		err = unavailable(ReasonFault, "the gateway failed", fmt.Errorf("fault: %v", fault))
		if c.sent.released {
			err = uncertain(ReasonFault, "the gateway failed", fmt.Errorf("fault: %v", fault))
		}
	}()
	return c.run(ctx)
}

// goesOn reports whether another request may follow on the connection.
func (c *call) goesOn() bool {
	return c.refusal == nil && c.req.KeepAlive && !c.closing() && c.conn.Remaining() == 0
}
