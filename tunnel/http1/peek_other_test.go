//go:build !linux

package http1_test

import (
	"net"
	"testing"
)

// peek cannot wait for input here without taking it.
func peek(t testing.TB, _ net.Conn) {
	t.Helper()
	t.Skip("needs Linux")
}
