package calls

import "slices"

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

// Known is what the gateway remembers of the ids that a call names, as its Facts have them. The zero
// Known knows nothing, and what is not known is refused.
type Known struct {
	Request Request // of Facts.Request
	// PageSite is the site for which a look-up returned Facts.Page, ControlPanel for the control
	// panel's page, 0 for a page that no look-up returned.
	PageSite int64
	// ControlPanel is true if Facts.Site is the group of the control panel, as the look-up of its
	// name returned it.
	ControlPanel bool
}

// ControlPanel stands for the site of the control panel's page, which belongs to no site: single
// content is published onto it whatever its site.
const ControlPanel int64 = -1

// Request is what the gateway remembers of a staging request. The zero Request is an unknown one.
type Request struct {
	Known     bool
	Site      int64    // the group it was created for
	Logins    []string // every login whose create returned its id
	Owners    []string // those of them that may have it deleted: whose parts are in it; nil: all of them
	CleanedUp bool     // a cleanUp was carried out after the last create
	Others    Parts    // beside the part that is judged; all of them for validate- and publishStagingRequest
}

// Parts are parts of one request together: those that were accepted and those that are under way.
// A part that is sent again counts once, so it is not among its own others.
type Parts struct {
	Width int   // digits that their names end in, the same for all; 0: there are none
	Bytes int64 // sum of their sizes
}

// createdBy reports whether a create of that login returned the request's id.
func (r *Request) createdBy(login string) bool { return slices.Contains(r.Logins, login) }

// ownedBy reports whether a cleanUp by that creator may delete the request.
func (r *Request) ownedBy(login string) bool {
	return r.Owners == nil || slices.Contains(r.Owners, login)
}

// Decision is what the gateway does with a call. The zero Decision is Refuse.
type Decision uint8

// The decisions.
const (
	Refuse     Decision = iota // answer with the Refusal, nothing goes upstream
	Forward                    // hand the call to the engine
	AnswerVoid                 // answer void, nothing goes upstream, write it to the audit log
	Spare                      // AnswerVoid for the cleanUp of a request that another publisher needs
)

var decisions = [...]string{Refuse: "refuse", Forward: "forward", AnswerVoid: "answer void", Spare: "spare"}

// String returns the decision in words.
func (d Decision) String() string {
	if int(d) < len(decisions) {
		return decisions[d]
	}
	return "refuse"
}
