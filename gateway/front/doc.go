// Package front accepts connections: PROXY protocol from trusted balancers, limits, TLS. It hands
// each connection to the service of the protocol that was agreed on, gives a service of HTTP/1.1 its
// requests one after another, and knows which connections rest, to close them when the gateway goes
// down.
package front
