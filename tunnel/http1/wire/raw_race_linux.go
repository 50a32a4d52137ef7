//go:build race

package wire

import (
	"errors"
	"syscall"
)

// raw is that of other builds by the calls of package syscall, which tell the race detector what the kernel touched,
// and that what came was sent before.
func raw(trap, fd uintptr, p []byte) (n int, errno syscall.Errno) {
	call := syscall.Write
	if trap == syscall.SYS_READ {
		call = syscall.Read
	}
	for {
		n, err := call(int(fd), p)
		if !errors.As(err, &errno) {
			errno = 0
		}
		if errno != syscall.EINTR {
			return max(n, 0), errno
		}
	}
}
