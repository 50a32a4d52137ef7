package relay

import (
	"context"
	"errors"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/relay/claims"
	"github.com/stagelock/stagelock/gateway/relay/cleanup"
	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/relay/waiting"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
)

// earlier holds the call's request in use until it ends, and a create back whose archive is being published
// already.
func (c *call) earlier(ctx context.Context) error {
	switch {
	case c.decision != calls.Forward:
		return nil
	case c.request != 0 && c.rule.Kind != calls.Read:
		return c.inUse(ctx)
	case c.rule.Kind != calls.Create:
		return nil
	}
	return c.relay.claims.Begin(ctx, claims.Create{
		Ref: c.Ref, Site: c.facts.Site, Checksum: c.facts.Checksum, Abandoned: c.policy.Abandoned,
		Wait: func(ctx context.Context, done <-chan struct{}) error {
			return waiting.Until(ctx, done, c.policy.Heartbeat, c.out.Beat)
		},
		CleanUp: c.cleanUpAbandoned,
	})
}

func (c *call) inUse(ctx context.Context) error {
	r := c.relay
	leave, err := r.claims.Enter(ctx, claims.Use{Ref: c.Ref, Request: c.request, Kind: c.rule.Kind, Idle: c.past.Idle})
	if err != nil {
		return err
	}
	c.onEnd(func() {
		r.publishes.Again(c.request, r.cfg.Visits.Now())
		leave()
	})
	return nil
}

// cleanUpAbandoned has the engine delete what an abandoned publish left, under the login of the one
// that begins.
func (c *call) cleanUpAbandoned(ctx context.Context, r store.Request) error {
	c.shares(&c.replyShare)
	own := cleanup.Call{
		Service: c.wire.Method.Service, Build: c.policy.Build, Found: r,
		From: engine.Caller{Login: c.actsAs(), Addr: c.Addr, Site: r.Site}, Engine: &c.policy.Engine,
		Expected: c.expected("void", nil, c.tell), Heartbeat: c.policy.Heartbeat, Live: c.live, Begun: c.out.Begun,
		Because: "before call " + c.Ref + ": the publish of " + claims.By(r) + " was abandoned",
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
