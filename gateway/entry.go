package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
)

// contentType is what Java's client says a call is.
const contentType = "application/x-java-serialized-object"

// route lets the one tunnel path pass, byte for byte: engines take 46 spellings for it.
func (c *call) route(ctx context.Context) error {
	if h := healthPaths[c.req.Target]; h != nil && c.req.Method != http.MethodPost {
		return c.health(ctx, h)
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

// client finds out who is calling: the socket's address, or what a trusted proxy says of it.
func (c *call) client(context.Context) error {
	addr, err := c.policy.Proxies.Client(c.socket.Addr(), c.req.ForwardedFor)
	if err != nil {
		return problem(tunnel.BadRequest, ReasonForwarded, "the address list of a proxy cannot be read", err)
	}
	c.addr = addr
	return nil
}

func (c *call) admit(context.Context) error {
	if !c.policy.Hosts.Contains(c.addr) {
		return problem(tunnel.Forbidden, ReasonHost, "address "+c.addr.String()+" is not on the list of allowed hosts", nil)
	}
	if c.crowded {
		return problem(tunnel.Refused, ReasonConnections, "too many connections; try again later", nil)
	}
	return nil
}

func (c *call) throttle(context.Context) error {
	if err := c.policy.Quota.Allow(c.addr, c.begun); err != nil {
		return problem(tunnel.Refused, ReasonRate, "too many calls from this address; try again later", err)
	}
	return nil
}

// verify asks the peers that may come from this address whose secret it is.
func (c *call) verify(context.Context) error {
	err := secret.ErrNoCredentials
	if c.req.HasAuthorization {
		for _, p := range c.policy.candidates(c.addr) {
			id, wrong := p.Verifier.Verify(c.req.Authorization)
			if wrong == nil {
				c.peer, c.id = p, id
				c.policy.Quota.Pass(c.addr, c.begun)
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

// ready makes sure that the call could be carried out, before its body is used, and keeps the peer
// to its pace.
func (c *call) ready(ctx context.Context) error {
	if !c.policy.Engine.Pool.Up() {
		return unavailable(ReasonDown, "the live engine cannot be reached", nil)
	}
	if err := c.gateway.writable(); err != nil {
		return unavailable(ReasonStore, "the gateway cannot write its log", err)
	}
	// No longer than a publisher waits without a sign of life: its CMS gives up after 30 s.
	leave, ok := c.gateway.enter(ctx, c.peer.Name, c.policy.CallsAtOnce, c.policy.Heartbeat)
	if !ok {
		return problem(tunnel.Refused, ReasonBusy, "too many calls of this peer are under way; try again later", nil)
	}
	c.leave = leave
	return pause(ctx, c.policy.Quota.Delay(c.peer.Name, c.begun))
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

// local says whether health may be told to addr: this machine, a balancer, or who may call anyway.
func (p *Policy) local(addr netip.Addr) bool {
	return addr.Unmap().IsLoopback() || p.Proxies.Trusted(addr) || p.Hosts.Contains(addr)
}
