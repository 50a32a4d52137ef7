package relay

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/relay/waiting"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
)

// route lets the one tunnel path pass, byte for byte: engines take 46 spellings for it.
func (c *call) route(context.Context) error {
	if status, body, ok := c.health(); ok {
		c.written(c.out.Health(status, body, c.closing()))
		return errDone
	}
	if c.req.Target != c.policy.Target() {
		canonical := http1.Canonical(c.req.Target)
		if canonical != c.req.Target && strings.HasSuffix(canonical, engine.TunnelPath) { // of whatever context
			return problems.New(tunnel.NotFound, problems.ReasonSpelling, "this path is not spelled as the tunnel's", c.asked())
		}
		return problems.New(tunnel.NotFound, problems.ReasonPath, "nothing is here", c.asked())
	}
	if c.req.Method != http.MethodPost {
		return problems.New(tunnel.BadMethod, problems.ReasonMethod, "the tunnel takes POST only", nil)
	}
	if t := c.req.ContentType; t != "" && t != engine.ContentType {
		return problems.New(tunnel.BadRequest, problems.ReasonType, "the tunnel takes "+engine.ContentType+" only", nil)
	}
	return nil
}

// asked tells the audit log what path it was.
func (c *call) asked() error { return fmt.Errorf("%s %s", c.req.Method, visit.Shown(c.req.Target)) }

// health answers a probe of this machine, a balancer, or an allowed host.
func (c *call) health() (status int, body []byte, ok bool) {
	if c.req.Method == http.MethodPost || !c.Local() {
		return 0, nil, false
	}
	return c.relay.cfg.Health(c.req.Target)
}

// wellFormed refuses a request that is not HTTP as the profile wants it.
func (c *call) wellFormed(context.Context) error {
	e := c.refusal
	if e == nil {
		return nil
	}
	return problems.New(tunnel.BadRequest, tunnel.Reason(e.Reason), e.Msg, e)
}

func (c *call) client(context.Context) error { return c.Client(c.req.ForwardedFor) }

func (c *call) admit(context.Context) error { return c.Admit(c.OverLimit) }

// verify asks the peers that may come from this address whose secret it is. A header that is known
// costs its address nothing; another one waits if the address failed too often, but is never refused
// for that.
func (c *call) verify(ctx context.Context) error {
	if !c.req.HasAuthorization {
		return c.unproven(problems.ReasonNoSecret, "the call carries no credentials", secret.ErrNoCredentials)
	}
	peers := c.policy.Candidates(c.Addr, c.peers)
	c.peers = peers
	if p, id := rules.Known(peers, c.req.Authorization); p != nil {
		c.proved(p, id)
		return nil
	}
	if err := waiting.For(ctx, c.Wait()); err != nil {
		return err
	}
	p, id, err := rules.Verify(peers, c.req.Authorization)
	if p == nil {
		return c.unproven(problems.ReasonSecret, "the shared secret does not match", err)
	}
	c.proved(p, id)
	if err != nil {
		return problems.New(tunnel.Refused, calls.LoginUnlisted, "the login "+strconv.QuoteToASCII(id.Login)+
			" may not publish from this server", err)
	}
	return nil
}

// proved notes who made the call.
func (c *call) proved(p *rules.Peer, id secret.Identity) {
	c.peer = p
	c.Authenticated(p.Name, id.Login, id.KeyID)
}

// unproven refuses a call of nobody; of an address that goes on like that it says so.
func (c *call) unproven(reason tunnel.Reason, msg string, err error) error {
	if flood := c.Fail(); flood != nil {
		return flood
	}
	return problems.New(tunnel.Unauthentic, reason, msg, err)
}

// ready makes sure that a verdict could be written, before the body is used, and keeps the peer to
// its pace.
func (c *call) ready(ctx context.Context) error {
	if err := c.relay.cfg.Visits.Ready(ctx, c.policy.Heartbeat); err != nil {
		return tunnel.NotBegun(visit.ReasonStore, "the gateway cannot write its log", err)
	}
	// No longer than a publisher waits without a sign of life: its CMS gives up after 30 s.
	place, ok := c.relay.peers.Enter(ctx, c.peer.Name, c.policy.CallsAtOnce, c.policy.Heartbeat)
	if !ok {
		return problems.New(tunnel.Refused, problems.ReasonBusy, "too many calls of this peer are under way", nil)
	}
	c.place = place
	wait := c.policy.Quota.Delay(c.peer.Name, c.Begun)
	c.answer.meter.Delayed = wait > 0
	return waiting.For(ctx, wait)
}
