// Package sockets opens what listen names: what a service manager handed over is taken, the rest is bound.
package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// network is the one that opens what is written: 0.0.0.0 every IPv4 address and no IPv6 one, which Go
// would open too; [::] both, unless 0.0.0.0 has the port already.
func network(a netip.AddrPort, listen []netip.AddrPort) string {
	switch {
	case a.Addr().Is4():
		return "tcp4"
	case a.Addr().IsUnspecified() && !slices.Contains(listen, netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())):
		return "tcp"
	}
	return "tcp6"
}

// Bind listens on a, one of the addresses of listen. The error says what to do.
func Bind(ctx context.Context, a netip.AddrPort, listen []netip.AddrPort) (net.Listener, error) {
	var lc net.ListenConfig
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	l, err := lc.Listen(ctx, network(a, listen), a.String())
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; %s", a, err, bindCure(err))
	}
	return l, nil
}

// bindCure says what to do about an address that cannot be listened on.
func bindCure(err error) string {
	switch {
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 are root's: give the gateway the capability CAP_NET_BIND_SERVICE, as its systemd unit does, " +
			"or listen on a higher port and have the balancer or the firewall pass 443 on to it"
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop what uses that port (ss -ltnp shows it), or change listen"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address: write one that it has, or 0.0.0.0 for all of IPv4"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return "this machine has no IPv6: write an IPv4 address, such as 0.0.0.0"
	}
	return "change listen"
}

// Take finds the listener for an address, and returns the others. One for all IPv6 addresses takes
// IPv4 too.
func Take(given []net.Listener, a netip.AddrPort) (net.Listener, []net.Listener) {
	for i, l := range given {
		tcp, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			continue
		}
		at := tcp.AddrPort()
		same := at.Addr().Unmap() == a.Addr().Unmap() || at.Addr().IsUnspecified() && a.Addr().IsUnspecified()
		if same && (at.Port() == a.Port() || a.Port() == 0) {
			return l, slices.Delete(slices.Clone(given), i, i+1)
		}
	}
	return nil, given
}

// Closed is what a Close returned, but for a listener that was closed before.
func Closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
