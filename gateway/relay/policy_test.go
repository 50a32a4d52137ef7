package relay

import (
	"net/netip"
	"testing"
)

func TestTheZeroPolicyAdmitsNobody(t *testing.T) {
	var p Policy
	addr := netip.MustParseAddr("10.1.2.3")
	if p.Hosts.Contains(addr) || len(p.candidates(addr)) > 0 || p.Local(addr) {
		t.Error("the zero policy admits somebody")
	}
}
