package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// settleTime is how long an equal call waits to see whether the connection of the first one's
// answer breaks: Java's client repeats a call at the moment it does.
const settleTime = 500 * time.Millisecond

// repeat lets the first of equal calls pass and gives its twins its answer: Java's client sends a
// POST again when the connection closed before a byte of the answer, and some calls must not be
// carried out twice (call rules section 6).
func (c *call) repeat(ctx context.Context) error {
	if c.decision != calls.Forward {
		return nil
	}
	c.key = store.RepeatKey{
		Login: c.id.Login, KeyID: c.id.KeyID, Method: c.wire.Method.Signature(), Digest: c.digest(),
	}
	if scope := c.scope(); scope != "" {
		young := c.begun.Sub(c.gateway.flights.since) < c.policy.RepeatKeep
		if err := c.gateway.flights.endScope(ctx, scope, c.key, young); err != nil {
			return c.gateway.unwritten(err)
		}
	}
	for c.rule.Guarded {
		fl, own := c.gateway.flights.board(c.key, c.scope(), c.ref)
		if own {
			c.flight = fl
			return c.begin(ctx)
		}
		if done, err := c.follow(ctx, fl); done || err != nil {
			return err
		}
	}
	return nil
}

func (c *call) digest() string {
	if c.part {
		return c.body.streamed()
	}
	return whole(c.in.Held())
}

// scope is what a repeat belongs to: another call of the same login on the same request or site
// ends it.
func (c *call) scope() string {
	scope := c.rule.Scope(c.facts)
	if scope == "" {
		return ""
	}
	return scope + "\n" + c.id.Login
}

// follow takes the answer of an equal call, and says whether there is one to take: that call may
// not have been carried out, or its answer may have arrived, and then this one is a call of its
// own.
func (c *call) follow(ctx context.Context, fl *flight) (done bool, err error) {
	waited := false
	select {
	case <-fl.done:
	default:
		waited = true
		if err := c.await(ctx, fl.done); err != nil {
			return false, err
		}
	}
	f := c.gateway.flights
	left := f.state(fl)
	if left.carried && !waited && left.held && !c.breaks(ctx, fl) {
		f.forget(ctx, fl)
		left.leaving = true
	}
	if !left.carried || left.leaving && !waited {
		return false, c.await(ctx, fl.gone)
	}
	if left.unknown {
		c.owed = fl
		return true, interrupted(fl.ref)
	}
	c.takes(fl, left.answer)
	return true, nil
}

// interrupted is what the repeats of a call are told that was under way when the gateway stopped.
func interrupted(ref string) error {
	return uncertain(ReasonUnknown, "the same call was under way when the gateway stopped (first call: "+
		ref+"); look at the live site before you publish again", nil)
}

// breaks waits a little and says whether the connection that holds the answer ends without a sign
// that the answer arrived.
func (c *call) breaks(ctx context.Context, fl *flight) bool {
	t := time.NewTimer(settleTime)
	defer t.Stop()
	holder := c.gateway.flights.holder(fl)
	if holder == nil {
		return true
	}
	select {
	case <-holder.over:
	case <-fl.gone:
	case <-ctx.Done():
	case <-t.C:
	}
	if left := c.gateway.flights.state(fl); left.leaving || !left.held {
		return !left.leaving
	}
	return !holder.acknowledged()
}

// takes makes the answer of an equal call this one's.
func (c *call) takes(fl *flight, answer []byte) {
	c.replay, c.answer, c.end = true, answer, "repeat of "+fl.ref
	c.owed = fl
}

// begin keeps the call as running, or takes over what the store knows of the process before.
func (c *call) begin(ctx context.Context) error {
	rep := store.Repeat{
		Key: c.key, Scope: c.flight.scope, Reference: c.ref, State: store.RepeatRunning, StartedAt: c.begun,
	}
	known, fresh, err := c.gateway.repeats.Begin(ctx, rep)
	if err != nil {
		return c.gateway.unwritten(err)
	}
	if fresh {
		return nil
	}
	if known.State == store.RepeatAnswered && c.begun.Sub(known.AnsweredAt) > c.policy.RepeatKeep {
		if err := c.gateway.repeats.End(ctx, c.key); err != nil {
			return c.gateway.unwritten(err)
		}
		return c.begin(ctx)
	}
	c.flight.ref = known.Reference
	if known.State == store.RepeatAnswered {
		c.takes(c.flight, known.Answer)
		return nil
	}
	c.unknown = true
	return interrupted(known.Reference)
}

// await waits for another call, with heartbeats.
func (c *call) await(ctx context.Context, done <-chan struct{}) error {
	t := time.NewTicker(c.policy.Heartbeat)
	defer t.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return uncertain(ReasonDraining, "the gateway is stopping while an equal call runs", nil)
		case <-t.C:
			if err := c.beat(); err != nil {
				return problem(tunnel.BadRequest, ReasonCut, "the client went away", err)
			}
		}
	}
}

// keepRefusal keeps the refusal of a call that the engine may have carried out, for its twin.
func (c *call) keepRefusal(ctx context.Context) {
	if c.flight == nil || c.replay || !c.released && !c.unknown {
		return
	}
	c.owed = c.flight
	if c.unknown {
		return // its row stays until this answer was delivered
	}
	err := c.gateway.repeats.Answer(context.WithoutCancel(ctx), c.key, c.answer, c.gateway.now())
	if err != nil && !errors.Is(err, store.ErrStale) {
		c.gateway.entry.WithError(err).WithField("req", c.ref).Error("an answer cannot be kept for a repeat")
	}
}

// landed ends the call's flight, before its answer is written: what the client does next must find
// it ended. A call that the engine cannot have begun leaves nothing to repeat.
func (c *call) landed(ctx context.Context) {
	if c.flight == nil {
		if c.owed != nil {
			c.gateway.flights.hold(c.owed, c.session)
		}
		return
	}
	left := trace{carried: c.replay || c.released || c.unknown, unknown: c.unknown, answer: c.answer}
	c.gateway.flights.land(ctx, c.flight, left, c.session, c.gateway.now())
	c.flight = nil
}

// unwritable tells a publisher that nothing can be written down, so nothing is carried out.
func unwritable(err error) error {
	if errors.Is(err, store.ErrFull) {
		return unavailable(ReasonStore, "the gateway's disk is full", err)
	}
	return unavailable(ReasonStore, "the gateway cannot write its store", err)
}
