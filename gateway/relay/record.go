package relay

import (
	"context"
	"errors"
	"strings"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/relay/digest"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// repeat lets the first of equal calls pass and gives its duplicates its answer: Java's client sends
// a POST again when the connection closed before a byte of the answer, and some calls must not be
// carried out twice (call rules, section 6).
func (c *call) repeat(ctx context.Context) error {
	if c.decision != calls.Forward || c.rule.Kind == calls.Read {
		return nil
	}
	call := once.Call{
		Key: store.RepeatKey{
			Login: c.Login, KeyID: c.KeyID, Method: c.signature, Digest: c.digest(),
		},
		Scope: c.scope(c.facts.Scope()), Reference: c.Ref, Begun: c.Begun,
	}
	if !c.rule.Guarded {
		if err := c.relay.cfg.Once.Moved(ctx, call); err != nil {
			return c.unclaimed(ctx, err)
		}
		return nil
	}
	turn, err := c.relay.cfg.Once.Claim(ctx, call, c.policy.Heartbeat, c.out.Beat)
	if err != nil {
		return c.unclaimed(ctx, err)
	}
	c.turn = turn
	if !turn.First() {
		c.answer.meter.Repeat = metrics.Answered
		if turn.Waited() {
			c.answer.meter.Repeat = metrics.Waited
		}
		c.answer.body, c.answer.end = turn.Answer(), "repeat of "+turn.Reference()
		return nil
	}
	if c.conn.Gone() { // its client has sent it again, or given up
		return problems.Abandoned(nil)
	}
	return nil
}

// unclaimed is a call whose equal one it cannot follow.
func (c *call) unclaimed(ctx context.Context, err error) error {
	var unknown *once.UnknownError
	var unwritten *once.StoreError
	switch {
	case errors.As(err, &unknown):
		c.answer.meter.Repeat = metrics.Unknown
		return tunnel.MayHaveRun(problems.ReasonUnknown, unknown.Error(), nil)
	case errors.Is(err, store.ErrStale):
		return problems.LeaseLost(err)
	case ctx.Err() != nil && errors.As(err, &unwritten): // the store has nothing: it was not asked
		return problems.Stopping(err)
	case ctx.Err() != nil:
		return tunnel.MayHaveRun(problems.ReasonDraining, "the gateway is stopping while an equal call runs", nil)
	case errors.As(err, &unwritten):
		return c.relay.cfg.Visits.Unwritten(err)
	}
	return problems.New(tunnel.BadRequest, problems.ReasonCut, "the client went away", err)
}

// holds refuses a guarded call whose duplicates may have been told that nobody knows.
func (c *call) holds(ctx context.Context) error {
	if c.turn == nil || c.turn.Holds() {
		return nil
	}
	if err := c.patiently(func() error { return c.turn.Again(ctx) }); err != nil {
		return problems.LeaseLost(err)
	}
	return nil
}

// patiently runs what may wait for a store that is away, with signs of life for the publisher.
func (c *call) patiently(f func() error) error {
	return c.patience.With(c.policy.Heartbeat, c.beat, f)
}

func (c *call) digest() string {
	if c.engine.Streamed() {
		return c.body.Streamed()
	}
	return digest.Whole(c.in.Held())
}

// scope is what a repeat belongs to, by login and key: another call of theirs on the same request or
// site ends it.
func (c *call) scope(of string) string {
	if of == "" {
		return ""
	}
	return of + "\n" + c.Login + "\n" + c.KeyID
}

// settle ends the turn of a call, before its answer is written. A call that the engine cannot have
// begun, or turned away before it did anything, leaves nothing to repeat.
func (c *call) settle(ctx context.Context) {
	if c.turn == nil {
		return
	}
	err := c.turn.Finish(ctx, once.Result{Carried: c.engine.Released() && !c.answer.void, Answer: c.answer.body})
	if err != nil {
		c.relay.cfg.Log.WithError(err).WithField("req", c.Ref).Warn("a call that was not carried out stays noted")
	}
}

// keepRefusal keeps the refusal of a call that the engine may have carried out, for its duplicates.
func (c *call) keepRefusal(ctx context.Context) {
	if c.turn == nil || c.duplicate() || !c.engine.Released() {
		return
	}
	if err := c.turn.Record(ctx, c.answer.body); err != nil {
		c.relay.cfg.Log.WithError(err).WithField("req", c.Ref).Error("an answer cannot be kept for a repeat")
	}
}

// record writes the verdict before the engine can act on the call.
func (c *call) record(ctx context.Context) error {
	v := visit.Verdict{Verdict: audit.Allow, Fields: c.noted(), Reads: c.rule.Kind == calls.Read}
	switch c.decision {
	case calls.AnswerVoid:
		v.Verdict, v.Reason = audit.Answer, problems.ReasonAnswered
		v.Detail = "answered by the gateway: " + c.rule.Kind.String()
	case calls.Spare:
		v.Verdict, v.Reason = audit.Answer, problems.ReasonShared
		v.Detail = "answered by the gateway: the request is left to " + strings.Join(c.past.Request.Owners, ", ")
	}
	if c.duplicate() {
		v.Verdict, v.Reason, v.Detail = audit.Answer, problems.ReasonRepeat, c.answer.end
	}
	begun := c.relay.cfg.Visits.Now()
	if err := c.patiently(func() error { return c.Allow(ctx, c, v) }); err != nil {
		return err
	}
	c.answer.meter.Verdict, c.answer.meter.Reason = string(v.Verdict), string(v.Reason)
	c.answer.meter.Record = c.relay.cfg.Visits.Now().Sub(begun)
	if c.answer.gone { // while the log was waited for
		return problems.Abandoned(nil)
	}
	c.relay.cfg.Pause("record committed")
	return nil
}

// keep writes down what later calls are held against, before the answer leaves.
func (c *call) keep(ctx context.Context) error {
	if !c.forwards() {
		return nil
	}
	if c.rule.Kind != calls.Read || c.teaches() {
		if err := c.patiently(func() error { return c.keepAll(ctx) }); err != nil {
			return problems.New(tunnel.BadAnswer, visit.ReasonStore,
				"the call was carried out, but the gateway cannot write its store", err)
		}
	}
	c.relay.cfg.Pause("answer recorded")
	return nil
}

// keepAll writes all of it. The answer of a guarded call comes last, as its duplicates rely on the rest; that of a
// part shares the commit of its row, so that the disk is waited for once.
func (c *call) keepAll(ctx context.Context) error {
	seen := c.keepSight(ctx)
	switch {
	case c.turn == nil || c.answer.void || seen != nil:
		return errors.Join(seen, c.keepRequest(ctx))
	case c.rule.Kind == calls.Update && c.answer.reply != nil && c.answer.reply.Thrown == nil:
		return c.turn.RecordWith(ctx, c.answer.body, c.keepRequest)
	}
	return errors.Join(c.keepRequest(ctx), c.turn.Record(ctx, c.answer.body))
}

// teaches reports whether the answer of a call that reads tells later calls something.
func (c *call) teaches() bool {
	r := c.answer.reply
	return r != nil && r.Thrown == nil && c.rule.Lesson(c.facts, c.past.Known).Learnt != calls.LearntNothing
}

func (c *call) keepRequest(ctx context.Context, answers ...store.Answer) error {
	if c.answer.reply == nil || c.answer.reply.Thrown != nil {
		return nil
	}
	memory := c.relay.cfg.Memory
	if err := memory.Learn(ctx, c.rule.Lesson(c.facts, c.past.Known), c.answer.reply.ID()); err != nil {
		return err
	}
	switch c.rule.Kind {
	case calls.Create:
		return c.created(ctx)
	case calls.Update:
		part := store.Part{Name: c.facts.Part, Size: c.facts.PartSize, Width: c.facts.PartWidth, Login: c.Login}
		if err := memory.Accepted(ctx, c.request, part, answers...); err != nil {
			return err
		}
		if c.reserved != nil {
			c.reserved() // it is among the accepted ones now
		}
		return nil
	case calls.CleanUp:
		c.relay.publishes.Ended(c.request)
		return errors.Join(memory.CleanedUp(ctx, c.request), c.relay.cfg.Sights.Forget(ctx, c.request))
	}
	return nil
}

func (c *call) created(ctx context.Context) error {
	id := c.answer.reply.ID()
	c.request = id
	c.relay.publishes.Begun(id, c.Begun)
	if err := c.relay.cfg.Once.Moved(ctx, once.Call{Scope: c.scope(calls.RequestScope(id)), Begun: c.Begun}); err != nil {
		return err
	}
	return c.relay.cfg.Memory.Created(ctx, store.Request{
		ID: id, Site: c.facts.Site, Checksum: c.facts.Checksum, Peer: c.peer.Name, Logins: []string{c.Login},
		Upstream: c.engine.Node(),
	})
}
