// Package source is how a gateway reads what changed in its engine and writes what others changed into
// it: the contract Source, and the same over HTTP on the loopback interface, with a token.
package source
