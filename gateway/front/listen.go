package front

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// Listen wraps l so that the balancers among proxies must send a PROXY protocol header within head,
// and nobody else may.
func Listen(l net.Listener, proxies interface{ Trusted(netip.Addr) bool }, head time.Duration) net.Listener {
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: head, ValidateHeader: namesClient,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if proxies.Trusted(addrOf(o.Upstream).Addr()) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

// errProxyHeader is a PROXY protocol header of a balancer that names no client of this port.
var errProxyHeader = errors.New("PROXY protocol header names no TCP client")

// namesClient refuses headers of other protocols than TCP over IP, and those whose extensions cannot be read: a
// connection under them would have no address, or another than the balancer meant. LOCAL is the balancer's own.
func namesClient(h *proxyproto.Header) error {
	if h.Command.IsLocal() {
		return nil
	}
	if h.TransportProtocol != proxyproto.TCPv4 && h.TransportProtocol != proxyproto.TCPv6 {
		return fmt.Errorf("%w: protocol %#02x", errProxyHeader, byte(h.TransportProtocol))
	}
	if _, err := h.TLVs(); err != nil {
		return fmt.Errorf("%w: %w", errProxyHeader, err)
	}
	return nil
}
