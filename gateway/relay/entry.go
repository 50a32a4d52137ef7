package relay

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
)

// contentType is what Java's client says a call is.
const contentType = "application/x-java-serialized-object"

// route lets the one tunnel path pass, byte for byte: engines take 46 spellings for it.
func (c *call) route(context.Context) error {
	if status, body, ok := c.health(); ok {
		typ := []http1.Field{{Name: "Content-Type", Value: "application/json"}}
		_ = c.conn.Respond(status, typ, body, c.closing())
		return errDone
	}
	if c.req.Target != c.policy.target() {
		if strings.HasSuffix(canonical(c.req.Target), tunnelPath) { // of whatever context
			return problem(tunnel.NotFound, ReasonSpelling, "this path is not spelled as the tunnel's", nil)
		}
		return problem(tunnel.NotFound, ReasonPath, "nothing is here", nil)
	}
	if c.req.Method != http.MethodPost {
		return problem(tunnel.BadMethod, ReasonMethod, "the tunnel takes POST only", nil)
	}
	if t := c.req.ContentType; t != "" && t != contentType {
		return problem(tunnel.BadRequest, ReasonType, "the tunnel takes "+contentType+" only", nil)
	}
	return nil
}

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
	if c.Throttle() != nil {
		c.CountOnly() // who goes on like that is answered, but not recorded each time
	}
	return problem(tunnel.BadRequest, tunnel.Reason(e.Reason), e.Msg, e)
}

func (c *call) client(context.Context) error { return c.Client(c.req.ForwardedFor) }

func (c *call) throttle(context.Context) error { return c.Throttle() }

func (c *call) admit(context.Context) error { return c.Admit(c.OverLimit) }

// verify asks the peers that may come from this address whose secret it is.
func (c *call) verify(context.Context) error {
	err := secret.ErrNoCredentials
	if c.req.HasAuthorization {
		for _, p := range c.policy.candidates(c.Addr) {
			id, wrong := p.Verifier.Verify(c.req.Authorization)
			if wrong == nil {
				c.peer = p
				c.Authenticated(p.Name, id.Login, id.KeyID)
				return nil
			}
			if !errors.Is(err, secret.ErrLoginNotListed) {
				err = wrong
			}
		}
	}
	if !c.req.HasAuthorization {
		return problem(tunnel.Unauthentic, ReasonNoSecret, "the call carries no credentials", err)
	}
	return problem(tunnel.Unauthentic, ReasonSecret, "the shared secret does not match", err)
}

// ready makes sure that a verdict could be written, before the body is used, and keeps the peer to
// its pace.
func (c *call) ready(ctx context.Context) error {
	if err := c.relay.cfg.Visits.Writable(ctx); err != nil {
		return unavailable(visit.ReasonStore, "the gateway cannot write its log", err)
	}
	// No longer than a publisher waits without a sign of life: its CMS gives up after 30 s.
	leave, ok := c.relay.peers.enter(ctx, c.peer.Name, c.policy.CallsAtOnce, c.policy.Heartbeat)
	if !ok {
		return problem(tunnel.Refused, ReasonBusy, "too many calls of this peer are under way; try again later", nil)
	}
	c.onEnd(leave)
	return pause(ctx, c.policy.Quota.Delay(c.peer.Name, c.Begun))
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return unavailable(ReasonDraining, "the gateway is stopping", context.Cause(ctx))
	}
}

// canonical undoes what engines undo in a path, to name an attempt for what it is. Nothing is
// decided by it.
func canonical(target string) string {
	target, _, _ = strings.Cut(target, "?")
	var kept []string
	for _, seg := range strings.Split(target, "/") {
		seg, _, _ = strings.Cut(seg, ";")
		switch seg = unescape(seg); seg {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, seg)
		}
	}
	return "/" + strings.Join(kept, "/")
}

func unescape(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := strings.IndexByte(digits, s[i+1]|0x20), strings.IndexByte(digits, s[i+2]|0x20)
			if hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
