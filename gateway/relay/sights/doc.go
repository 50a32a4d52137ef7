// Package sights keeps what is needed to read the manifest of an archive whose parts go straight on to
// the engine, and judges by it which types of content are in the archive. It is kept in the store, so
// that the parts may come over several gateways, in any order, and over a restart.
//
// A part counts once the engine took it. Before its tail leaves it is noted as under way: one of which
// nobody knows whether the engine took it leaves the archive unseen, and what is unseen is not
// published.
package sights
