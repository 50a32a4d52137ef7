package star

import (
	"time"

	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/policy/topology"
)

// Report is the whole demonstration for a script.
type Report struct {
	OK       bool     `json:"ok"`
	Servers  []Server `json:"servers"`
	Edit     Spread   `json:"edit"`
	Conflict Conflict `json:"conflict"`
	Approval Approval `json:"approval"`
	Away     Away     `json:"away"`
	Paths    Paths    `json:"paths"`
}

// Server is one environment.
type Server struct {
	Name    string `json:"name"`
	Key     string `json:"key"`
	Gateway string `json:"gateway"`
	Engine  string `json:"engine"`
}

// Spread is how far one edit came.
type Spread struct {
	Object string        `json:"object"`
	On     string        `json:"on"`
	Took   time.Duration `json:"took_ns"`
	Places []Place       `json:"places"`
}

// Place is a server as it was found after an edit: what its engine has and how often it wrote, and from
// where its gateway has it.
type Place struct {
	Server  string `json:"server"`
	Text    string `json:"text"`
	Written int    `json:"written"` // rows of the engine's journal
	Via     string `json:"via,omitempty"`
}

// Conflict is two edits at once, and what became of them.
type Conflict struct {
	Versions []Version `json:"versions"`
	Shown    []Place   `json:"shown"`   // while nobody had decided
	Seen     int       `json:"seen"`    // servers that knew of it
	Refused  string    `json:"refused"` // why a decision on another server was none
	Decision string    `json:"decision"`
	Places   []Place   `json:"places"` // afterwards
	Left     int       `json:"left"`   // conflicts, on all servers
}

// Version is one of the two edits, with its text.
type Version struct {
	exchange.Version
	Text string `json:"text"`
}

// Away is a server that is switched off and on.
type Away struct {
	Server    string                  `json:"server"`
	Edits     int                     `json:"edits"`     // elsewhere
	Meanwhile []exchange.TargetStatus `json:"meanwhile"` // what the hub said
	Had       int                     `json:"had"`       // of the edits, when it was switched on
	Has       int                     `json:"has"`       // when it had caught up
	Own       bool                    `json:"own"`       // what was written there arrived elsewhere
	Took      time.Duration           `json:"took_ns"`
}

// Paths is what is said of a second path between two servers.
type Paths struct {
	Star    string             `json:"star"`
	Added   topology.Route     `json:"added"`
	Refused []topology.Finding `json:"refused"` // by the rule of one path
	Warned  []topology.Finding `json:"warned"`  // where changes have ids
}
