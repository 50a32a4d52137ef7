package relay

import (
	"context"

	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// forward sends what was held: a small call whole, of a part the tail.
func (c *call) forward(ctx context.Context) error {
	if !c.forwards() {
		return nil
	}
	if err := c.holds(ctx); err != nil {
		return err
	}
	if err := c.leaves(ctx); err != nil {
		return err
	}
	if err := c.release(ctx); err != nil {
		return err
	}
	c.relay.cfg.Pause("tail released")
	return nil
}

func (c *call) release(ctx context.Context) error {
	if c.engine.Streamed() {
		return c.engine.Release(ctx, c.in.Held())
	}
	c.address()
	return c.engine.Send(ctx, c.wire.Blank(c.in.Held()), c.forwardedLength())
}

// address names the call to the engine's side.
func (c *call) address() {
	c.engine.From = engine.Caller{
		Login: c.actsAs(), Addr: c.Addr, Shown: c.shown.Text(c.Addr), Ref: c.Ref, Site: c.site(), Level: c.req.Level,
	}
	c.engine.Request, c.engine.Home, c.engine.Failover = c.request, c.past.Home, c.rule.Failover
}

// forwardedLength is how long the call is without the stored password.
func (c *call) forwardedLength() int64 { return c.req.ContentLength - c.wire.BlankedSize() }

// receive reads the engine's reply and validates it. While the engine works, the publisher gets
// heartbeats.
func (c *call) receive(ctx context.Context) error {
	if !c.forwards() {
		return nil
	}
	begun := c.relay.cfg.Visits.Now()
	reply, err := c.engine.Await(ctx, c.policy.Heartbeat, c.live, c.out.Begun)
	c.answer.meter.Engine = c.relay.cfg.Visits.Now().Sub(begun)
	if err != nil {
		return err
	}
	c.relay.cfg.Pause("answer received")
	c.answer.status = reply.Status
	c.shares(&c.replyShare)
	got, err := c.engine.Read(reply, c.expected(c.rule.Returns, c.replyRoom, c.tell))
	c.answer.reply, c.answer.body, c.answer.void = got.Reply, got.Body, got.Unexecuted
	if got.End != "" {
		c.answer.end = got.End
	}
	if err != nil {
		return err
	}
	return c.rewriteReply()
}

// live is a sign of life for a publisher who may have gone: the engine goes on then, and its answer is
// kept.
func (c *call) live() {
	if !c.answer.gone {
		c.answer.gone = c.out.Beat() != nil
	}
}

func (c *call) expected(returns string, buffer []byte, room func(n int64) error) engine.Expected {
	lim := c.policy.Limits
	lim.Held = c.policy.ReplyMax
	return engine.Expected{Returns: returns, Line: c.line(), Limits: lim, Buffer: buffer, Room: room,
		Attaches: c.rule.Kind == calls.Enable || c.rule.Kind == calls.Disable}
}

// rewriteReply puts the address that browsers use into the one reply that carries the engine's own.
func (c *call) rewriteReply() error {
	if c.answer.reply == nil || c.rule.Method != "getGroupDisplayURL" {
		return nil
	}
	own, ok := c.answer.reply.Value.(string)
	if !ok {
		return nil
	}
	public := c.policy.Engine.BrowserURL(own, c.policy.BrowserURL)
	if public == own {
		return nil
	}
	body, err := liferay.AppendValue(nil, c.line(), public)
	c.answer.body = body
	return err
}
