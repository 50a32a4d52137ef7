// Package rules is what a call is held against: who may publish, what of, and how the engine is
// reached. A reload replaces it as a whole.
package rules

import (
	"net/netip"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor/desk"
	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/contents"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/policy/levels"
	"github.com/stagelock/stagelock/policy/principals"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
)

// Policy is everything that a reload replaces. It must not be changed once a relay uses it. The
// zero Policy admits nobody.
type Policy struct {
	visit.Rules

	PathContext string // outside; the tunnel's target is this and /api/liferay/do
	BrowserURL  string // what browsers reach the engine's pages by; empty: nobody knows
	Build       string // of the CMS whose classes an answer uses before the caller's line is known
	Preset      *calls.Preset
	Peers       []Peer
	CallsAtOnce int   // of one peer
	CallMemory  int64 // bytes that all calls under way may take
	Strangers   int   // see visit.Config
	Profile     *http1.Profile
	Limits      javaser.Limits
	ReplyMax    int64
	Engine      engine.Config
	PatchLevel  levels.Policy
	Heartbeat   time.Duration
	RetryAfter  time.Duration
	RepeatKeep  time.Duration
	Abandoned   time.Duration // of a publish without a call
	RequestKeep time.Duration
	Desk        *desk.Desk // answers the questions of a doctor; nil: nobody does
}

// Peer is one party that may publish.
type Peer struct {
	calls.Peer
	Addresses *hosts.Set // nil: every address that is allowed at all
	Verifier  *secret.Verifier

	Principals *principals.Table // logins of live for its own; nil: they are the same
	Contents   *contents.Set     // what it may publish; nil: everything
}

// From reports whether the peer may come from an address that is allowed at all.
func (p *Peer) From(addr netip.Addr) bool { return p.Addresses == nil || p.Addresses.Contains(addr) }

// Target returns the outside target that calls must have.
func (p *Policy) Target() string { return p.PathContext + engine.TunnelPath }

// Candidates returns the peers that may come from addr, in room if that is enough.
func (p *Policy) Candidates(addr netip.Addr, room []*Peer) []*Peer {
	found := room[:0]
	for i := range p.Peers {
		if p.Peers[i].From(addr) {
			found = append(found, &p.Peers[i])
		}
	}
	return found
}

// Names returns the names of the peers.
func (p *Policy) Names() []string {
	var all []string
	for i := range p.Peers {
		all = append(all, p.Peers[i].Name)
	}
	return all
}
