package node

import (
	"net"
	"net/netip"
	"testing"
)

// 0.0.0.0 opened IPv6 too.
func TestListenOpensWhatIsWritten(t *testing.T) {
	all4, all6 := netip.MustParseAddrPort("0.0.0.0:8443"), netip.MustParseAddrPort("[::]:8443")
	for _, tt := range []struct {
		name   string
		a      netip.AddrPort
		listen []netip.AddrPort
		want   string
	}{
		{"every IPv4 address", all4, []netip.AddrPort{all4}, "tcp4"},
		{"one IPv4 address", netip.MustParseAddrPort("10.0.0.1:1"), nil, "tcp4"},
		{"both families", all6, []netip.AddrPort{all6}, "tcp"},
		{"each by itself", all6, []netip.AddrPort{all4, all6}, "tcp6"},
		{"one IPv6 address", netip.MustParseAddrPort("[fd00::1]:1"), nil, "tcp6"},
	} {
		if got := network(tt.a, tt.listen); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	l, err := net.Listen(network(netip.MustParseAddrPort("0.0.0.0:0"), nil), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if c, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", port)); err != nil {
		t.Errorf("IPv4: %v", err)
	} else {
		c.Close()
	}
	if c, err := net.Dial("tcp6", net.JoinHostPort("::1", port)); err == nil {
		c.Close()
		t.Error("0.0.0.0 opened IPv6 too")
	}
}
