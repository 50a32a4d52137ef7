package hosts_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/policy/hosts"
)

var decisions = flag.Int("decisions", proved(), "how many decisions to compare with the oracle")

// proved is how many decisions are compared unless a flag says so: a million where PROVE is set.
func proved() int {
	if os.Getenv("PROVE") != "" {
		return 1_000_000
	}
	return 50_000
}

// bits is an address as the oracle sees it: 4 or 16 bytes, most significant first, and a zone.
type bits struct {
	bytes []byte
	zone  string
}

// rule is an entry as the oracle sees it. A length of -1 stands for one address with its zone.
type rule struct {
	bits
	length int
}

// admits compares bit by bit; it shares no code and no type with the package.
func admits(rules []rule, peer bits) bool {
	peer.bytes = carried(peer)
	for _, r := range rules {
		if r.matches(peer) {
			return true
		}
	}
	return false
}

// carried is the IPv4 address in a mapped one without a zone, else the address itself.
func carried(b bits) []byte {
	if len(b.bytes) == 4 || b.zone != "" {
		return b.bytes
	}
	for i, v := range b.bytes[:12] {
		if i < 10 && v != 0 || i >= 10 && v != 0xff {
			return b.bytes
		}
	}
	return b.bytes[12:]
}

func (r rule) matches(peer bits) bool {
	if len(r.bytes) != len(peer.bytes) || r.zone != peer.zone {
		return false
	}
	n := r.length
	if n < 0 {
		n = 8 * len(r.bytes)
	}
	for i := range n {
		if (r.bytes[i/8]^peer.bytes[i/8])>>(7-i%8)&1 != 0 {
			return false
		}
	}
	return true
}

// spell writes bytes as an address, without any help of netip.
func spell(b []byte, mapped bool) string {
	if len(b) == 4 {
		dotted := fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3])
		if mapped {
			return "::ffff:" + dotted
		}
		return dotted
	}
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%x", int(b[2*i])<<8|int(b[2*i+1]))
	}
	return strings.Join(groups, ":")
}

// drawRule makes an entry and its spelling.
func drawRule(t *rapid.T) (rule, string) {
	size := rapid.SampledFrom([]int{4, 16}).Draw(t, "size")
	b := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "bytes")
	if size == 16 && rapid.IntRange(0, 3).Draw(t, "zoned") == 0 {
		copy(b, []byte{0xfe, 0x80})
		zone := rapid.SampledFrom([]string{"eth0", "eth1"}).Draw(t, "zone")
		return rule{bits{b, zone}, -1}, spell(b, false) + "%" + zone
	}
	n := rapid.IntRange(1, 8*size).Draw(t, "length")
	for i := n; i < 8*size; i++ {
		b[i/8] &^= 1 << (7 - i%8)
	}
	return rule{bits{b, ""}, n}, spellPrefix(t, b, n)
}

// spellPrefix chooses one of the ways to write a prefix.
func spellPrefix(t *rapid.T, b []byte, n int) string {
	full := 8 * len(b)
	switch way := rapid.IntRange(0, 3).Draw(t, "way"); {
	case n == full && way == 0:
		return spell(b, false)
	case len(b) == 4 && way == 1:
		return fmt.Sprintf("%s/%d", spell(b, true), 96+n)
	case way == 2:
		mask := make([]byte, len(b))
		for i := range n {
			mask[i/8] |= 1 << (7 - i%8)
		}
		return spell(b, false) + "/" + spell(mask, false)
	}
	return fmt.Sprintf("%s/%d", spell(b, false), n)
}

// near makes a peer that is likely to lie on the border of one of the rules.
func near(rules []rule, r *rand.Rand) bits {
	from := rules[r.IntN(len(rules))]
	p := bits{append([]byte(nil), from.bytes...), from.zone}
	for range r.IntN(3) {
		i := r.IntN(8 * len(p.bytes))
		p.bytes[i/8] ^= 1 << (7 - i%8)
	}
	switch r.IntN(8) {
	case 0:
		return bits{bytes: wrap(p.bytes, nil, 0xff, 0xff)} // mapped
	case 1:
		return bits{bytes: wrap(p.bytes, nil, 0, 0)} // IPv4-compatible
	case 2:
		return bits{bytes: wrap(p.bytes, []byte{0, 0x64, 0xff, 0x9b}, 0, 0)} // NAT64
	case 3:
		if len(p.bytes) == 16 {
			p.zone = []string{"", "eth0", "eth1"}[r.IntN(3)]
		}
	case 4:
		for i := range p.bytes {
			p.bytes[i] = byte(r.Uint32())
		}
	}
	return p
}

// wrap puts an IPv4 address at the end of an IPv6 one.
func wrap(b, head []byte, last ...byte) []byte {
	if len(b) == 16 {
		return b
	}
	w := make([]byte, 16)
	copy(w, head)
	copy(w[10:], last)
	copy(w[12:], b)
	return w
}

// TestDecisionsMatchOracle compares -decisions decisions over random lists with a bit by bit
// comparison.
func TestDecisionsMatchOracle(t *testing.T) {
	const peersPerList = 500
	made, admitted := 0, 0
	for made < *decisions {
		rapid.Check(t, func(t *rapid.T) {
			rules, set := drawList(t)
			r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
			for range peersPerList {
				peer := near(rules, r)
				a, _ := netip.AddrFromSlice(peer.bytes)
				a = a.WithZone(peer.zone)
				want := admits(rules, peer)
				if got := set.Contains(a); got != want {
					t.Fatalf("%v in %v: %v, the oracle says %v", a, rules, got, want)
				}
				if _, got := set.Match(a); got != want {
					t.Fatalf("match of %v in %v: %v, the oracle says %v", a, rules, got, want)
				}
				made++
				if want {
					admitted++
				}
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d admitted", admitted)
	t.Logf("prove: %d pairs of address and list against a bitwise oracle, 0 decided otherwise", made)
	if admitted < made/10 || admitted > made*9/10 {
		t.Errorf("%d of %d admitted: the peers do not lie on the borders", admitted, made)
	}
}

func drawList(t *rapid.T) ([]rule, *hosts.Set) {
	var rules []rule
	var list []string
	for range rapid.IntRange(1, 30).Draw(t, "entries") {
		r, s := drawRule(t)
		if len(r.bytes) == 16 && len(carried(r.bits)) == 4 {
			continue // a mapped prefix: judged in tables
		}
		rules, list = append(rules, r), append(list, s)
	}
	set, problems := hosts.New(hosts.Config{Allow: list, AllowAny: true})
	if set == nil {
		t.Fatalf("%q: %v", list, problems)
	}
	return rules, set
}
