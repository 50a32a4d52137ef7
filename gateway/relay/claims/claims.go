package claims

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/relay/waiting"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

const (
	// Interval is how often the store is told of requests that have calls under way.
	Interval = 30 * time.Second
	// momentTries and momentPause are how a call waits for others that only look, too.
	momentTries, momentPause = 20, 25 * time.Millisecond
	// elsewherePause is how long a create waits before it looks again what another gateway made of an
	// abandoned publish.
	elsewherePause = 200 * time.Millisecond
)

// Claims of the staging requests. It is safe for concurrent use.
type Claims struct {
	memory   *memory.Memory
	parts    *inflight.Parts
	log      *logrus.Entry
	requests inflight.Requests
}

// New returns the Claims of a process, whose parts under way are in parts. Nobody has any yet.
func New(m *memory.Memory, parts *inflight.Parts, log *logrus.Entry) *Claims {
	return &Claims{memory: m, parts: parts, log: log}
}

// Touch tells the store, for other gateways and for later, which requests are in use.
func (c *Claims) Touch(ctx context.Context) {
	ids := c.requests.All()
	if len(ids) == 0 {
		return
	}
	if err := c.memory.Used(ctx, ids...); err != nil {
		c.log.WithError(err).Warn("requests in use cannot be noted")
	}
}

// Busy reports whether a call of a staging request is under way in this process.
func (c *Claims) Busy(request int64) bool { return c.requests.Has(request) || c.parts.Has(request) }

// Use is a call of a staging request.
type Use struct {
	Ref     string // of the call
	Request int64
	Kind    calls.Kind
	Idle    time.Duration // how long the store has not been told of the request
}

// Enter notes that a request is in use until leave is called, also for other gateways, unless one of them
// or this one is just cleaning it up.
func (c *Claims) Enter(ctx context.Context, u Use) (leave func(), err error) {
	out, ok := c.requests.Enter(u.Request)
	if !ok && u.Kind != calls.CleanUp {
		return nil, tookItsPlace()
	}
	if u.Idle > Interval && u.Kind != calls.CleanUp {
		c.used(ctx, u)
		if err := c.notCleanedUp(ctx, u); err != nil {
			out()
			return nil, err
		}
	}
	return func() {
		if u.Kind == calls.Validate || u.Kind == calls.Publish { // what a part writes says so itself
			c.used(context.WithoutCancel(ctx), u)
		}
		out()
	}, nil
}

func (c *Claims) used(ctx context.Context, u Use) {
	if err := c.memory.Used(ctx, u.Request); err != nil {
		c.log.WithError(err).WithField("req", u.Ref).Warn("a request in use cannot be noted")
	}
}

// notCleanedUp makes sure that no other gateway is just cleaning the request up. What begins to do so from
// now on finds it in use.
func (c *Claims) notCleanedUp(ctx context.Context, u Use) error {
	leave, err := c.memory.Alone(ctx, u.Request, u.Ref)
	for n := 0; errors.Is(err, store.ErrStale) && n < momentTries; n++ { // another call looks, as this one does
		if err := waiting.For(ctx, momentPause); err != nil {
			return err
		}
		leave, err = c.memory.Alone(ctx, u.Request, u.Ref)
	}
	switch {
	case errors.Is(err, store.ErrStale): // it cleans up, or only looked and died
		return tunnel.NotBegun(problems.ReasonPublishing,
			"another gateway looks whether this publish may go on after a long pause, or cleans up after it", nil)
	case err != nil:
		return problems.Unreadable(err)
	}
	if err := leave(ctx); err != nil {
		return problems.Unreadable(err)
	}
	now, err := c.memory.Request(ctx, u.Request)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return problems.Unreadable(err)
	}
	if err != nil || !now.CleanedAt.IsZero() {
		return tookItsPlace()
	}
	return nil
}

func tookItsPlace() error {
	return problems.New(tunnel.Refused, problems.ReasonPublishing,
		"this publish went on after a long pause, when another one of the same archive had taken its place", nil)
}
