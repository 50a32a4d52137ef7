package wire

import (
	"io"
	"net"
	"os"
	"syscall"
)

// maxQuick is the largest transfer that is made without the scheduler's knowledge: it takes microseconds.
const maxQuick = WidestSize

// quick reads and writes a socket without telling the scheduler of each system call: none of them waits, and on a
// busy machine it would give the thread's place away while the kernel delivers, and take it back with a wake-up.
// What has to wait waits in the poller, as every connection does. Reads belong to one goroutine at a time, and writes.
type quick struct {
	rc  syscall.RawConn
	in  transfer
	out transfer
}

// transfer is one read or write under way.
type transfer struct {
	p    []byte
	n    int
	err  error
	call func(fd uintptr) (done bool) // made once: a transfer allocates nothing
}

// newQuick returns nil if c is no TCP connection itself: a wrapper may hold bytes back.
func newQuick(c net.Conn) *quick {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	rc, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	q := &quick{rc: rc}
	q.in.call, q.out.call = q.in.receive, q.out.send
	return q
}

// read is Read of the connection.
func (q *quick) read(p []byte) (int, error) {
	t := &q.in
	t.p, t.n, t.err = p, 0, nil
	err := q.rc.Read(t.call)
	t.p = nil
	switch {
	case err != nil:
		return 0, err
	case t.err != nil:
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: t.err}
	case t.n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return t.n, nil
}

// write is Write of the connection.
func (q *quick) write(p []byte) (int, error) {
	t := &q.out
	t.p, t.n, t.err = p, 0, nil
	err := q.rc.Write(t.call)
	t.p = nil
	if err == nil && t.err != nil {
		err = &net.OpError{Op: "write", Net: "tcp", Err: t.err}
	}
	return t.n, err
}

func (t *transfer) receive(fd uintptr) bool {
	n, errno := raw(syscall.SYS_READ, fd, t.p)
	if errno == syscall.EAGAIN {
		return false
	}
	return t.ended("read", n, errno)
}

// send writes until all is written, or the kernel has no room.
func (t *transfer) send(fd uintptr) bool {
	for t.n < len(t.p) {
		n, errno := raw(syscall.SYS_WRITE, fd, t.p[t.n:])
		switch {
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			return t.ended("write", 0, errno)
		}
		t.n += n
	}
	return true
}

func (t *transfer) ended(call string, n int, errno syscall.Errno) bool {
	if errno != 0 {
		t.err = os.NewSyscallError(call, errno)
		return true
	}
	t.n = n
	return true
}
