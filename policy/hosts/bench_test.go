package hosts_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stagelock/stagelock/policy/hosts"
)

// manyPrefixes is a list of n prefixes, half of each family.
func manyPrefixes(n int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]string, 0, n)
	for i := range n {
		var b [16]byte
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		b[0], b[1] = 0x20, 0x01
		a, length := netip.AddrFrom16(b), 32+r.IntN(33)
		if i%2 == 0 {
			a, length = netip.AddrFrom4([4]byte(b[2:6])), 12+r.IntN(21)
		}
		list = append(list, netip.PrefixFrom(a, length).Masked().String())
	}
	return list
}

func BenchmarkContains(b *testing.B) {
	peers := []netip.Addr{
		netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:198.51.100.1"), netip.MustParseAddr("2001:db8::1"),
		netip.MustParseAddr("fe80::1%eth0"),
	}
	for _, n := range []int{10, 1_000, 10_000} {
		s := newSet(b, hosts.Config{Allow: manyPrefixes(n)})
		b.Run(fmt.Sprintf("prefixes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Contains(peers[i%len(peers)])
			}
		})
		b.Run(fmt.Sprintf("match/prefixes=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Match(peers[i%len(peers)])
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	list := manyPrefixes(10_000)
	b.ReportAllocs()
	for b.Loop() {
		hosts.New(hosts.Config{Allow: list})
	}
}

func BenchmarkClient(b *testing.B) {
	p := newProxies(b, "10.0.0.0/8")
	proxy := netip.MustParseAddr("10.0.0.1")
	lines := []string{"127.0.0.1, 198.51.100.1", "10.0.0.2"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Client(proxy, lines); err != nil {
			b.Fatal(err)
		}
	}
}
