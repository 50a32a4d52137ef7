package http1_test

import (
	"net"
	"runtime"
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
	if err := rc.Read(func(fd uintptr) bool {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return n > 0 || err != unix.EAGAIN
	}); err != nil {
		t.Fatal(err)
	}
}

// eventually asks until the answer is yes, for a while: the kernel tells nobody when a segment has arrived.
func eventually(t testing.TB, yes func() bool) bool {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); runtime.Gosched() {
		if yes() {
			return true
		}
	}
	return false
}
