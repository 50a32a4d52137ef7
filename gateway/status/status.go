package status

import "time"

// Status is how a gateway is at one moment. What is not known is zero.
type Status struct {
	Ready    bool     `json:"ready"`              // publishes can pass
	Problems []string `json:"problems,omitempty"` // why not, each with its cure
	Warnings []string `json:"warnings,omitempty"` // what is wrong, beside certificates, while publishes pass

	Version  string    `json:"version"`
	Node     string    `json:"node"` // name of this gateway
	Now      time.Time `json:"now"`
	Since    time.Time `json:"since"` // when it began to serve
	Stopping bool      `json:"stopping,omitempty"`
	Listen   []string  `json:"listen"` // addresses that publishers connect to
	Admin    []string  `json:"admin"`  // addresses that this comes from

	Engine   []Engine         `json:"engine"`
	Traffic  Traffic          `json:"traffic"`
	Refusals map[string]int64 `json:"refusals"` // since it began, by reason

	Config       Config        `json:"config"`
	Certificates []Certificate `json:"certificates"`
	Audit        Audit         `json:"audit"`
	Store        Store         `json:"store"`
	Disk         Disk          `json:"disk"`
	Sync         *Sync         `json:"sync,omitempty"` // of one of several servers that are kept alike
}

// Sync is how several servers are kept alike, as it was a few seconds ago.
type Sync struct {
	Targets   []Target         `json:"targets"`
	Conflicts int              `json:"conflicts"`
	Here      int              `json:"here"`              // of them, to be decided on this server
	Approvals int              `json:"approvals"`         // changes that somebody must approve here
	Asked     time.Time        `json:"asked,omitzero"`    // since when the oldest of them waits
	Decided   map[string]int64 `json:"decided,omitempty"` // on this gateway since it started: approved, refused
	Changes   map[string]int64 `json:"changes,omitempty"` // accepted on this gateway since it started, by what became of them
	// Contents is nil until they were counted.
	Contents *Contents `json:"contents,omitempty"`
}

// Contents are those that a gateway keeps to send them on, as they were counted last.
type Contents struct {
	N       int       `json:"n"`
	Bytes   int64     `json:"bytes"`
	Removed int       `json:"removed"` // since the gateway started: nothing needed them any more
	Freed   int64     `json:"freed"`   // bytes of these
	At      time.Time `json:"at"`
}

// Target is the queue of one of these servers.
type Target struct {
	Name    string    `json:"name"`
	State   string    `json:"state"` // ok, blocked, waiting, operator, held
	Backlog int       `json:"backlog"`
	Dead    int       `json:"dead"`
	Tries   int       `json:"tries"` // of what is due next
	Oldest  time.Time `json:"oldest,omitzero"`
	Last    time.Time `json:"last,omitzero"`
}

// Engine is one node of the live engine.
type Engine struct {
	Name string `json:"name"` // host and port
	Up   bool   `json:"up"`
	// Failures are those since its settings were last changed.
	Failures Failures `json:"failures"`
}

// Failures are counts of what failed at a node.
type Failures struct {
	Calls  int64 `json:"calls"`
	Probes int64 `json:"probes"` // checks of its health
}

// Traffic is what is under way.
type Traffic struct {
	Publishes   int              `json:"publishes"`                // staging requests that are not cleaned up
	Calls       map[string]int   `json:"calls"`                    // by peer
	Connections int              `json:"connections"`              // open ones
	Strangers   int              `json:"strangers"`                // places that addresses nobody allowed have taken
	Turned      map[string]int64 `json:"turned,omitempty"`         // connections that were closed before a call, by why
	Checks      int64            `json:"checks_refused,omitempty"` // of balancers, of a path that is none
}

// Config is the configuration in use, and how the last attempt to read it anew ended.
type Config struct {
	Digest  string    `json:"digest"` // secrets are masked in it
	Loaded  time.Time `json:"loaded"` // what is in use
	Tried   time.Time `json:"tried"`  // the last attempt; Loaded if it succeeded
	OK      bool      `json:"ok"`     // it succeeded
	Problem string    `json:"problem,omitempty"`
	Restart []string  `json:"restart,omitempty"` // settings that count after a restart only, and were changed
}

// Certificate is one that publishers are shown.
type Certificate struct {
	Name     string    `json:"name"`
	NotAfter time.Time `json:"not_after"`
	// Soon is how long before its end it should have been renewed.
	Soon    time.Duration `json:"soon_ns"`
	Problem string        `json:"problem,omitempty"` // with its cure
}

// Audit is the state of the audit log.
type Audit struct {
	Checkpoint time.Time `json:"checkpoint"` // when the newest one was signed
	Whole      bool      `json:"whole"`      // it was what its newest checkpoint said when it was opened
	Problem    string    `json:"problem,omitempty"`
	Bytes      int64     `json:"bytes"`
}

// Store is where requests, repeats and certificates are kept.
type Store struct {
	Kind    string  `json:"kind"` // embedded or postgres
	Up      bool    `json:"up"`
	Problem string  `json:"problem,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"` // of an embedded one
	Cluster *Member `json:"cluster,omitempty"`
}

// Member is this gateway among those that share its store.
type Member struct {
	Name    string         `json:"name"` // of the cluster
	Lease   time.Duration  `json:"lease_ns"`
	Members map[string]int `json:"members"` // by state
	// Clock is how far this machine's clock is ahead of the store's.
	Clock  time.Duration `json:"clock_ns"`
	Digest string        `json:"digest"` // of what every gateway must be configured alike in
}

// Disk is the one that the data folder is on.
type Disk struct {
	Path string `json:"path"`
	Free int64  `json:"free"` // bytes that the gateway may use
	Size int64  `json:"size"` // bytes; 0: not known
}
