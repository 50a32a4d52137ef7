package front

import (
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// Listen wraps l so that the balancers among proxies must send a PROXY protocol header within head,
// and nobody else may.
func Listen(l net.Listener, proxies interface{ Trusted(netip.Addr) bool }, head time.Duration) net.Listener {
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: head,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if proxies.Trusted(addrOf(o.Upstream).Addr()) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}
