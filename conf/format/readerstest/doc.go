// Package readerstest asks the vendor's own readers of configuration files what they read, in a JVM. Only tests
// may import it.
package readerstest
