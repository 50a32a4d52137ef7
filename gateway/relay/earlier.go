package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/relay/cleanup"
	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// touchInterval is how often the store is told of requests that have calls under way.
const touchInterval = 30 * time.Second

// touch tells the store, for other gateways and for later, which requests are in use.
func (r *Relay) touch(ctx context.Context) {
	ids := r.requests.All()
	if len(ids) == 0 {
		return
	}
	if err := r.cfg.Memory.Used(ctx, ids...); err != nil {
		r.cfg.Log.WithError(err).Warn("requests in use cannot be noted")
	}
}

// busy reports whether a call of a staging request is under way.
func (r *Relay) busy(request int64) bool { return r.requests.Has(request) || r.parts.Has(request) }

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
		r, err := c.relay.cfg.Memory.Find(ctx, c.facts.Site, c.facts.Checksum)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return problems.Unreadable(err)
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

// inUse notes that the request of the call is in use until the call has ended, also for other
// gateways, unless one of them or this one is just cleaning it up.
func (c *call) inUse(ctx context.Context) error {
	r, kind := c.relay, c.rule.Kind
	leave, ok := r.requests.Enter(c.request)
	if !ok && kind != calls.CleanUp {
		return tookItsPlace()
	}
	touch := func(ctx context.Context) {
		if err := r.cfg.Memory.Used(ctx, c.request); err != nil {
			r.cfg.Log.WithError(err).WithField("req", c.Ref).Warn("a request in use cannot be noted")
		}
	}
	if c.past.Idle > touchInterval && kind != calls.CleanUp {
		touch(ctx)
		if err := c.notCleanedUp(ctx); err != nil {
			leave()
			return err
		}
	}
	c.onEnd(func() {
		if kind == calls.Validate || kind == calls.Publish { // what a part writes says so itself
			touch(context.WithoutCancel(ctx))
		}
		r.publishes.Again(c.request, r.cfg.Visits.Now())
		leave()
	})
	return nil
}

func tookItsPlace() error {
	return problems.New(
		tunnel.Refused,
		problems.ReasonPublishing,
		"this publish went on after a long pause, when another one of the "+
			"same archive had taken its place",
		nil,
	)
}

// notCleanedUp makes sure that no other gateway is just cleaning the request up. What begins to do so from
// now on finds it in use.
func (c *call) notCleanedUp(ctx context.Context) error {
	leave, err := c.relay.cfg.Memory.Alone(ctx, c.request, c.Ref)
	for n := 0; errors.Is(err, store.ErrStale) && n < momentTries; n++ { // another call looks, as this one does
		if err := pause(ctx, momentPause); err != nil {
			return err
		}
		leave, err = c.relay.cfg.Memory.Alone(ctx, c.request, c.Ref)
	}
	switch {
	case errors.Is(err, store.ErrStale):
		return tookItsPlace()
	case err != nil:
		return problems.Unreadable(err)
	}
	if err := leave(ctx); err != nil {
		return problems.Unreadable(err)
	}
	now, err := c.relay.cfg.Memory.Request(ctx, c.request)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return problems.Unreadable(err)
	}
	if err != nil || !now.CleanedAt.IsZero() {
		return tookItsPlace()
	}
	return nil
}

// momentTries and momentPause are how a call waits for others that only look, too.
const momentTries, momentPause = 20, 25 * time.Millisecond

// elsewherePause is how long a create waits before it looks again what another gateway made of an
// abandoned publish.
const elsewherePause = 200 * time.Millisecond

// cleanUpAlone cleans an abandoned publish up, unless another call does or anything has become of it.
// Again reports that what was found is out of date.
func (c *call) cleanUpAlone(ctx context.Context, found store.Request) (again bool, err error) {
	leave, other := c.relay.requests.Alone(found.ID)
	if other != nil {
		return true, c.awaitOther(ctx, other)
	}
	if leave == nil {
		return true, nil
	}
	defer leave()
	giveBack, err := c.relay.cfg.Memory.Alone(ctx, found.ID, c.Ref)
	if errors.Is(err, store.ErrStale) { // another gateway does, or has a call of it
		over := make(chan struct{})
		defer time.AfterFunc(elsewherePause, func() { close(over) }).Stop()
		return true, c.awaitOther(ctx, over)
	}
	if err != nil {
		return false, problems.Unreadable(err)
	}
	defer func() {
		if err := giveBack(context.WithoutCancel(ctx)); err != nil {
			c.relay.cfg.Log.WithError(err).WithField("req", c.Ref).Warn("a request stays taken for a while")
		}
	}()
	now, err := c.relay.cfg.Memory.Request(ctx, found.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, problems.Unreadable(err)
	}
	if err != nil || !now.CleanedAt.IsZero() || now.Idle < c.policy.Abandoned || c.relay.parts.Has(found.ID) {
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
			return problems.Stopping(context.Cause(ctx))
		case <-t.C:
			if err := c.out.Beat(); err != nil {
				return problems.Abandoned(err)
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
		r.CreatedAt.UTC().Format("15:04:05 UTC"), by(r), max(left.Round(time.Second), time.Second))
	return problems.New(tunnel.Refused, problems.ReasonPublishing, msg, nil)
}

func by(r store.Request) string {
	if len(r.Logins) == 0 {
		return r.Peer
	}
	return r.Logins[len(r.Logins)-1] + " of " + r.Peer
}

// cleanUpAbandoned has the engine delete what an abandoned publish left, under the login of the one
// that begins.
func (c *call) cleanUpAbandoned(ctx context.Context, r store.Request) error {
	own := cleanup.Call{
		Service: c.wire.Method.Service, Build: c.policy.Build, Found: r,
		From: engine.Caller{Login: c.actsAs(), Addr: c.Addr, Site: r.Site}, Engine: &c.policy.Engine,
		Expected: c.expected("void", nil), Heartbeat: c.policy.Heartbeat, Live: c.live, Begun: c.out.Begun,
		Because: "before call " + c.Ref + ": the publish of " + by(r) + " was abandoned",
	}
	if err := own.Run(ctx, c.Visit.Own()); err != nil {
		return err
	}
	moved := once.Call{Scope: c.scope(calls.RequestScope(r.ID)), Begun: c.Begun}
	cfg := &c.relay.cfg
	err := errors.Join(cfg.Memory.CleanedUp(ctx, r.ID), cfg.Sights.Forget(ctx, r.ID), cfg.Once.Moved(ctx, moved))
	if err != nil {
		return c.relay.cfg.Visits.Unwritten(err)
	}
	c.relay.publishes.Ended(r.ID)
	return nil
}
