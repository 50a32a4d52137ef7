package wire

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
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
