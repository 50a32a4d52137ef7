// Package visit is one visit of a peer, on whatever wire: its id, the address it comes from, whether
// that is admitted, its verdict before anything can happen, its outcome afterwards, and the counts
// of refusals. Every request takes its steps from here, be it one of the tunnel, one over HTTP/2, or
// one that is no HTTP at all.
package visit
