package vendor

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/conf/settings"
)

// An address is in the merged list exactly if it is in both.
func TestIntersectAgainstMembership(t *testing.T) {
	entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) settings.Item {
		a := netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(t, "last")})
		if rapid.Bool().Draw(t, "single") {
			return settings.Item{Text: a.String()}
		}
		p, err := a.Prefix(rapid.IntRange(22, 32).Draw(t, "bits"))
		if err != nil {
			t.Fatal(err)
		}
		return settings.Item{Text: p.String()}
	}), 0, 6)
	rapid.Check(t, func(t *rapid.T) {
		a, b := entries.Draw(t, "a"), entries.Draw(t, "b")
		kept, dropped := intersect(a, b)
		for last := range 256 {
			addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(last)})
			if want, got := in(a, addr) && in(b, addr), in(kept, addr); got != want {
				t.Fatalf("%s in %v: %t, want %t", addr, kept, got, want)
			}
			for _, d := range dropped {
				if in([]settings.Item{d}, addr) && in(a, addr) && in(b, addr) && !in(kept, addr) {
					t.Fatalf("%s was dropped with %s", addr, d.Text)
				}
			}
		}
	})
}

func in(list []settings.Item, a netip.Addr) bool {
	for _, it := range list {
		if p, ok := prefix(it.Text); ok && p.Contains(a) {
			return true
		}
	}
	return false
}

func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"10.0.0.0/8", "10.1.2.3", true}, {"10.1.2.3", "10.0.0.0/8", false}, {"10.0.0.0/8", "10.0.0.0/16", true},
		{"SERVER_IP", "127.0.0.1", true}, {"SERVER_IP", "::1", true}, {"SERVER_IP", "127.0.0.0/8", false}, {"SERVER_IP", "10.0.0.1", false},
		{"SERVER_IP", "SERVER_IP", true}, {"10.0.0.0/8", "SERVER_IP", false}, {"::/0", "10.0.0.1", false}, {"0.0.0.0/0", "::1", false},
		{"::ffff:0:0/96", "10.0.0.1", false}, {"fe80::/10", "fe80::1%eth0", false}, {"x", "x", true}, {"x", "y", false}, {"10.0.0.0/8", "x", false},
	} {
		if got := covers(tt.a, tt.b); got != tt.want {
			t.Errorf("covers(%s, %s) = %t", tt.a, tt.b, got)
		}
	}
}

func TestDotted(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.0/255.0.0.0": "10.0.0.0/8", "10.0.0.1/255.255.255.255": "10.0.0.1/32", "0.0.0.0/0.0.0.0": "0.0.0.0/0",
		"fd00::/ffff:ffff::": "fd00::/32", "10.0.0.0/255.0.255.0": "10.0.0.0/255.0.255.0", "10.0.0.0/8": "10.0.0.0/8", "SERVER_IP": "SERVER_IP",
	} {
		list := []settings.Item{{Text: in}}
		if dotted(list); list[0].Text != want {
			t.Errorf("%s → %s, want %s", in, list[0].Text, want)
		}
	}
}
