package relay

import (
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
)

// tunnelPath is the one path of the tunnel, below a path context.
const tunnelPath = "/api/liferay/do"

// Policy is everything that a reload replaces. It must not be changed once a Relay uses it. The
// zero Policy admits nobody.
type Policy struct {
	visit.Rules

	PathContext string // outside; the tunnel's target is this and /api/liferay/do
	BrowserURL  string // what browsers reach the engine's pages by; empty: nobody knows
	Build       string // of the CMS whose classes an answer uses before the caller's line is known
	Preset      *calls.Preset
	Peers       []Peer
	CallsAtOnce int // of one peer
	Strangers   int // see visit.Config
	Profile     *http1.Profile
	Limits      javaser.Limits
	ReplyMax    int64
	Engine      Engine
	Heartbeat   time.Duration
	RetryAfter  time.Duration
	RepeatKeep  time.Duration
	Abandoned   time.Duration // of a publish without a call
	RequestKeep time.Duration
}

// Peer is one party that may publish.
type Peer struct {
	calls.Peer
	Addresses *hosts.Set // nil: every address that is allowed at all
	Verifier  *secret.Verifier
}

// Engine is how the live engine is spoken to.
type Engine struct {
	Pool        *upstream.Pool
	PathContext string
	Host        string // of the engine's own links; empty: the node's
	// HostOf returns what is sent as Host for a call of that site, 0 for none; empty: the node's own.
	HostOf func(site int64) string
	Key    *secret.Key
	// Encoded engines (7.0 and later) decode the login of the header once: it is sent
	// percent-encoded.
	Encoded bool
}

// target returns the outside target that calls must have.
func (p *Policy) target() string { return p.PathContext + tunnelPath }

// browserURL rewrites a link of the engine's own for browsers. One that begins with an inner address of
// the engine becomes one that browsers reach, or nothing if nobody knows how; any other stays.
func (p *Policy) browserURL(link string) string {
	if p.BrowserURL != "" {
		for _, base := range p.Engine.Pool.Bases(p.Engine.Host, p.Engine.PathContext) {
			if rest, ok := below(link, base); ok {
				return p.BrowserURL + rest
			}
		}
	}
	for _, node := range p.Engine.Pool.Bases("", "") {
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
