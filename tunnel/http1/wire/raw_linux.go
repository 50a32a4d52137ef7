//go:build !race

package wire

import (
	"syscall"
	"unsafe"
)

// raw makes a read or write that does not wait, without telling the scheduler.
func raw(trap, fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		if errno != syscall.EINTR { // else a signal of the runtime's own came in between
			return int(n), errno
		}
	}
}
