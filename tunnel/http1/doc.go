// Package http1 is the strict HTTP/1.1 of the tunnel path: a reader and writer for the side of the
// client, and a forwarder for the side of the engine. It refuses where a general server repairs:
// one spelling of a head is accepted, a body has exactly one length, and nothing is copied from
// one side to the other that the caller did not pass itself.
//
// One goroutine serves one connection: Conn.Next reads a head, Conn.Read its body, Conn.Respond
// answers. Upstream.Open takes or makes a connection to the engine, Exchange.Send writes head and
// first bytes in one write, Exchange.Reply reads the answer. A head costs one allocation, a byte
// of a body none. Works on any net.Conn, with or without TLS.
package http1
