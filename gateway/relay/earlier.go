package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// touchInterval is how often the store is told of requests that have calls under way.
const touchInterval = 30 * time.Second

// touch tells the store, for other gateways and for later, which requests are in use.
func (r *Relay) touch(ctx context.Context) {
	ids := r.requests.all()
	if len(ids) == 0 {
		return
	}
	if err := r.cfg.Requests.Touch(ctx, ids...); err != nil {
		r.cfg.Log.WithError(err).Warn("requests in use cannot be noted")
	}
}

// busy reports whether a call of a staging request is under way.
func (r *Relay) busy(request int64) bool { return r.requests.has(request) || r.parts.has(request) }

// earlier looks whether the archive of a create is being published already: a second publish of it
// would meet the first one's parts, and the end of either delete what the other needs. One that was
// abandoned is cleaned up first (call rules, section 2).
func (c *call) earlier(ctx context.Context) error {
	if c.decision != calls.Forward {
		return nil
	}
	if c.request != 0 && c.rule.Kind != calls.Read {
		return c.inUse(ctx)
	}
	if c.rule.Kind != calls.Create {
		return nil
	}
	for {
		r, err := c.relay.cfg.Requests.Find(ctx, c.facts.Site, c.facts.Checksum)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		busy := c.relay.busy(r.ID)
		switch {
		case !busy && r.PartCount == 0:
			return nil
		case busy || r.Idle < c.policy.Abandoned:
			return c.publishedNow(r, busy)
		}
		if again, err := c.cleanUpAlone(ctx, r); !again || err != nil {
			return err
		}
	}
}

func unreadable(err error) error {
	return unavailable(visit.ReasonStore, "the gateway cannot read its store", err)
}

// inUse notes that the request of the call is in use until the call has ended, also for other
// gateways, unless one of them or this one is just cleaning it up.
func (c *call) inUse(ctx context.Context) error {
	r, kind := c.relay, c.rule.Kind
	leave, ok := r.requests.enter(c.request)
	if !ok && kind != calls.CleanUp {
		return problem(tunnel.Refused, ReasonPublishing, "this publish went on after a long pause, when another one of the "+
			"same archive had taken its place", nil)
	}
	touch := func(ctx context.Context) {
		if err := r.cfg.Requests.Touch(ctx, c.request); err != nil {
			r.cfg.Log.WithError(err).WithField("req", c.Ref).Warn("a request in use cannot be noted")
		}
	}
	if c.idle > touchInterval && kind != calls.CleanUp {
		touch(ctx)
	}
	c.onEnd(func() {
		if kind == calls.Validate || kind == calls.Publish { // what a part writes says so itself
			touch(context.WithoutCancel(ctx))
		}
		r.publishes.again(c.request, r.cfg.Visits.Now())
		leave()
	})
	return nil
}

// cleanUpAlone cleans an abandoned publish up, unless another call does or anything has become of it.
// Again reports that what was found is out of date.
func (c *call) cleanUpAlone(ctx context.Context, found store.Request) (again bool, err error) {
	leave, other := c.relay.requests.alone(found.ID)
	if other != nil {
		return true, c.awaitOther(ctx, other)
	}
	if leave == nil {
		return true, nil
	}
	defer leave()
	now, err := c.relay.cfg.Requests.Request(ctx, found.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, unreadable(err)
	}
	if err != nil || !now.CleanedAt.IsZero() || now.Idle < c.policy.Abandoned || c.relay.parts.has(found.ID) {
		return true, nil
	}
	return false, c.cleanUpAbandoned(ctx, now)
}

// awaitOther waits for another call to clean up, with signs of life for the publisher.
func (c *call) awaitOther(ctx context.Context, done <-chan struct{}) error {
	t := time.NewTicker(c.policy.Heartbeat)
	defer t.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return unavailable(ReasonDraining, "the gateway is stopping", context.Cause(ctx))
		case <-t.C:
			if err := c.beat(); err != nil {
				return abandoned(err)
			}
		}
	}
}

func (c *call) publishedNow(r store.Request, busy bool) error {
	left := c.policy.Abandoned
	if !busy {
		left -= r.Idle
	}
	msg := fmt.Sprintf("this archive is being published now, since %s, by %s; if that publish is dead, try again in %s",
		r.CreatedAt.UTC().Format("15:04:05 UTC"), by(r), left.Round(time.Second))
	return problem(tunnel.Refused, ReasonPublishing, msg, nil)
}

func by(r store.Request) string {
	if len(r.Logins) == 0 {
		return r.Peer
	}
	return r.Logins[len(r.Logins)-1] + " of " + r.Peer
}

// ownCall is a call that the gateway makes for a publisher.
type ownCall struct {
	wire  *liferay.Call
	found store.Request
	node  string
	end   string
	out   int64
}

// Describe adds what the call is.
func (o *ownCall) Describe(ev *audit.Event) {
	ev.Method, ev.Request, ev.Site = o.wire.Method.Signature(), o.found.ID, o.found.Site
	ev.Checksum, ev.Upstream, ev.BytesIn = o.found.Checksum, o.node, o.out
	if ev.Kind == audit.KindOutcome {
		ev.End = o.end
	}
}

// cleanUpAbandoned has the engine delete what an abandoned publish left, under the login of the one
// that begins.
func (c *call) cleanUpAbandoned(ctx context.Context, r store.Request) error {
	m := tunnel.Method{Service: c.wire.Method.Service, Name: "cleanUpStagingRequest", Parameters: []string{"long"}}
	wire, err := liferay.NewCall(c.policy.Build, liferay.Principal{Login: c.Login}, m, r.ID)
	if err != nil {
		return unavailable(ReasonFault, "the gateway failed", err)
	}
	body, err := wire.Append(nil)
	if err != nil {
		return unavailable(ReasonFault, "the gateway failed", err)
	}
	own := &ownCall{wire: wire, found: r, out: int64(len(body))}
	v := c.Visit.Own()
	if err := v.Allow(ctx, own, visit.Verdict{
		Verdict: audit.Allow, Reason: ReasonAbandoned,
		Detail: "the gateway's own call, before call " + c.Ref + ": the publish of " + by(r) + " was abandoned",
	}); err != nil {
		return err
	}
	defer v.Close(ctx, own, func() {})
	if err := c.callEngine(ctx, v.Ref, own, body); err != nil {
		own.end = string(asProblem(err).Reason)
		return err
	}
	moved := once.Call{Scope: c.scope(calls.RequestScope(r.ID)), Begun: c.Begun}
	if err := errors.Join(c.relay.cfg.Requests.CleanUp(ctx, r.ID), c.relay.cfg.Once.Moved(ctx, moved)); err != nil {
		return c.relay.cfg.Visits.Unwritten(err)
	}
	c.relay.publishes.ended(r.ID)
	return nil
}

// callEngine sends a call of the gateway's own and reads its answer. An exception is one too: what was
// to be deleted may be gone.
func (c *call) callEngine(ctx context.Context, ref string, own *ownCall, body []byte) error {
	m := c.policy.Engine.Pool.Pick(own.found.ID, own.found.Upstream, nil)
	if m == nil {
		return unavailable(ReasonDown, "the live engine cannot be reached", nil)
	}
	x, err := m.Open(ctx, false)
	if err != nil {
		m.Failed(err)
		return unavailable(ReasonDown, "the live engine cannot be reached", err)
	}
	defer m.Ended()
	defer x.Done()
	own.node = m.Name()
	head := c.headFor(m, ref, int64(len(body)))
	if err := x.Send(head, body); err != nil {
		m.Failed(err)
		return unavailable(ReasonDown, "the live engine went away", err)
	}
	reply, err := c.awaitOf(ctx, x)
	if err != nil {
		return unavailable(ReasonDown, "the live engine went away", err)
	}
	m.Answered()
	lim := c.policy.Limits
	lim.Held = c.policy.ReplyMax
	r, err := liferay.ReadReply(javaser.NewInput(reply, nil, c.policy.ReplyMax), lim, "void", false)
	if reply.Status != 200 || err != nil {
		x.Cut()
		return unavailable(ReasonFailing, "what an abandoned publish left on the live engine cannot be cleaned up", err)
	}
	if r.Thrown != nil && r.Thrown.Type == liferay.TypeWrongSecret {
		return unavailable(ReasonRefusing, "the live engine does not accept the gateway's own secret", r.Thrown)
	}
	own.end = "answered"
	if r.Thrown != nil {
		own.end = "exception " + r.Thrown.Class
	}
	return nil
}

// awaitOf waits for a reply, with signs of life for the publisher.
func (c *call) awaitOf(ctx context.Context, x *http1.Exchange) (*http1.Reply, error) {
	for {
		there, err := x.Await(ctx, c.policy.Heartbeat)
		if err != nil {
			return nil, err
		}
		if there {
			return x.Reply(ctx)
		}
		if !c.answer.gone {
			c.answer.gone = c.beat() != nil
		}
	}
}
