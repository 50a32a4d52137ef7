// Package tunnel holds the words that all wires share: a Call that was read, the Principal that it
// names, and the Problem that a peer is told about. It does no I/O and imports nothing of ours.
package tunnel
