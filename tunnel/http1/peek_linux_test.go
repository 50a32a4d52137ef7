package http1_test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// peek waits until c has input, and leaves it there.
func peek(t testing.TB, c net.Conn) {
	t.Helper()
	rc, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil { // that of the reply before, which a busy machine outlasts
		t.Fatal(err)
	}
	if err := rc.Read(func(fd uintptr) bool {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return n > 0 || err != unix.EAGAIN
	}); err != nil {
		t.Fatal(err)
	}
}
