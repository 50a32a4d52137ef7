package front

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// Doorbell is a listener of TCP that can be asked whether anybody takes what comes. Its own connections are
// seen by nobody else: they are counted, judged and recorded nowhere.
type Doorbell struct {
	net.Listener

	mu     sync.Mutex // guards what follows
	rung   map[netip.AddrPort]chan struct{}
	closed chan struct{}
}

// NewDoorbell returns l with a bell.
func NewDoorbell(l net.Listener) *Doorbell {
	return &Doorbell{Listener: l, rung: map[netip.AddrPort]chan struct{}{}, closed: make(chan struct{})}
}

// Accept is that of the listener.
func (d *Doorbell) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil || !d.mine(c) {
			return c, err
		}
		c.Close()
	}
}

// mine reports whether a connection is one that Ring made, and tells it.
func (d *Doorbell) mine(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	from := addrOf(c.RemoteAddr())
	heard, own := d.rung[from]
	if own {
		delete(d.rung, from)
		close(heard)
	}
	return own
}

// Close closes the listener. Nobody has to answer from now on.
func (d *Doorbell) Close() error {
	d.mu.Lock()
	select {
	case <-d.closed:
	default:
		close(d.closed)
	}
	d.mu.Unlock()
	return d.Listener.Close()
}

// Ring connects to the listener and returns nil if that is accepted, or if there is nothing to be said: it is
// closed, or no connection can be made from here. It returns ctx's error if nobody accepts.
func (d *Doorbell) Ring(ctx context.Context) error {
	for _, at := range d.doors() {
		if connected, err := d.ringAt(ctx, at); connected || err != nil {
			return err
		}
	}
	return nil
}

// doors are the addresses at which the listener may be reached from here. One of all addresses of IPv6 is one of those
// of IPv4 too, and the only way to it on a machine without IPv6.
func (d *Doorbell) doors() []netip.AddrPort {
	at := addrOf(d.Addr())
	v4 := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	switch {
	case !at.Addr().IsUnspecified():
		return []netip.AddrPort{at}
	case at.Addr().Is4():
		return []netip.AddrPort{v4}
	}
	return []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Loopback(), at.Port()), v4}
}

// ringAt is Ring at one address, and reports whether a connection was made.
func (d *Doorbell) ringAt(ctx context.Context, at netip.AddrPort) (connected bool, err error) {
	heard := make(chan struct{})
	var from netip.AddrPort
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { // known before the other side sees it
		var err error
		if controlled := c.Control(func(fd uintptr) { from, err = bindTo(int(fd), at.Addr()) }); controlled != nil {
			return controlled
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.rung[from] = heard
		return err
	}}
	c, err := dialer.DialContext(ctx, "tcp", at.String())
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.rung, from)
	}()
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil { // the queue is full
			return false, errors.Join(ctx.Err(), err)
		}
		return false, nil
	}
	defer c.Close()
	select {
	case <-heard:
		return true, nil
	case <-d.closed:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// bindTo binds a socket to a port of an address of this machine, and returns it.
func bindTo(fd int, a netip.Addr) (netip.AddrPort, error) {
	var sa syscall.Sockaddr = &syscall.SockaddrInet6{Addr: a.As16()}
	if a.Is4() {
		sa = &syscall.SockaddrInet4{Addr: a.As4()}
	}
	if err := syscall.Bind(fd, sa); err != nil {
		return netip.AddrPort{}, err
	}
	bound, err := syscall.Getsockname(fd)
	switch b := bound.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(b.Addr), uint16(b.Port)), err
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(b.Addr).Unmap(), uint16(b.Port)), err
	}
	return netip.AddrPort{}, err
}
