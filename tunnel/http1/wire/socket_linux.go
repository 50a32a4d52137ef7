package wire

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Probe asks the kernel about a socket without reading from it.
type Probe struct {
	rc   syscall.RawConn
	fds  [1]unix.PollFd
	poll func(fd uintptr) // made once: asking allocates nothing
}

// NewProbe returns nil if c is no socket.
func NewProbe(c net.Conn) *Probe {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	p := &Probe{rc: rc}
	p.poll = func(fd uintptr) {
		p.fds[0].Fd, p.fds[0].Revents = int32(fd), 0
		if rawPoll(&p.fds[0]) != 0 {
			p.fds[0].Revents = unix.POLLERR
		}
	}
	return p
}

// events returns which of the wanted events the socket has now; a socket that cannot be asked has
// an error.
func (p *Probe) events(want int16) int16 {
	p.fds[0].Events = want
	if err := p.rc.Control(p.poll); err != nil {
		return unix.POLLERR
	}
	return p.fds[0].Revents
}

// Quiet reports whether the peer has sent nothing and has not closed.
func (p *Probe) Quiet() bool { return p == nil || p.events(unix.POLLIN|unix.POLLRDHUP) == 0 }

// Gone reports whether the peer has closed or reset.
func (p *Probe) Gone() bool {
	return p != nil && p.events(unix.POLLRDHUP)&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}

// Queued returns how many bytes the peer's kernel has not acknowledged.
func (p *Probe) Queued() (n int) {
	if p == nil {
		return 0
	}
	_ = p.rc.Control(func(fd uintptr) { // without it nothing is known
		if q, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			n = q
		}
	})
	return n
}

func (p *Probe) quickAck() {
	_ = p.rc.Control(func(fd uintptr) { // without it the answer comes later, not wrong
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
}
