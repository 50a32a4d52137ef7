package hosts_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/blind"
	"github.com/stagelock/stagelock/policy/hosts"
)

func entrySeeds(f blind.Seeds) {
	for _, r := range refusals {
		f.Add(r.entry, "10.0.0.1")
	}
	for _, s := range []string{"10.0.0.0/8", "::ffff:10.0.0.0/104", "2001:db8::/ffff:ffff::", "fe80::1%eth0", "SERVER_IP"} {
		f.Add(s, "2001:db8::1")
	}
}

// decides holds: an entry that stands admits its own first address and nobody of the other
// family, names itself, and decides alike on an address and on its mapped form; one that does not
// stand is explained.
func decides(t testing.TB, entry, peer string) {
	s, problems := hosts.New(hosts.Config{Allow: []string{entry}})
	a, _ := netip.ParseAddr(peer)
	if s == nil {
		explained(t, problems)
		return
	}
	if s.Len() != 1 {
		t.Fatalf("%q is %d entries", entry, s.Len())
	}
	name, ok := s.Match(a)
	if ok != s.Contains(a) || ok && name != entry {
		t.Fatalf("%q: Match(%v) = %q, %v", entry, a, name, ok)
	}
	if s.Contains(a) != s.Contains(netip.AddrFrom16(a.As16()).WithZone(a.Zone())) && a.IsValid() {
		t.Fatalf("%q decides otherwise on the mapped form of %v", entry, a)
	}
	first, _, _ := strings.Cut(entry, "/")
	own, err := netip.ParseAddr(first)
	if err != nil || !s.Contains(own) {
		t.Fatalf("%q does not admit %q", entry, first)
	}
	if a.IsValid() && s.Contains(a) && a.Unmap().Is4() != own.Unmap().Is4() {
		t.Fatalf("%q admits %v of the other family", entry, a)
	}
}

func FuzzEntry(f *testing.F) {
	entrySeeds(f)
	f.Fuzz(func(t *testing.T, entry, peer string) { decides(t, entry, peer) })
}

func TestBlind(t *testing.T) {
	blind.Run(t, "FuzzEntry", entrySeeds, func(t testing.TB, in *blind.Input) { decides(t, in.String(0), in.String(1)) })
}

func explained(t testing.TB, problems []hosts.Finding) {
	t.Helper()
	for _, p := range problems {
		if p.Msg == "" || p.Cure == "" {
			t.Fatalf("%+v explains nothing", p)
		}
	}
	if len(problems) == 0 {
		t.Fatal("refused without a problem")
	}
}

// FuzzForwardedFor holds: an untrusted peer is judged on its socket whatever it says; what a
// trusted one wrote at the right end decides alone, whatever stands left of it; and an answer is a
// valid address, without zone, never mapped.
func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{
		"198.51.100.1", "unknown", "[2001:db8::9]:443", "10.0.0.2, 198.51.100.1:80", " , ", "[", "]:", "fe80::1%eth0", "10.0.0.2\n10.0.0.3",
	} {
		f.Add(s)
	}
	p, _ := hosts.NewProxies([]string{"10.0.0.0/8"})
	proxy, stranger := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.1")
	f.Fuzz(func(t *testing.T, header string) {
		lines := strings.Split(header, "\n")
		if a, err := p.Client(stranger, lines); err != nil || a != stranger {
			t.Fatalf("%q moves an untrusted peer to %v, %v", header, a, err)
		}
		a, err := p.Client(proxy, lines)
		if err == nil && (!a.IsValid() || a.Zone() != "" || a.Is4In6()) || err != nil && a.IsValid() {
			t.Fatalf("%q: %v, %v", header, a, err)
		}
		lines[len(lines)-1] += ", 198.51.100.7"
		if a, err := p.Client(proxy, lines); err != nil || a.String() != "198.51.100.7" {
			t.Fatalf("%q overrides what the proxy wrote: %v, %v", header, a, err)
		}
	})
}
