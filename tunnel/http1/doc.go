// Package http1 is the strict HTTP/1.1 of the tunnel path, on the side of the client: a reader and writer. It
// refuses where a general server repairs: one spelling of a head is accepted, a body has exactly one length,
// and nothing is read that was not asked for. forward is the side of the engine.
//
// One goroutine serves one connection: Conn.Next reads a head, Conn.Read its body, Conn.Respond answers. A head
// costs one allocation, a byte of a body none. Works on any net.Conn, with or without TLS.
package http1
