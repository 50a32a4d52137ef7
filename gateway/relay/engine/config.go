package engine

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
)

const (
	// TunnelPath is the one path of the tunnel, below a path context.
	TunnelPath = "/api/liferay/do"
	// ContentType is what Java's client says a call is.
	ContentType = "application/x-java-serialized-object"
)

// Reasons that come from the engine.
const (
	ReasonDown     tunnel.Reason = "engine.down"
	ReasonLost     tunnel.Reason = "engine.lost"     // it went away after it had the whole call
	ReasonRefusing tunnel.Reason = "engine.refusing" // it turns the gateway itself away
	ReasonRedirect tunnel.Reason = "engine.redirects"
	ReasonFailing  tunnel.Reason = "engine.failing"
	ReasonPage     tunnel.Reason = "engine.page" // something else than its tunnel answers
	ReasonEmpty    tunnel.Reason = "reply.empty"
	ReasonMemory   tunnel.Reason = "reply.memory" // all calls together have as much as they may
	ReasonReply    tunnel.Reason = "reply.refused"
)

// Config is how the live engine is spoken to.
type Config struct {
	Pool        *upstream.Pool
	PathContext string
	Host        string // of the engine's own links; empty: the node's
	// HostOf returns what is sent as Host for a call of that site, 0 for none; empty: the node's own. Nil
	// knows of no site.
	HostOf func(site int64) string
	Key    *secret.Key
	// Encoded engines (7.0 and later) decode the login of the header once: it is sent
	// percent-encoded.
	Encoded bool
}

// Caller is who a call is made for.
type Caller struct {
	Login string
	Addr  netip.Addr
	Shown string // Addr as text, if that is known; else it is made
	Ref   string // of the call
	Site  int64  // that it is about; 0: none
	Level string // what the staging engine says it is, for another gateway behind this one
}

// Shown is an address as text: most calls of a connection come from the same one.
type Shown struct {
	addr netip.Addr
	text string
}

// Text returns addr as text.
func (s *Shown) Text(addr netip.Addr) string {
	if s.text == "" || addr != s.addr {
		s.addr, s.text = addr, addr.String()
	}
	return s.text
}

// head returns the head of the call for its node. Nothing of the client's is copied.
func (a *Attempt) head(length int64) forward.RequestHead {
	c, from, host := a.Engine, &a.From, a.member.Host()
	if c.HostOf != nil {
		host = cmp.Or(c.HostOf(from.Site), host)
	}
	shown := from.Shown
	if shown == "" {
		shown = from.Addr.String()
	}
	h := forward.RequestHead{
		Target: c.PathContext + TunnelPath, Host: host, ContentType: ContentType,
		Authorization: c.Key.Authorization(from.Login, c.Encoded, false),
		ContentLength: length,
		Fields: append(a.fields[:0], grammar.Field{Name: "X-Forwarded-For", Value: shown},
			grammar.Field{Name: "X-Forwarded-Proto", Value: "https"},
			grammar.Field{Name: "X-Stagelock-Reference", Value: from.Ref}),
	}
	if from.Level != "" {
		h.Fields = append(h.Fields, grammar.Field{Name: grammar.LevelField, Value: from.Level})
	}
	return h
}

// BrowserURL rewrites a link of the engine's own for browsers. One that begins with an inner address of
// the engine becomes one below public, or nothing if public is empty; any other stays.
func (c *Config) BrowserURL(link, public string) string {
	if public != "" {
		for _, base := range c.Pool.Bases(c.Host, c.PathContext) {
			if rest, ok := below(link, base); ok {
				return public + rest
			}
		}
	}
	for _, node := range c.Pool.Bases("", "") {
		if _, ok := below(link, node); ok {
			return ""
		}
	}
	return link
}

// below returns what of a link follows base, at the end of a segment.
func below(link, base string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(link, base)
	return rest, ok && (rest == "" || rest[0] == '/')
}
