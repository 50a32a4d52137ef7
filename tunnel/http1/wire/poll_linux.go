package wire

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawPoll asks for the events of one descriptor and does not wait for them.
func rawPoll(fd *unix.PollFd) syscall.Errno {
	var none unix.Timespec
	for {
		_, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL,
			uintptr(unsafe.Pointer(fd)), 1, uintptr(unsafe.Pointer(&none)), 0, 0, 0)
		if errno != syscall.EINTR {
			return errno
		}
	}
}
