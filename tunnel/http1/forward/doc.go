// Package forward is the side of the engine: Upstream.Open takes or makes a connection, Exchange.Send writes
// head and first bytes in one write, Exchange.Reply reads the answer. Nothing is copied from one side to the
// other that the caller did not pass itself, and a reply is held to one form as a request is.
package forward
