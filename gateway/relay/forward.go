package relay

import (
	"cmp"
	"context"
	"errors"

	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/tunnel/http1"
)

// head returns the head of the call for the engine.
func (c *call) head() http1.RequestHead {
	return c.headFor(c.sent.member, c.Ref, c.req.ContentLength-c.wire.BlankedSize())
}

// headFor returns the head of a call of this publisher for a node. Nothing of the client's is copied.
func (c *call) headFor(m *upstream.Member, ref string, length int64) http1.RequestHead {
	e := c.policy.Engine
	host := cmp.Or(e.HostOf(cmp.Or(c.facts.Site, c.past.Request.Site)), m.Host())
	return http1.RequestHead{
		Target: e.PathContext + tunnelPath, Host: host, ContentType: contentType,
		Authorization: e.Key.Authorization(c.Login, e.Encoded, false),
		ContentLength: length,
		Fields: []http1.Field{
			{Name: "X-Forwarded-For", Value: c.Addr.String()}, {Name: "X-Forwarded-Proto", Value: "https"},
			{Name: "X-Stagelock-Reference", Value: ref},
		},
	}
}

// connect takes a connection to the node of the call's request, or to another one if that cannot be
// reached: nothing was sent yet, so nothing is sent twice.
func (c *call) connect(ctx context.Context, except *upstream.Member) error {
	pool := c.policy.Engine.Pool
	for range 2 {
		m := pool.Pick(c.request, c.home, except)
		if m == nil {
			break
		}
		x, err := m.Open(ctx, false)
		if err == nil {
			c.use(m, x)
			return nil
		}
		m.Failed(err)
		except = m
	}
	return unavailable(ReasonDown, "the live engine cannot be reached", nil)
}

// use makes an exchange the call's, in place of the one it had.
func (c *call) use(m *upstream.Member, x *http1.Exchange) {
	c.disconnect()
	c.sent.member, c.sent.exchange = m, x
}

// disconnect gives the exchange back.
func (c *call) disconnect() {
	if c.sent.exchange == nil {
		return
	}
	c.sent.exchange.Done()
	c.sent.member.Ended()
	c.sent.exchange = nil
}

// engineFailed is an engine that went away while a call was on its way: before the tail left, nothing can
// have been carried out.
func (c *call) engineFailed(err error) error {
	c.sent.member.Failed(err)
	return c.afterEngineFailure(err)
}

// afterEngineFailure is engineFailed for a failure that was counted already.
func (c *call) afterEngineFailure(err error) error {
	if !c.sent.released {
		return unavailable(ReasonDown, "the live engine went away", err)
	}
	return uncertain(ReasonLost, "the live engine went away before it answered", err)
}

// forward sends what was held: a small call whole, of a part the tail.
func (c *call) forward(ctx context.Context) error {
	if !c.forwards() {
		return nil
	}
	if err := c.holds(); err != nil {
		return err
	}
	if c.sent.part {
		c.sent.released = true
		if _, err := c.sent.exchange.Write(c.in.Held()); err != nil {
			return c.engineFailed(err)
		}
		c.relay.cfg.Pause("tail released")
		return nil
	}
	if err := c.connect(ctx, nil); err != nil {
		return err
	}
	if err := c.send(); err != nil {
		return c.failover(ctx, err)
	}
	c.relay.cfg.Pause("tail released")
	return nil
}

// send sends a held call whole, blanked once.
func (c *call) send() error {
	if c.sent.held == nil {
		c.sent.held = c.wire.Blank(c.in.Held())
	}
	c.sent.released = true
	err := c.sent.exchange.Send(c.head(), c.sent.held)
	if errors.Is(err, http1.ErrField) || errors.Is(err, http1.ErrOverrun) {
		c.sent.released = false // nothing was written
	}
	return err
}

// reconnect takes a connection to another node, or a fresh one to the same if there is none: a kept
// connection may just have been closed.
func (c *call) reconnect(ctx context.Context) error {
	member, reused := c.sent.member, c.sent.exchange.Reused()
	err := c.connect(ctx, member)
	if err == nil || !reused {
		return err
	}
	x, fresh := member.Open(ctx, true)
	if fresh != nil {
		return errors.Join(err, fresh)
	}
	c.use(member, x)
	return nil
}

// failover sends a call that may be repeated to another node, once, after one failed before a byte of
// its answer.
func (c *call) failover(ctx context.Context, err error) error {
	var up *http1.UpstreamError
	if !c.rule.Failover || c.sent.part || c.sent.retried || !errors.As(err, &up) || up.Started {
		return c.engineFailed(err)
	}
	c.sent.retried = true
	c.sent.member.Failed(err)
	c.sent.exchange.Cut()
	if other := c.reconnect(ctx); other != nil {
		return c.afterEngineFailure(errors.Join(err, other))
	}
	if err := c.send(); err != nil {
		return c.engineFailed(err)
	}
	return nil
}
