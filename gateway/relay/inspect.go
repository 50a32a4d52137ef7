package relay

import (
	"context"
	"errors"

	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// inspect reads the call. A small one is held whole. The content of a part goes on to the engine
// while it comes, after what is known of it by then was judged; what follows it, the method, is
// held.
func (c *call) inspect(ctx context.Context) error {
	c.shares(&c.callShare)
	c.body.Source = c.conn
	c.in = &c.held
	c.in.Begin(&c.body, c.room, c.policy.Limits.Held)
	err := c.in.Charge(c.ask)
	if err == nil {
		err = c.said.Read(c.in, c.policy.Limits, c.part)
	}
	if err != nil {
		return problems.Unread(ctx, err)
	}
	c.wire = &c.said
	c.relay.cfg.Pause("envelope validated")
	return nil
}

// take takes memory for what is held of the call, or of its answer.
func (c *call) take(ctx context.Context, of *inflight.Share, n int64) error {
	err := of.Take(ctx, n)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return problems.Stopping(err)
	case errors.Is(err, inflight.ErrHuge):
		return problems.New(tunnel.Refused, problems.ReasonMemory, "the call takes more memory than one may", err)
	}
	return problems.New(tunnel.Refused, problems.ReasonMemory,
		"large calls that are under way take all memory that calls may have", err)
}

// shares begins a share of the memory of all calls, in place of what was there.
func (c *call) shares(of *inflight.Share) {
	of.Leave()
	c.relay.room.Begin(of, c.peer.Name, c.policy.CallMemory, c.policy.Heartbeat)
}

// stream judges a part by what stands before its content and sends it on. What it was judged as
// must come true behind it.
func (c *call) stream(ctx context.Context, p liferay.Part) error {
	c.wire, c.rule = p.Call, c.policy.Preset.Part()
	if err := c.reserve(ctx); err != nil {
		return err
	}
	content, err := c.watched(ctx, p.Content)
	if err != nil {
		return err
	}
	c.address()
	if err := c.engine.Stream(ctx, c.forwardedLength(), c.wire.Blank(p.Held)); err != nil {
		return err
	}
	c.relay.cfg.Pause("content forwarded")
	err = c.engine.Copy(content, p.Size)
	var told *tunnel.Problem
	if err == nil || errors.As(err, &told) {
		return err
	}
	return problems.Abandoned(err)
}

// reserve judges a part by what stands before its content, together with the parts of the same
// request that are still under way, and counts it among them.
func (c *call) reserve(ctx context.Context) error {
	c.read()
	release, err := c.relay.parts.Reserve(c.request, c.recall(ctx), func(others *inflight.Others) (inflight.Part, error) {
		return inflight.Part{Name: c.facts.Part, Size: c.facts.PartSize, Login: c.Login}, c.weigh(others)
	})
	if err == nil {
		c.reserved = release
		c.onEnd(release)
	}
	return err
}

// judge holds the whole call against the policy.
func (c *call) judge(ctx context.Context) error {
	m := c.wire.Method
	rule, refusal := c.policy.Preset.Match(m.Service, m.Name, m.Parameters)
	if refusal != nil {
		return problems.Refused(refusal)
	}
	c.rule, c.signature = rule, rule.Signature()
	if !c.wire.WrittenFor(c.policy.Build) {
		return problems.New(tunnel.Refused, problems.ReasonLine,
			"the publisher's portal is of another version line than the live one, which cannot read its calls", nil)
	}
	if err := c.weighAmong(ctx); err != nil {
		return err
	}
	if !c.relay.publishes.Allows(c.rule.Kind, c.request, c.Begun) {
		return problems.Stopping(nil)
	}
	return nil
}

// weighAmong is weigh, for a call that is not counted among the parts under way, or is already.
func (c *call) weighAmong(ctx context.Context) error {
	c.read()
	if !c.engine.Streamed() {
		return c.relay.parts.With(c.request, c.recall(ctx), c.weigh)
	}
	if err := c.recall(ctx)(); err != nil {
		return err
	}
	return c.weigh(&inflight.Others{})
}

// read notes what the call says of itself.
func (c *call) read() {
	c.facts = c.rule.Facts(rules.Said(&c.wire.Call, c.rule, c.Login))
	c.request = c.facts.Request
}

// recall returns how to ask for what is known of the ids that the call names.
func (c *call) recall(ctx context.Context) func() error {
	return func() (err error) {
		c.past, err = c.relay.cfg.Memory.Recall(ctx, memory.Question{Rule: c.rule, Facts: c.facts})
		if err != nil {
			return problems.Unreadable(err)
		}
		return nil
	}
}

// reachable makes sure that there is an engine for what it is to carry out.
func (c *call) reachable(context.Context) error {
	if c.decision != calls.Forward || c.engine.Streamed() || c.policy.Engine.Pool.Up() {
		return nil
	}
	return engine.Down(nil)
}

// weigh judges the call by its rule, what is known of the ids that it names, and the other parts of
// its request that are under way.
func (c *call) weigh(others *inflight.Others) error {
	c.past.Among(others, c.facts.Part, c.policy.Abandoned)
	decision, refusal := c.rule.JudgeIn(&c.judges, rules.Said(&c.wire.Call, c.rule, c.Login), c.peer.Peer, c.past.Known)
	if refusal != nil {
		return problems.Refused(refusal)
	}
	c.decision = decision
	return nil
}
