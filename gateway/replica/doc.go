// Package replica is one server among those that keep each other's content alike, without its wires: it
// pulls what people edited out of the engine's journal, takes the changes of others, writes them into
// the engine, and carries out what a person decided about a conflict.
//
// Every write into the engine is an intent first, a compare-and-set in the engine, and then one
// transaction that finishes it. A crash anywhere in between is settled by the engine's journal, so that
// nothing is taken twice, lost, or written over an edit that nobody has seen.
package replica
