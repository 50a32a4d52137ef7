// Package harness starts what tests of everything together need: a real gateway from a configuration
// file, with TLS by its own authority, an engine, and a raw sink in place of one that shows every
// byte that arrived.
package harness
