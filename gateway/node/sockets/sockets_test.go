package sockets

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
)

// A port below 1024 was said to be in use.
func TestCuresOfListening(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EACCES:        "CAP_NET_BIND_SERVICE",
		syscall.EADDRINUSE:    "stop what uses that port",
		syscall.EADDRNOTAVAIL: "no such address",
		syscall.EAFNOSUPPORT:  "no IPv6",
		syscall.EMFILE:        "change listen",
	} {
		wrapped := fmt.Errorf("listen: %w", &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", err)})
		if got := bindCure(wrapped); !strings.Contains(got, want) {
			t.Errorf("%v: %s", err, got)
		}
	}
}

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
