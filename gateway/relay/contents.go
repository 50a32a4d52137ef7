package relay

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/archive/glimpse"
	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/levels"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// actsAs is the login under which live is called for the one that came.
func (c *call) actsAs() string {
	if c.peer == nil {
		return c.Login
	}
	return c.peer.Principals.Login(c.Login)
}

// noted is what the verdict tells beside the facts of the call.
func (c *call) noted() map[string]string {
	fields := maps.Clone(c.facts.Event)
	add := func(name, value string) {
		if fields == nil {
			fields = map[string]string{}
		}
		fields[name] = value
	}
	if as := c.actsAs(); as != c.Login {
		add("acts_as", as)
	}
	for name, value := range c.levels {
		add(name, value)
	}
	return fields
}

// level holds the patch level of the two engines against the policy, before a byte of content moves:
// at the create of a publish, and when staging is turned on.
func (c *call) level(context.Context) error {
	begins := c.rule.Kind == calls.Create || c.rule.Kind == calls.Enable
	if !begins || c.decision != calls.Forward || c.policy.PatchLevel == levels.Any {
		return nil
	}
	here := c.staging()
	relation, live := levels.Farthest(here, c.policy.Engine.Pool.Says())
	c.levels = map[string]string{"staging_level": here.String(), "live_level": live.String()}
	reason, msg := problems.ReasonUnequal, "the staging engine is "+here.String()+" and the live engine is "+live.String()
	if relation == levels.Unknown {
		reason = problems.ReasonUnknownLevel
	}
	if !c.policy.PatchLevel.Lets(relation) {
		return problems.New(tunnel.Refused, reason, msg, nil)
	}
	if relation == levels.Unequal {
		c.relay.cfg.Log.WithFields(logrus.Fields{"req": c.Ref, "peer": c.Peer, "reason": string(reason)}).Warn(msg)
	}
	return nil
}

// staging is what the staging engine says of itself: in a field of the head or, a portal, by the form of
// its calls, which tells a little.
func (c *call) staging() levels.Level {
	if c.req.Level != "" {
		return levels.Parse(c.req.Level)
	}
	return levels.Level{Version: strings.TrimSuffix(c.wire.Line, ".x")}
}

// watched has the content of a part looked at as it goes by, if its peer may not publish everything.
func (c *call) watched(ctx context.Context, content io.Reader) (io.Reader, error) {
	if c.peer.Contents == nil {
		return content, nil
	}
	w, err := c.relay.cfg.Sights.Watch(ctx, c.request, c.facts.Part)
	if err != nil {
		return nil, problems.Unreadable(err)
	}
	c.sight = w
	return io.TeeReader(content, w), nil
}

// contents holds back what would import an archive until its manifest was seen, and refuses one with
// content that the peer may not publish.
func (c *call) contents(ctx context.Context) error {
	imports := c.rule.Kind == calls.Publish || c.rule.Kind == calls.Validate
	if c.peer.Contents == nil || !imports || c.decision != calls.Forward {
		return nil
	}
	err := c.relay.cfg.Sights.Judge(ctx, c.request, c.past.Request.Others.Bytes, c.peer.Contents)
	var denied *sights.Denied
	var unseen *glimpse.Unseen
	var bad *refusal.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &denied):
		return problems.New(tunnel.Refused, problems.ReasonDenied, denied.Error(), err)
	case errors.As(err, &unseen):
		return problems.New(tunnel.Refused, problems.ReasonUnseen, unseen.Error(), err)
	case errors.As(err, &bad):
		return problems.New(tunnel.Refused, problems.ReasonUnseen, "the manifest of the archive cannot be read: "+bad.Error(), err)
	}
	return problems.Unreadable(err)
}

// leaves notes that a part that is looked at may reach the engine from now on.
func (c *call) leaves(ctx context.Context) error {
	if c.sight == nil {
		return nil
	}
	if err := c.sight.Leaves(ctx); err != nil {
		return tunnel.NotBegun(visit.ReasonStore, "the gateway cannot write its store", err)
	}
	return nil
}

// keepSight keeps what was seen of a part that the engine took.
func (c *call) keepSight(ctx context.Context) error {
	switch {
	case c.sight == nil || c.answer.reply == nil:
		return nil
	case c.answer.reply.Thrown != nil:
		return c.sight.Refused(ctx)
	}
	return c.sight.Taken(ctx)
}

// pruneSights lets go of what was kept of requests that nobody knows any more.
func (r *Relay) pruneSights(ctx context.Context) {
	err := r.cfg.Sights.Prune(ctx, func(ctx context.Context, request int64) (bool, error) {
		found, err := r.cfg.Memory.Request(ctx, request)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return found.CleanedAt.IsZero(), err
	})
	if err != nil {
		r.cfg.Log.WithError(err).Warn("what was seen of old archives cannot be forgotten")
	}
}
