package section

import (
	"net/url"
	"time"
)

// Sync makes this server one of several that keep each other's content alike.
type Sync struct {
	Name      string        `yaml:"name" restart:"true" doc:"Name of this server, for people; others learn it from here. Empty: nothing is synchronized."`
	Engine    SyncEngine    `yaml:"engine" doc:"The engine that says what changed."`
	Conflicts string        `yaml:"conflicts" default:"hold" oneof:"hold newest prefer" restart:"true" doc:"What becomes of two edits of one object at once. hold: both are kept until a person decides. newest: the later one wins. prefer: that of the server that is listed first. All servers must say the same."`
	Prefer    []string      `yaml:"prefer" restart:"true" doc:"Keys of servers, for conflicts: prefer."`
	MaxBytes  Size          `yaml:"max_bytes" default:"1GiB" min:"64KiB" restart:"true" doc:"Largest object that is taken."`
	Interval  time.Duration `yaml:"interval" default:"1s" min:"50ms" max:"1m" restart:"true" doc:"How often the engine is asked what changed."`
	Origins   []string      `yaml:"origins" restart:"true" doc:"Keys of servers that are no peers and whose changes are taken, such as the other leaves of a star."`
	Peers     []SyncPeer    `yaml:"peers" doc:"The servers that changes are exchanged with. stagelock sync id prints the line for the other side."`
}

// SyncEngine is how the engine is asked what changed.
type SyncEngine struct {
	URL       *url.URL `yaml:"url" restart:"true" doc:"Where the engine takes commands."`
	TokenFile Path     `yaml:"token_file" restart:"true" doc:"File with the engine's token."`
}

// SyncPeer is one neighbour and what it may do.
type SyncPeer struct {
	Key       string   `yaml:"key" restart:"true" doc:"The key by which it is known: 20 letters and digits."`
	URL       *url.URL `yaml:"url" restart:"true" doc:"Its gateway; not needed for direction: from."`
	CA        Path     `yaml:"ca" restart:"true" doc:"File with the authority that its certificate is signed by; empty for the system's."`
	Direction string   `yaml:"direction" default:"both" oneof:"both to from" restart:"true" doc:"to: changes go there. from: they come from there. both: both."`
	Kinds     []string `yaml:"kinds" doc:"Kinds of objects that are exchanged with it, such as page, article, document; none if empty. A kind that says who may do what, such as user, role or setting, travels only if it stands here."`
	Paths     []string `yaml:"paths" doc:"Where objects that are exchanged with it lie: a site, or site/kind, or more of the name that stagelock sync log prints. Everywhere if empty."`
	Approve   []string `yaml:"approve" doc:"Kinds of objects whose changes somebody must approve here, with stagelock sync approve, before they are applied."`
	Deletes   bool     `yaml:"deletes" default:"false" doc:"It may delete objects here."`
	PerHour   int      `yaml:"max_deletes_per_hour" default:"50" min:"0" doc:"How many it may delete in an hour, at all gateways of this server together; more stops its queue until somebody looks."`
}
