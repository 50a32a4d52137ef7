package operate

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestOwnAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"0.0.0.0:8443": "[127.0.0.1:8443]", "[::]:8443": "[[::1]:8443 127.0.0.1:8443]", "10.1.2.3:1": "[10.1.2.3:1]",
	} {
		if got := fmt.Sprint(own(netip.MustParseAddrPort(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
