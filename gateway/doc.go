// Package gateway holds the rooms of the gateway and no code of its own.
//
// A call's way through them:
//
//	front     accepts the connection: PROXY protocol from trusted balancers, limits, TLS; hands it to
//	          the service of its protocol
//	relay     reads the head of a tunnel call and takes the call through one visible list of steps; what
//	          a step needs has a room below it
//	tasks     takes the calls of Kentico servers through a list of its own, in the place of relay
//	visit     gives it an id, finds the client's address, admits or refuses it, writes its verdict
//	          before anything can happen and its outcome afterwards; the same on every wire
//	once      lets the first of equal calls pass and gives its duplicates its answer
//	upstream  says which node of the live engine it goes to
//	exchange  keeps several servers alike: replica, what the engine has and what is known of it; inbox and outbox, what
//	          comes and what is sent; approval, what waits for a person before it reaches the replica
//	errands   keeps the tasks that a Kentico hands in, and is its journal for exchange: store and forward
//	doctor    what a doctor looks at, here and on the way to the other end, and the desk that answers its
//	          questions
//	native    serves HTTP/2, each request of it a visit
//	admin     the listener for those who run the gateway: health, metrics, status, reload, profiles
//	status    what a gateway says of itself, in one value, in words too
//	metrics   what it counts, for Prometheus
//	watch     looks on: counts events, says how each publish ended, warns of certificates
//	audit     the log of verdicts and outcomes, a chain of hashes with signed checkpoints; below it the
//	          chain, the proof that it is whole, the retention of what is old, the trail of a publish
//	certs     the certificate of the listeners
//	node      builds all of that from a configuration, runs, reloads and drains it; below it the plan that
//	          a configuration makes, the trial of a call, the sockets of listen, the names in the data
//	          folder, and what a reload says
//
// Arrows point down only: node knows all; relay and native know visit and metrics; relay knows once and
// upstream; visit knows audit; metrics and admin know status and ask nobody else. once knows neither wire nor connection,
// upstream no call, relay no store but by
// its contracts. integration/imports_test.go holds these rules as exact lists.
package gateway
