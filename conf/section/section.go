package section

import (
	"net/url"
	"time"

	"github.com/stagelock/stagelock/conf/address"
	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// What settings are made of.
type (
	// Endpoint is an address with a port, or a Unix socket.
	Endpoint = address.Endpoint
	// Secret is a text that nothing prints.
	Secret = scalar.Secret
	// Size is a number of bytes.
	Size = scalar.Size
	// Rate is a number of events a second.
	Rate = scalar.Rate
	// Path is a file or folder.
	Path = scalar.Path
)

// Cluster says with whom a gateway shares its store.
type Cluster struct {
	Name     string        `yaml:"name" default:"live" restart:"true" doc:"Name of the cluster. The first gateway writes it into the database; the others must say the same."`
	Node     string        `yaml:"node" empty:"the host name" restart:"true" doc:"Name of this gateway, of its own in the cluster."`
	KeyFile  Path          `yaml:"key_file" empty:"none; store: postgres needs it" restart:"true" doc:"File with 64 hexadecimal digits, the same on every gateway: it seals the certificates that they share, and makes the keys of TLS session tickets. stagelock cluster key makes one. While one takes the place of another it holds two, one a line: the first one seals, both open. Nobody but the gateway's user may read it."`
	Postgres Postgres      `yaml:"postgres" doc:"The database, PostgreSQL 15 or later."`
	Lease    time.Duration `yaml:"lease" default:"10s" min:"3s" max:"60s" restart:"true" doc:"How long others wait for the calls of a gateway that died."`
	Patience time.Duration `yaml:"patience" default:"30s" max:"5m" restart:"true" doc:"How long a call that has its body waits for a database that is away or failing over, before it is refused."`
	Notice   time.Duration `yaml:"drain_notice" default:"10s" max:"5m" doc:"How long a stopping gateway still takes everything, while its health says that it stops: longer than the balancer's checks need, inter times fall and a second. Then it closes its listeners, and calls under way have drain."`
	Migrate  string        `yaml:"migrate" default:"auto" oneof:"auto manual" restart:"true" doc:"auto: a gateway that starts brings the schema up to date. manual: stagelock store migrate does."`
}

// Postgres says where the database is.
type Postgres struct {
	URL         PostgresURL `yaml:"url" doc:"How the server is reached."`
	Schema      string      `yaml:"schema" default:"stagelock" restart:"true" doc:"Schema that holds the tables; it is made if it is not there."`
	Connections int         `yaml:"connections" default:"16" min:"4" max:"1000" restart:"true" doc:"Connections of one gateway for its calls. Three more are for its lease and its log."`
	Pooler      bool        `yaml:"pooler" default:"false" restart:"true" doc:"A pooler in transaction mode, such as PgBouncer, is in front of the server."`
}

// PostgresURL is a database's URL, which holds its password.
type PostgresURL struct {
	Value Secret `yaml:"value" empty:"unset" restart:"true" doc:"postgres://user:password@host/database?sslmode=verify-full. Better in a file of its own: see file."`
	File  Path   `yaml:"file" empty:"unset" restart:"true" doc:"File with the URL. Nobody but the gateway's user may read it."`
}

// TLS says where the certificate of the listeners comes from.
type TLS struct {
	Source      string `yaml:"source" default:"local" oneof:"local files acme" restart:"true" doc:"local: a small authority of the gateway's own, made on first start. files: certificate and key. acme: an ACME authority."`
	Certificate Path   `yaml:"certificate" doc:"PEM file with the certificate and its chain, for source files. A renewed one is taken with the next reload (SIGHUP)."`
	Key         Path   `yaml:"key" doc:"PEM file with the private key, for source files."`
	MinVersion  string `yaml:"min_version" default:"1.2" oneof:"1.2 1.3" restart:"true" doc:"Lowest TLS version. Java 7 and 8 publishers need 1.2."`
	ACME        ACME   `yaml:"acme" doc:"For source acme."`
}

// ACME describes an ACME authority.
type ACME struct {
	Email     string   `yaml:"email" doc:"Where the authority may write to."`
	Directory *url.URL `yaml:"directory" default:"https://acme-v02.api.letsencrypt.org/directory" doc:"The authority's directory."`
	CARoot    Path     `yaml:"ca_root" doc:"PEM file to trust for the directory itself, for an authority inside the house."`
	Challenge string   `yaml:"challenge" default:"tls-alpn-01" oneof:"http-01 tls-alpn-01" doc:"http-01 needs port 80 from outside, tls-alpn-01 port 443."`
}

// Hosts is the allowlist and what is known about balancers in front.
type Hosts struct {
	Allow          []string `yaml:"allow" example:"10.1.2.0/24" doc:"Addresses and prefixes that may connect, IPv4 or IPv6; SERVER_IP stands for every address of this machine. Empty admits nobody."`
	AllowAny       bool     `yaml:"allow_any" default:"false" doc:"Permits 0.0.0.0/0 and ::/0 in allow."`
	Refuse         string   `yaml:"refuse" default:"answer" oneof:"answer drop" doc:"What a stranger gets: an answer with status 403, or a closed connection."`
	TrustedProxies []string `yaml:"trusted_proxies" doc:"Balancers whose X-Forwarded-For is read, from the right."`
	ProxyProtocol  []string `yaml:"proxy_protocol" restart:"true" doc:"Balancers that must send a PROXY protocol header, version 1 or 2."`
}

// Peer is one party that publishes through the gateway.
type Peer struct {
	Name            string   `yaml:"name" example:"staging" doc:"Name in the log and in the audit log."`
	Addresses       []string `yaml:"addresses" doc:"Addresses of hosts.allow that this peer comes from; empty for all of them."`
	Sites           []Site   `yaml:"sites" example:"20143" doc:"Group ids of the live sites it may publish into, or the word any."`
	Logins          []string `yaml:"logins" example:"publisher@example.com" doc:"Logins it may act as; absent for any login that live knows."`
	PartMaxBytes    Size     `yaml:"part_max_bytes" default:"128MiB" min:"1kB" max:"2GiB" doc:"Largest part of an archive: at least the sender's staging.remote.transfer.buffer.size."`
	ArchiveMaxBytes Size     `yaml:"archive_max_bytes" default:"0" doc:"Largest archive; 0 for no limit."`
	Principals      []string `yaml:"principals" example:"*@staging.example.com -> *@example.com" doc:"Under which login of live its publishers act, where the two sides know them by different ones: entries as login -> login. A star stands for the same text on both sides. A login without an entry stays. The audit log keeps the publisher's own."`
	Types           []string `yaml:"types" example:"web-content" doc:"Types of content it may publish: pages, web-content, documents, tags, categories, blogs, wiki, message-boards, bookmarks, calendars, lists, forms, templates, the id of an application, or the class of a model; absent for all. Both the manifest of an archive and the names of its entries count; an archive of which not all came through this gateway, or with an entry where no portal puts anything, is not published."`
	Secret          Keys     `yaml:"secret" example:"file=/etc/stagelock/staging.secret" doc:"The shared secret with which this peer's tokens are made."`
}

// Key is one shared secret and how it becomes the key of a cipher.
type Key struct {
	Value     Secret `yaml:"value" empty:"unset" doc:"The secret itself. Better in a file of its own: see file."`
	File      Path   `yaml:"file" empty:"unset" doc:"File with the secret; line breaks at its end do not count. Nobody but the gateway's user may read it."`
	Algorithm string `yaml:"algorithm" default:"AES" oneof:"AES Blowfish DESede" doc:"The cipher: tunneling.servlet.encryption.algorithm."`
	Hex       bool   `yaml:"hex" default:"false" doc:"The secret is written in hexadecimal digits: tunneling.servlet.shared.secret.hex."`
}

// Keys is a current key and the one that it replaces.
type Keys struct {
	Key
	Previous Key `yaml:"previous" doc:"The secret before this one, accepted while senders change over."`
}

// Engine is the live engine: which product it is, how publishers address it, and where it is.
type Engine struct {
	Profile     string   `yaml:"profile" default:"liferay" oneof:"liferay kentico" restart:"true" doc:"The product, which decides what is spoken on the wire: liferay the tunnel, kentico the staging service of Kentico 9 to 13, see kentico."`
	Line        string   `yaml:"line" was:"line" default:"7.4" oneof:"6.2 7.0 7.1 7.2 7.3 7.4" cure:"write the line: 2024.Q4, 7.4.3.112 and 7.4 u92 are 7.4, 7.0.10 is 7.0" doc:"Version line of the live engine, or a version of it such as 2024.Q4. It decides which remote calls exist."`
	PathContext string   `yaml:"path_context" was:"path_context" doc:"Path context that publishers use, such as /live; empty for none."`
	BrowserURL  *url.URL `yaml:"browser_url" example:"https://www.example.com" doc:"Address under which browsers see the live sites, with the path context they use. Links to live that publishers are shown begin with it; without it they are the engine's own, and none where that is an address of its nodes."`
	PatchLevel  string   `yaml:"patch_level" default:"warn" oneof:"equal warn any" doc:"What becomes of a publish if the two engines do not say the same product, version and patch level. equal: it is refused, also if one of them does not say. warn: the log tells. any: nobody looks. Live's level is that of its Liferay-Portal header."`
	Upstream    Upstream `yaml:"upstream" was:"upstream" doc:"Where the engine is and how it is reached."`
	Liferay     Liferay  `yaml:"liferay" was:"liferay" doc:"Liferay's own files, read as they are. Keys of this file win over what stands there."`
}

// Upstream is where the engine is and how it is reached.
type Upstream struct {
	Nodes          []*url.URL    `yaml:"nodes" example:"http://127.0.0.1:8080" doc:"Base URLs of the engine's nodes, without a path."`
	PathContext    string        `yaml:"path_context" doc:"The engine's own path context, such as /portal; empty for none."`
	CA             Path          `yaml:"ca" doc:"PEM file of the authority that the certificates of https nodes come from, for one inside the house; it counts beside the system's."`
	ServerName     string        `yaml:"server_name" doc:"Name that the certificate of https nodes is for; empty for the name or address in nodes."`
	Host           string        `yaml:"host" doc:"Host header sent to the engine; empty for the node's own."`
	Hosts          []VirtualHost `yaml:"hosts" doc:"Host headers for the sites of further virtual instances, which the engine tells apart by them."`
	Secret         Key           `yaml:"secret" doc:"The engine's own secret. Absent: that of Liferay's files, else the one that all peers share."`
	Health         Health        `yaml:"health" doc:"How a node's health is asked for."`
	ConnectTimeout time.Duration `yaml:"connect_timeout" default:"5s" min:"10ms" max:"1m" doc:"How long a connection to a node may take."`
	Reuse          bool          `yaml:"reuse" default:"true" doc:"A connection to a node carries one call after the other. Off, each call has one of its own, so that a node that answers twice answers no other call."`

	authorities []byte // the content of CA, see Trust
}

// VirtualHost is one virtual instance of the engine.
type VirtualHost struct {
	Host  string `yaml:"host" example:"intranet.example.com" doc:"Host header sent with calls of these sites."`
	Sites []Site `yaml:"sites" example:"31001" doc:"Group ids of the sites of that instance."`
}

// Health is the active check of a node.
type Health struct {
	Path     string        `yaml:"path" default:"/" doc:"Path that a healthy node answers with less than 500."`
	Interval time.Duration `yaml:"interval" default:"5s" min:"100ms" max:"10m" doc:"Time between two checks."`
	Timeout  time.Duration `yaml:"timeout" default:"2s" min:"10ms" max:"1m" doc:"Time for the answer."`
	Failures int           `yaml:"failures" default:"3" min:"1" max:"100" doc:"Failures in a row that take a node out."`
	Call     time.Duration `yaml:"call" default:"1m" max:"1h" doc:"Time between two looks whether a node would take a publish: a read with the engine's secret, under a login that nobody has; sooner while it would not. A gateway is ready if one would. 0 for never: a gateway is ready then if a node answers at all."`
}

// Liferay names Liferay's own files; the keys after home are read from these unless they are
// written here.
type Liferay struct {
	PortalExt           []Path   `yaml:"portal_ext" doc:"portal-ext.properties and its like; a later file wins. Files that they include are read too."`
	OSGi                []Path   `yaml:"osgi" doc:"The .config or .cfg file of the tunnel's verifier, one for each factory configuration."`
	Home                Path     `yaml:"home" doc:"What ${liferay.home} stands for in those files."`
	Variables           []string `yaml:"variables" doc:"What other ${...} stand for there, as name=value: properties of the portal's JVM, such as liferay.configDir=/opt/conf. Those of the environment are taken from the gateway's own."`
	HTTPSRequired       bool     `yaml:"https_required" default:"false" doc:"The engine insists on https: tunnel.servlet.https.required."`
	BufferSize          Size     `yaml:"buffer_size" default:"10MiB" min:"1" max:"2GiB" doc:"Size of the parts this environment sends: staging.remote.transfer.buffer.size."`
	Enabled             bool     `yaml:"enabled" default:"true" doc:"The engine's tunnel verifier is switched on."`
	URLsIncludes        []string `yaml:"urls_includes" default:"/api/liferay/do" doc:"Paths that the engine's tunnel verifier looks at."`
	URLsExcludes        []string `yaml:"urls_excludes" doc:"Paths that it leaves alone."`
	ServiceAccessPolicy string   `yaml:"service_access_policy" default:"SYSTEM_USER_PASSWORD" doc:"Service access policy of the engine's tunnel verifier."`
}

// Quota bounds what one address and one peer may ask for.
type Quota struct {
	PerAddressRate        Rate `yaml:"per_address_rate" default:"500/s" min:"1/m" doc:"Requests of one address (IPv6: one /64) that may fail. A request with the right secret is never refused for them."`
	PerAddressBurst       int  `yaml:"per_address_burst" default:"1000" min:"1" max:"1000000" doc:"How many of them may come at once."`
	FailureCost           int  `yaml:"failure_cost" default:"100" min:"1" max:"1000000" doc:"How many requests one that failed counts for, besides itself."`
	PeerRate              Rate `yaml:"peer_rate" default:"200/s" min:"1/m" doc:"Calls of one peer. What is above it waits, it is not refused."`
	PeerBurst             int  `yaml:"peer_burst" default:"400" min:"1" max:"1000000" doc:"How many of them may come at once."`
	Connections           int  `yaml:"connections" default:"1024" min:"1" max:"1000000" doc:"Open connections in all, but for those of strangers."`
	ConnectionsPerAddress int  `yaml:"connections_per_address" default:"64" min:"1" max:"1000000" doc:"Open connections of one address (IPv6: one /64). Those of the balancers of hosts count among all only."`
	Strangers             int  `yaml:"strangers" default:"128" min:"1" max:"1000000" doc:"Open connections of addresses that neither hosts.allow nor the balancers of hosts name, in all; a sixteenth of them of one address. They have these places only, so they take none from publishers."`
	StrangerHandshakes    Rate `yaml:"stranger_handshakes" default:"10/s" min:"1/m" doc:"TLS handshakes of one of them (IPv6: one /64), five times as many at once. Those of allowed addresses wait above peer_rate, at most a second, and are never refused."`
	CallsPerPeer          int  `yaml:"calls_per_peer" default:"32" min:"1" max:"100000" doc:"Calls of one peer that may be under way at once."`
	Memory                Size `yaml:"memory" default:"256MiB" min:"16MiB" max:"1TiB" doc:"Memory that all calls under way may take, with their answers; eight times the larger of limits.envelope and limits.reply at least. Three quarters are for what is above 128 KiB of a call, half of these for one peer. A call that finds no room waits, then it is refused."`
	Tracked               int  `yaml:"tracked" default:"10000" min:"16" max:"10000000" doc:"Addresses whose rates are remembered."`
}

// Limits bounds one request and the object stream in its body.
type Limits struct {
	Envelope         Size          `yaml:"envelope" default:"4MiB" min:"64KiB" max:"64MiB" doc:"Everything of a call but the content of a part. It is held in memory."`
	Reply            Size          `yaml:"reply" default:"16MiB" min:"64KiB" max:"256MiB" doc:"Largest answer of the engine."`
	HeadTimeout      time.Duration `yaml:"head_timeout" default:"10s" min:"100ms" max:"5m" doc:"Time for TLS handshake and head of a request, each."`
	StrangerTimeout  time.Duration `yaml:"stranger_timeout" default:"5s" min:"100ms" max:"5m" doc:"As head_timeout and idle_timeout, where they are longer, for addresses that neither hosts.allow nor the balancers of hosts name."`
	IdleTimeout      time.Duration `yaml:"idle_timeout" default:"620s" min:"1s" max:"1h" doc:"Time that a connection may rest between two requests. Longer than a balancer before the gateway keeps its own: then it is always the balancer that closes first, and no call is cut."`
	BodyMinRate      Size          `yaml:"body_min_rate" default:"4KiB" min:"1" max:"1GiB" doc:"Bytes a second that a body must keep up, over ten seconds. Lower than the slowest line of an office divided by the publishes that share it."`
	Depth            int           `yaml:"depth" default:"32" min:"8" max:"256" doc:"Nesting of objects in a stream."`
	Handles          int           `yaml:"handles" default:"250000" min:"1000" max:"10000000" doc:"Objects in a stream."`
	ClassDescriptors int           `yaml:"class_descriptors" default:"64" min:"16" max:"1024" doc:"Classes described in a stream."`
	Elements         int           `yaml:"elements" default:"100000" min:"1000" max:"10000000" doc:"Entries of one map, list or array other than a part's bytes."`
}

// Repeats bounds how long an answer waits for a client that asks again.
type Repeats struct {
	Keep time.Duration `yaml:"keep" default:"2m" min:"1s" max:"1h" doc:"Time after the answer in which the same call gets it again."`
}

// Requests bounds how long staging requests are remembered.
type Requests struct {
	Keep      time.Duration `yaml:"keep" default:"168h" min:"1h" max:"365d" doc:"Time after the clean-up in which a staging request is still known."`
	Abandoned time.Duration `yaml:"abandoned" default:"2m" min:"1ms" max:"24h" doc:"Time without a call after which a publish counts as given up: until then nobody else can publish the same archive into the same site, then what it left is cleaned up."`
}

// Audit describes the audit log.
type Audit struct {
	Checkpoint time.Duration `yaml:"checkpoint" default:"10s" min:"100ms" max:"1h" doc:"Longest time between two signed checkpoints."`
	Every      int           `yaml:"every" default:"1000" min:"1" max:"1000000" doc:"Most events between two signed checkpoints."`
	MaxBytes   Size          `yaml:"max_bytes" default:"64MiB" min:"64KiB" max:"16GiB" doc:"Size at which a new file is begun."`
	KeyFile    Path          `yaml:"key_file" empty:"the file audit.key in the data folder" restart:"true" doc:"The private key that signs the log, made if it is not there. Name one of its own where the data folder does not outlive the process, as in a container."`
	Strangers  int           `yaml:"strangers" default:"10" min:"1" max:"1000000" doc:"Refusals of addresses outside hosts.allow that get an event of their own, a second; the rest is summed up once a minute, so that strangers cannot fill the disk."`
}

// Admin describes the listener for those who run the gateway.
type Admin struct {
	Listen []Endpoint `yaml:"listen" default:"127.0.0.1:9464,unix:admin.sock" doc:"Addresses with their ports, and Unix sockets as unix: and a file, which lies in the data folder unless it begins with a slash; an empty list for none. stagelock status and stagelock reload use the socket."`
	Allow  []string   `yaml:"allow" doc:"Addresses and prefixes of other machines that may read health and metrics; nobody but this machine may reload."`
	Names  []string   `yaml:"names" doc:"Host values that are accepted there, beside addresses, localhost, the machine's name and those of names: a web page cannot use a browser on this machine."`
	Group  string     `yaml:"group" doc:"Group of the system that may open the socket; empty for nobody but the gateway's own user."`
	Pprof  bool       `yaml:"pprof" default:"false" doc:"Profiles under /debug/pprof/ for every user of this machine; who has the socket has them anyway."`
}

// Log describes the gateway's own log.
type Log struct {
	Level  string `yaml:"level" default:"info" oneof:"error warn info debug" doc:"The least that is written."`
	Format string `yaml:"format" default:"text" oneof:"text json" doc:"One line of text, or one JSON object, for each entry."`
}
