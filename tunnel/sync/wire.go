package sync

import (
	"slices"
	"time"
)

// Path begins the paths of what gateways say to each other.
const Path = "/stagelock/sync/v1/"

// Bounds of a message.
const (
	MaxOffer   = 200      // changes
	MaxInline  = 64 << 10 // bytes of a content that travels in a Deliver
	MaxDeliver = 4 << 20  // bytes of all contents of a Deliver
	MaxMessage = 8 << 20  // bytes of any message
)

// Version is that of the messages.
const Version = 1

// Hello is what a server says of itself. The answer is the other's Hello.
type Hello struct {
	Name     string              `json:"name"`
	Versions []int               `json:"versions"`
	Kinds    []string            `json:"kinds"`           // that it takes from the other
	Links    []ServerID          `json:"links"`           // to which its changes flow
	Have     map[ServerID]uint64 `json:"have"`            // up to which counter it has every change
	Clock    int64               `json:"clock"`           // milliseconds since 1970
	Known    []Server            `json:"known,omitempty"` // what it knows of others, for people
}

// Server is what one server says of another. Nobody is trusted for it.
type Server struct {
	ID    ServerID   `json:"id"`
	Name  string     `json:"name"`
	Links []ServerID `json:"links"`
}

// SameServers reports whether two lists without doubles say the same, in any order.
func SameServers(a, b []Server) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(one Server) bool {
		return !slices.ContainsFunc(b, func(other Server) bool {
			return one.ID == other.ID && one.Name == other.Name && slices.Equal(one.Links, other.Links)
		})
	})
}

// MaxKnown is how many servers a Hello tells of, and how many links each has.
const MaxKnown = 64

// Plain returns what is kept and shown of s, whatever its sender wrote: a line of text for a name, and
// the links that can be any.
func (s Server) Plain() Server {
	out := Server{ID: s.ID, Name: Line(s.Name), Links: []ServerID{}}
	for _, l := range s.Links {
		if serverID.MatchString(string(l)) && len(out.Links) < MaxKnown {
			out.Links = append(out.Links, l)
		}
	}
	return out
}

// Server is what h says of its sender.
func (h Hello) Server(id ServerID) Server {
	return Server{ID: id, Name: h.Name, Links: h.Links}.Plain()
}

// Speaks reports whether both know a version of the messages.
func (h Hello) Speaks() bool { return slices.Contains(h.Versions, Version) }

// Offered is one change, and who has it.
type Offered struct {
	Change    *Change    `json:"change"`
	Processed []ServerID `json:"processed,omitempty"`
	Content   []byte     `json:"content,omitempty"` // in a Deliver, of a small put
	Asked     bool       `json:"-"`                 // somebody here was asked for an approval: see Intent
}

// Offer asks which changes are wanted. A Deliver is the same with contents, of changes that were
// wanted; contents that are too large for it were sent before.
type Offer struct {
	Changes []Offered `json:"changes"`
}

// Status says what became of a change.
type Status string

// The statuses.
const (
	StatusDone    Status = "done"    // it is known, or history, or shown
	StatusHeld    Status = "held"    // it is known, and stands beside another version
	StatusWant    Status = "want"    // its content is wanted
	StatusBusy    Status = "busy"    // somebody else is sending it
	StatusWait    Status = "wait"    // something it needs is missing, or somebody must approve it
	StatusLater   Status = "later"   // it could not be carried out now
	StatusRefused Status = "refused" // and never will be, or an operator must act: see Class
)

// Class tells failures apart.
type Class string

// The classes.
const (
	ClassNone     Class = ""
	ClassLater    Class = "later"    // it is tried again, for ever
	ClassWaiting  Class = "waiting"  // it is tried again when something else arrived
	ClassOperator Class = "operator" // the target stops until somebody mends it
	ClassNever    Class = "never"    // the change stops for this target
)

// Answer is what became of one change of an Offer.
type Answer struct {
	ID     ID     `json:"id"`
	Status Status `json:"status"`
	Class  Class  `json:"class,omitempty"`
	Reason string `json:"reason,omitempty"` // a code
	Text   string `json:"text,omitempty"`
}

// Contained reports whether another of the changes makes the ith history: its content need not be sent.
func Contained(all []Offered, i int) bool {
	c := all[i].Change
	return slices.ContainsFunc(all, func(o Offered) bool {
		return o.Change.Object == c.Object && o.Change.ID != c.ID && o.Change.contains(c)
	})
}

// Answers are those to an Offer, in its order.
type Answers struct {
	Answers []Answer `json:"answers"`
}

// BackOff returns how long to wait after that many failures in a row: a second, doubling up to a
// quarter of an hour, a fifth more or less as spread says, which is from 0 to 1. What waits for
// something else waits a minute, doubling up to an hour.
func BackOff(class Class, failures int, spread float64) time.Duration {
	first, most := time.Second, 15*time.Minute
	if class == ClassWaiting {
		first, most = time.Minute, time.Hour
	}
	d := most
	if failures = max(failures, 1); failures < 16 {
		d = min(most, first<<(failures-1))
	}
	return time.Duration(float64(d) * (0.8 + 0.4*min(max(spread, 0), 1)))
}
