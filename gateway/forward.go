package gateway

import (
	"context"
	"errors"

	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel/http1"
)

// head returns the head of the call for the engine. Nothing of the client's is copied.
func (c *call) head() http1.RequestHead {
	e := c.policy.Engine
	host := e.Host
	if host == "" {
		host = c.node.host
	}
	return http1.RequestHead{
		Target: e.PathContext + tunnelPath, Host: host, ContentType: contentType,
		Authorization: e.Key.Authorization(c.id.Login, e.Encoded, false),
		ContentLength: c.req.ContentLength - c.wire.BlankedSize(),
		Fields: []http1.Field{
			{Name: "X-Forwarded-For", Value: c.addr.String()}, {Name: "X-Forwarded-Proto", Value: "https"},
			{Name: "X-Stagelock-Reference", Value: c.ref},
		},
	}
}

// connect takes a connection to the node of the call's request, or to another one if that cannot be
// reached: nothing was sent yet, so nothing is sent twice.
func (c *call) connect(ctx context.Context, except *Node) error {
	pool := c.policy.Engine.Pool
	for range 2 {
		n := pool.pick(c.request, except)
		if n == nil {
			break
		}
		up, err := n.up.Open(ctx, false)
		if err == nil {
			c.node, c.up = n, up
			return nil
		}
		n.failed(err)
		except = n
	}
	return unavailable(ReasonDown, "the live engine cannot be reached", nil)
}

// lost is an engine that went away while a call was on its way: before the tail left, nothing can
// have been carried out.
func (c *call) lost(err error) error {
	c.node.failed(err)
	return c.parted(err)
}

// parted is lost for a failure that was counted already.
func (c *call) parted(err error) error {
	if !c.released {
		return unavailable(ReasonDown, "the live engine went away", err)
	}
	return uncertain(ReasonLost, "the live engine went away before it answered", err)
}

// forward sends what was held: a small call whole, of a part the tail.
func (c *call) forward(ctx context.Context) error {
	if c.decision != calls.Forward || c.replay {
		return nil
	}
	if c.part {
		c.released = true
		if _, err := c.up.Write(c.in.Held()); err != nil {
			return c.lost(err)
		}
		c.gateway.pause("tail released")
		return nil
	}
	if err := c.connect(ctx, nil); err != nil {
		return err
	}
	if err := c.send(); err != nil {
		return c.again(ctx, err)
	}
	c.gateway.pause("tail released")
	return nil
}

// send sends a held call whole, blanked once.
func (c *call) send() error {
	if c.held == nil {
		c.held = c.wire.Blank(c.in.Held())
	}
	c.released = true
	err := c.up.Send(c.head(), c.held)
	if errors.Is(err, http1.ErrField) || errors.Is(err, http1.ErrOverrun) {
		c.released = false // nothing was written
	}
	return err
}

// reconnect takes a connection to another node, or a fresh one to the same if there is none: a kept
// connection may just have been closed.
func (c *call) reconnect(ctx context.Context) error {
	node, reused := c.node, c.up.Reused()
	err := c.connect(ctx, node)
	if err == nil || !reused {
		return err
	}
	up, fresh := node.up.Open(ctx, true)
	if fresh != nil {
		return errors.Join(err, fresh)
	}
	c.node, c.up = node, up
	return nil
}

// again sends a call that may be repeated to another node, once, after one failed before a byte of
// its answer.
func (c *call) again(ctx context.Context, err error) error {
	var up *http1.UpstreamError
	if !c.rule.Failover || c.part || c.retried || !errors.As(err, &up) || up.Started {
		return c.lost(err)
	}
	c.retried = true
	c.node.failed(err)
	c.up.Cut()
	if other := c.reconnect(ctx); other != nil {
		return c.parted(errors.Join(err, other))
	}
	if err := c.send(); err != nil {
		return c.lost(err)
	}
	return nil
}
