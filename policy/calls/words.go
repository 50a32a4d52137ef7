package calls

import (
	"iter"
	"slices"
)

// Call is one remote call as the wire read it. Its values were checked for their classes and
// shapes, not for their meaning. Judge and the methods of Rule keep nothing of it and change
// nothing in it.
type Call struct {
	Service, Method string
	Parameters      []string // parameter types as Java prints them
	// Args are the arguments: int64 for Long and Integer, bool, string, nil, map[string]any (a Long
	// key in decimal), []any. The argument of the type byte[] is not looked at, PartSize stands for
	// it.
	Args         []any
	PartSize     int64          // bytes of the part of an updateStagingRequest, declared or counted
	HeaderLogin  string         // the login that the token was verified for
	BodyLogin    string         // the login of the principal in the body
	HasBodyLogin bool           // false: the principal's login is null or absent
	Settings     map[string]any // settings map of an ExportImportConfiguration argument; nil: null or absent
}

// DefaultPartMax is the PartMax that an operator gets who sets none: 128 MiB.
const DefaultPartMax = 128 << 20

// Peer is what the configuration allows to the one who calls. The zero Peer may do nothing.
type Peer struct {
	Name    string   // of the peer in the configuration
	AnySite bool     // any site of the live engine, also those found by company and name
	Sites   Sites    // the sites it may name, when not AnySite
	Logins  []string // logins that may use the peer's key; nil: any that live knows; empty but not nil: none
	PartMax int64    // greatest part in bytes; 0: no part passes, see DefaultPartMax
	// ArchiveMax bounds the parts of one request together, in bytes; 0: no bound.
	ArchiveMax int64
}

// Sites is a set of site ids (group ids of the live engine).
type Sites map[int64]struct{}

// SitesOf returns the set of those ids.
func SitesOf(ids ...int64) Sites {
	s := make(Sites, len(ids))
	for _, id := range ids {
		s[id] = struct{}{}
	}
	return s
}

// allows reports whether the peer may name that site. An id that no site can have is never allowed.
func (p *Peer) allows(site int64) bool {
	if site <= 0 {
		return false
	}
	if p.AnySite {
		return true
	}
	_, ok := p.Sites[site]
	return ok
}

// Request is what the gateway remembers of the staging request that a call names. The zero Request
// is an unknown one.
type Request struct {
	Known     bool
	Site      int64    // the group it was created for
	Logins    []string // every login whose create returned its id
	CleanedUp bool     // a cleanUp was carried out after the last create
	// Parts yields name and size of every part accepted so far, each name once. Nil: none. It is
	// asked for updateStagingRequest only.
	Parts iter.Seq2[string, int64]
}

// createdBy reports whether a create of that login returned the request's id.
func (r *Request) createdBy(login string) bool { return slices.Contains(r.Logins, login) }

// Decision is what the gateway does with a call. The zero Decision is Refuse.
type Decision uint8

// The decisions.
const (
	Refuse     Decision = iota // answer with the Refusal, nothing goes upstream
	Forward                    // hand the call to the engine
	AnswerVoid                 // answer void, nothing goes upstream, write it to the audit log
)

var decisions = [...]string{Refuse: "refuse", Forward: "forward", AnswerVoid: "answer void"}

// String returns the decision in words.
func (d Decision) String() string {
	if int(d) < len(decisions) {
		return decisions[d]
	}
	return "refuse"
}
