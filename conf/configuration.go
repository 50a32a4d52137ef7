package conf

import (
	"net/netip"
	"time"

	"github.com/stagelock/stagelock/conf/kentico"
	"github.com/stagelock/stagelock/conf/section"
	"github.com/stagelock/stagelock/conf/settings"
)

// What a configuration is made of, under the names by which the rest of the house knows it.
type (
	// Cluster says with whom a gateway shares its store.
	Cluster = section.Cluster
	// Endpoint is an address with a port, or a Unix socket.
	Endpoint = section.Endpoint
	// Key is one shared secret and how it becomes the key of a cipher.
	Key = section.Key
	// Log describes the gateway's own log.
	Log = section.Log
	// Path is a file or folder.
	Path = section.Path
	// Peer is one party that publishes through the gateway.
	Peer = section.Peer
	// Quota bounds what one address and one peer may ask for.
	Quota = section.Quota
	// Rate is a number of events a second.
	Rate = section.Rate
	// Secret is a text that nothing prints.
	Secret = section.Secret
	// Site is the group id of a site, or AnySite.
	Site = section.Site
	// Size is a number of bytes.
	Size = section.Size
	// Sync makes this server one of several that keep each other's content alike.
	Sync = section.Sync
	// SyncPeer is one neighbour and what it may do.
	SyncPeer = section.SyncPeer
	// Upstream is where the engine is and how it is reached.
	Upstream = section.Upstream
	// VirtualHost is one virtual instance of the engine.
	VirtualHost = section.VirtualHost

	// Problem is one thing that is wrong with what the operator wrote, and what to do about it.
	Problem = settings.Problem
	// Origin is where a value comes from.
	Origin = settings.Origin
	// Setting is one effective value and where it comes from.
	Setting = settings.Setting
	// Change is a setting that two configurations have different.
	Change = settings.Change
)

// AnySite stands for every site and is written any.
const AnySite = section.AnySite

// Config is everything the operator decides. The tags of its fields are the one place where a
// setting is described: its name, default, bounds and choices are read from them by Load and by
// Reference. A field with restart:"true" is read at start only; all others follow a reload.
type Config struct {
	Listen     []netip.AddrPort `yaml:"listen" default:"0.0.0.0:8443" restart:"true" doc:"Addresses and ports of the TLS listeners that publishers connect to. 0.0.0.0 opens every IPv4 address and no other, [::] or no address those of both families."`
	Data       Path             `yaml:"data" default:"/var/lib/stagelock" restart:"true" doc:"Folder of the store: requests, audit log, certificates. Only the gateway's own user needs access."`
	Store      string           `yaml:"store" default:"embedded" oneof:"embedded postgres" restart:"true" doc:"embedded: a database in the data folder, for one gateway. postgres: one that several gateways share, see cluster."`
	Cluster    Cluster          `yaml:"cluster" doc:"Several gateways before one live environment. Only store: postgres looks at it."`
	Names      []string         `yaml:"names" example:"live.example.com" doc:"Host values that are accepted, host or host:port. A host without a port stands for the ports of listen too."`
	TLS        section.TLS      `yaml:"tls" doc:"Where the listeners' certificate comes from."`
	Hosts      section.Hosts    `yaml:"hosts" doc:"Who may connect at all."`
	Peers      []Peer           `yaml:"peers" doc:"Who may publish, with which secret, into which sites. A key belongs to a peer."`
	Engine     section.Engine   `yaml:"engine" doc:"The live engine behind the gateway, and how publishers speak to it."`
	Quota      Quota            `yaml:"quota" doc:"How much one address and one peer may ask for."`
	Limits     section.Limits   `yaml:"limits" doc:"Bounds of one request and of the stream in its body."`
	Heartbeat  time.Duration    `yaml:"heartbeat" default:"15s" min:"1s" max:"1m" doc:"A publisher who waits for an answer longer than this gets a sign of life, again and again."`
	Drain      time.Duration    `yaml:"drain" default:"30s" max:"1h" doc:"How long a stopping gateway goes on serving publishes that have begun."`
	RetryAfter time.Duration    `yaml:"retry_after" default:"30s" min:"1s" max:"1h" doc:"What the Retry-After header of a 503 says."`
	Repeats    section.Repeats  `yaml:"repeats" doc:"Answers kept for a client that sends the same call again."`
	Requests   section.Requests `yaml:"requests" doc:"What is remembered about staging requests."`
	Audit      section.Audit    `yaml:"audit" doc:"The audit log, written into the data folder."`
	Admin      section.Admin    `yaml:"admin" doc:"The listener for those who run the gateway: health, metrics, status, reload, profiles."`
	Sync       Sync             `yaml:"sync" doc:"Several servers that keep each other's content alike, with changes travelling both ways."`
	Kentico    kentico.Section  `yaml:"kentico" doc:"A Kentico server behind the gateway, and those it stages with, for engine.profile: kentico. Experimental: no recording of a real call was at hand."`
	Log        Log              `yaml:"log" doc:"The gateway's own log, written to standard error."`

	clusterKeys [][]byte // what Cluster.KeyFile holds
	origins     settings.Origins
}

// ClusterKeys returns the keys of 32 bytes in Cluster.KeyFile, the one to use first; none if it is not given or
// cannot be used.
func (c *Config) ClusterKeys() [][]byte { return c.clusterKeys }
