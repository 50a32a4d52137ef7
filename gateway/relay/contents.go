package relay

import (
	"context"
	"io"
	"maps"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/levels"
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
	said, found, lets := c.policy.Level(c.staging())
	c.levels = said
	switch {
	case !lets:
		return found
	case found != nil && found.Reason == problems.ReasonUnequal:
		c.relay.cfg.Log.WithFields(logrus.Fields{"req": c.Ref, "peer": c.Peer, "reason": string(found.Reason)}).Warn(found.Msg)
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
	return problems.Contents(c.relay.cfg.Sights.Judge(ctx, c.request, c.past.Request.Others.Bytes, c.peer.Contents))
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
