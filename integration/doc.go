// Package integration holds the tests of everything together, and in its folders the other side of
// the gateway: the reference engine, the publisher's side, and the vendor's own code.
package integration
