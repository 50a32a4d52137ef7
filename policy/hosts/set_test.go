package hosts_test

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/policy/hosts"
)

func addr(t testing.TB, s string) netip.Addr {
	t.Helper()
	a, err := netip.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// newSet fails the test if the list has a problem that is not a warning.
func newSet(t testing.TB, c hosts.Config) *hosts.Set {
	t.Helper()
	s, problems := hosts.New(c)
	for _, p := range problems {
		if !p.Warning {
			t.Fatalf("New(%q): %v", c.Allow, p)
		}
	}
	return s
}

func TestContains(t *testing.T) {
	for _, tt := range []struct {
		name, list, peer string
		want             bool
	}{
		{"the address itself", "192.0.2.1", "192.0.2.1", true},
		{"its neighbour", "192.0.2.1", "192.0.2.2", false},
		{"inside a prefix", "10.0.0.0/8", "10.255.255.255", true},
		{"one past a prefix", "10.0.0.0/8", "11.0.0.0", false},
		{"mapped peer, IPv4 prefix", "127.0.0.0/8", "::ffff:127.0.0.1", true},
		{"mapped peer in hex", "127.0.0.0/8", "::ffff:7f00:1", true},
		{"mapped entry, IPv4 peer", "::ffff:192.0.2.1", "192.0.2.1", true},
		{"mapped prefix, IPv4 peer", "::ffff:10.0.0.0/104", "10.1.2.3", true},
		{"mapped prefix, mapped peer", "::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true},
		{"mapped prefix, other IPv4 peer", "::ffff:10.0.0.0/104", "11.1.2.3", false},
		{"dotted mask", "10.20.0.0/255.255.0.0", "10.20.30.40", true},
		{"dotted mask, outside", "10.20.0.0/255.255.0.0", "10.21.0.0", false},
		{"IPv6 mask", "2001:db8::/ffff:ffff::", "2001:db8:1::1", true},
		{"Liferay's spelling of loopback", "0:0:0:0:0:0:0:1", "::1", true},
		{"IPv6 prefix", "2001:db8::/32", "2001:db8:ffff::1", true},
		{"IPv6 prefix, outside", "2001:db8::/32", "2001:db9::", false},
		{"6to4 is not the IPv4 address", "10.0.0.1", "2002:0a00:0001::1", false},
		{"NAT64 is not the IPv4 address", "10.0.0.1", "64:ff9b::10.0.0.1", false},
		{"IPv4-compatible is not the IPv4 address", "10.0.0.1", "::10.0.0.1", false},
		{"IPv4 peer, 6to4 prefix", "2002:0a00:0001::/48", "10.0.0.1", false},
		{"a prefix over the mapped range admits no IPv4", "::/8", "10.0.0.1", false},
		{"nor a mapped one", "::/8", "::ffff:10.0.0.1", false},
		{"but its IPv6 addresses", "::/8", "::2", true},
		{"zone and address", "fe80::1%eth0", "fe80::1%eth0", true},
		{"another zone", "fe80::1%eth0", "fe80::1%eth1", false},
		{"zoned entry, peer without", "fe80::1%eth0", "fe80::1", false},
		{"zoned peer, entry without", "fe80::1", "fe80::1%eth0", false},
		{"zoned peer, prefix", "fe80::/10", "fe80::1%eth0", false},
		{"zoned mapped peer is not IPv4", "10.0.0.0/8", "::ffff:10.0.0.1%eth0", false},
		{"Liferay's word for nobody", "255.255.255.255", "10.0.0.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSet(t, hosts.Config{Allow: []string{tt.list}})
			if got := s.Contains(addr(t, tt.peer)); got != tt.want {
				t.Errorf("[%s] contains %s: %v, want %v", tt.list, tt.peer, got, tt.want)
			}
			entry, ok := s.Match(addr(t, tt.peer))
			if ok != tt.want || ok && entry != tt.list {
				t.Errorf("Match = %q, %v; want %q, %v", entry, ok, tt.list, tt.want)
			}
		})
	}
}

// refusals are the entries that do not stand, with a word of the message and one of the cure.
var refusals = []struct{ name, entry, msg, cure string }{
	{"empty", "", "empty", "remove"},
	{"spaces only", "  ", "empty", "remove"},
	{"space in front", " 10.0.0.1", "white space", `"10.0.0.1"`},
	{"line break behind", "10.0.0.1\n", "white space", `"10.0.0.1"`},
	{"space inside a prefix", "10.0.0.0 /8", "white space", `"10.0.0.0"`},
	{"space before a length", "10.0.0.0/ 8", "not plainly", "10.0.0.0/8"},
	{"two entries", "10.0.0.1,10.0.0.2", "more than one", "one address"},
	{"host bits", "10.1.2.3/8", "bits set", "10.0.0.0/8"},
	{"host bits, IPv6", "2001:db8::1/32", "bits set", "2001:db8::/32"},
	{"host bits, mapped", "::ffff:10.1.2.3/104", "bits set", "10.0.0.0/8"},
	{"host bits, dotted mask", "10.1.2.3/255.255.255.0", "bits set", "10.1.2.0/24"},
	{"mapped, meant as IPv4", "::ffff:10.0.0.0/8", "all of IPv4", "10.0.0.0/8"},
	{"mapped, 24 bits", "::ffff:192.0.2.0/24", "all of IPv4", "192.0.2.0/24"},
	{"mapped, shorter than 96", "::ffff:10.0.0.0/95", "all of IPv4", "10.0.0.0"},
	{"mapped, all of IPv4", "::ffff:0:0/96", "all of IPv4", "0.0.0.0/0"},
	{"mapped, 96 with bits set", "::ffff:10.0.0.1/96", "all of IPv4", "10.0.0.1"},
	{"mapped, 0 bits", "::ffff:0:0/0", "all of IPv4", "allow_any"},
	{"octal to some, decimal to Java", "010.0.0.1", "plain decimal", "Java reads this one as 10.0.0.1"},
	{"many zeros", "00000010.1.2.3", "plain decimal", "Java reads this one as 10.1.2.3"},
	{"octal with digits that are none", "1.2.3.0377", "plain decimal", "leading zeros"},
	{"octal in a prefix", "010.0.0.0/8", "plain decimal", "Java reads this one as 10.0.0.0"},
	{"octal in a mapped address", "::ffff:010.0.0.1", "leading zeros", "leading zeros"},
	{"three numbers", "1.2.3", "plain decimal", "1.2.0.3"},
	{"three numbers, large", "1.2.65535", "plain decimal", "1.2.255.255"},
	{"two numbers", "127.1", "plain decimal", "127.0.0.1"},
	{"one number", "2130706433", "plain decimal", "127.0.0.1"},
	{"one number, too large", "4294967296", "plain decimal", "four decimal"},
	{"a number of 256", "256.1.1.1", "plain decimal", "four decimal"},
	{"hexadecimal", "0x7f.0.0.1", "hexadecimal", "decimal"},
	{"one hexadecimal", "0x7F000001", "hexadecimal", "decimal"},
	{"five numbers", "1.2.3.4.5", "no address", "IPv4"},
	{"brackets", "[::1]", "brackets", "::1"},
	{"brackets and port", "[2001:db8::1]:8080", "port", "2001:db8::1"},
	{"port", "10.0.0.1:8080", "port", "10.0.0.1"},
	{"padded length", "10.0.0.0/08", "not plainly", "10.0.0.0/8"},
	{"signed length", "10.0.0.0/+8", "not plainly", "10.0.0.0/8"},
	{"length too large", "10.0.0.0/33", "0 to 32", "10.0.0.0/8"},
	{"length too large, IPv6", "2001:db8::/129", "0 to 128", "/8"},
	{"no length", "10.0.0.0/", "0 to 32", "/8"},
	{"two slashes", "10.0.0.0/8/8", "no address", "IPv4"},
	{"mask with a hole", "10.0.0.0/255.0.255.0", "ones after zeros", "one prefix"},
	{"wildcard mask", "10.0.0.0/0.0.0.255", "ones after zeros", "one prefix"},
	{"mask of the other family", "10.0.0.0/ffff::", "one family", "10.0.0.0/8"},
	{"mask that is none", "10.0.0.0/255.255.256.0", "no mask", "10.0.0.0/8"},
	{"zone in a prefix", "fe80::%eth0/64", "no zone", "fe80::1%eth0"},
	{"zone behind a prefix", "fe80::/64%eth0", "0 to 128", "/8"},
	{"zone of an IPv4 address", "10.0.0.1%eth0", "no address", "IPv4"},
	{"zone of a mapped address", "::ffff:10.0.0.1%eth0", "no zone", "10.0.0.1"},
	{"empty zone", "fe80::1%", "no address", "IPv6"},
	{"zone with a space", "fe80::1%eth0 ", "no name", "fe80::1%eth0"},
	{"host name", "live.example.com", "names are not looked up", "addresses"},
	{"localhost", "localhost", "host name", "127.0.0.1 and ::1"},
	{"URL", "https://10.0.0.1/", "URL", "address"},
	{"wildcard", "10.0.*", "wildcard", "10.0.0.0/16"},
	{"two wildcards", "10.1.*.*", "wildcard", "10.1.0.0/16"},
	{"star", "*", "no prefix", "allow_any"},
	{"range", "10.0.0.1-10.0.0.9", "range", "prefixes"},
	{"SERVER_IP in small letters", "server_ip", "not spelled", "SERVER_IP"},
	{"all of IPv4", "0.0.0.0/0", "every address", "allow_any"},
	{"all of IPv4 by mask", "0.0.0.0/0.0.0.0", "every address", "allow_any"},
	{"all of IPv6", "::/0", "every address", "allow_any"},
	{"full-width digits", "１０.0.0.1", "no address", "IPv4"},
}

func TestRefusedEntries(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			s, problems := hosts.New(hosts.Config{Allow: []string{"192.0.2.1", tt.entry}})
			if s != nil || s.Contains(addr(t, "192.0.2.1")) {
				t.Error("a list with a refused entry admits somebody")
			}
			if len(problems) != 1 {
				t.Fatalf("problems: %v, want one", problems)
			}
			p := problems[0]
			if p.Warning || p.Index != 1 || p.Entry != tt.entry {
				t.Errorf("problem %+v, want a refusal of entry 1", p)
			}
			if !strings.Contains(p.Msg, tt.msg) || !strings.Contains(p.Cure, tt.cure) {
				t.Errorf("%q: %q, want %q: %q", p.Msg, p.Cure, tt.msg, tt.cure)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		name   string
		list   []string
		index  int
		phrase string
	}{
		{"duplicate", []string{"10.0.0.1", "10.0.0.1"}, 1, `the same as entry 1, "10.0.0.1"`},
		{"duplicate in another spelling", []string{"::1", "0:0:0:0:0:0:0:1"}, 1, `the same as entry 1, "::1"`},
		{"duplicate as mapped", []string{"10.0.0.1", "::ffff:10.0.0.1"}, 1, `the same as entry 1`},
		{"duplicate as mask", []string{"10.0.0.0/8", "10.0.0.0/255.0.0.0"}, 1, `the same as entry 1`},
		{"duplicate zone", []string{"fe80::1%a", "fe80::1%a"}, 1, `the same as entry 1`},
		{"shadowed by an earlier", []string{"10.0.0.0/8", "10.1.0.0/16"}, 1, `lies inside entry 1, "10.0.0.0/8"`},
		{"shadowed by a later", []string{"10.1.0.0/16", "10.0.0.0/8"}, 0, `lies inside entry 2, "10.0.0.0/8"`},
		{"nobody", []string{"255.255.255.255"}, 0, "no peer has this address"},
		{"unspecified", []string{"0.0.0.0"}, 0, "no peer has this address"},
		{"link-local without zone", []string{"fe80::1"}, 0, "comes with a zone"},
		{"link-local prefix", []string{"fe80::/64"}, 0, "comes with a zone"},
		{"IPv6 prefix over the mapped range", []string{"::/8"}, 0, "does not admit IPv4"},
		{"IPv4-compatible", []string{"::10.0.0.1"}, 0, "IPv4-compatible"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, problems := hosts.New(hosts.Config{Allow: tt.list})
			if s == nil || len(problems) != 1 {
				t.Fatalf("set %v, problems %v; want a set and one warning", s, problems)
			}
			p := problems[0]
			if !p.Warning || p.Index != tt.index || !strings.Contains(p.String(), tt.phrase) || p.Cure == "" {
				t.Errorf("got %+v, want a warning of entry %d with %q", p, tt.index, tt.phrase)
			}
		})
	}
}

func TestWidestEntryShadows(t *testing.T) {
	_, problems := hosts.New(hosts.Config{Allow: []string{"10.1.1.0/24", "10.1.0.0/16", "10.0.0.0/8"}})
	if len(problems) != 2 {
		t.Fatalf("problems %v, want two", problems)
	}
	for _, p := range problems {
		if !strings.Contains(p.Msg, "10.0.0.0/8") {
			t.Errorf("%v does not name the widest entry", p)
		}
	}
}

func TestQuietLists(t *testing.T) {
	machine := func() ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}, nil
	}
	for _, list := range [][]string{
		{"127.0.0.1", "SERVER_IP"}, // Liferay's default
		{"SERVER_IP", "127.0.0.1"},
		{"10.0.0.0/9", "11.0.0.0/9"},
		{"fe80::1%eth0", "fe80::1%eth1", "::1", "10.0.0.1", "2001:db8::/32"},
	} {
		if s, problems := hosts.New(hosts.Config{Allow: list, Interfaces: machine}); s == nil || len(problems) != 0 {
			t.Errorf("%q: %v, want nothing to say", list, problems)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	list := make([]string, 0, len(refusals))
	for _, r := range refusals {
		list = append(list, r.entry)
	}
	_, problems := hosts.New(hosts.Config{Allow: list})
	if len(problems) != len(refusals) {
		t.Errorf("%d problems of %d entries", len(problems), len(refusals))
	}
}

func TestNobody(t *testing.T) {
	var nilSet *hosts.Set
	empty, problems := hosts.New(hosts.Config{})
	if len(problems) != 1 || problems[0].Warning || problems[0].Index != -1 {
		t.Errorf("empty list: %v, want one problem of the whole list", problems)
	}
	for name, s := range map[string]*hosts.Set{"nil": nilSet, "zero": {}, "empty list": empty} {
		for _, a := range []netip.Addr{{}, addr(t, "127.0.0.1"), addr(t, "::1"), addr(t, "::ffff:1.2.3.4"), addr(t, "fe80::1%lo")} {
			if _, ok := s.Match(a); ok || s.Contains(a) || s.Len() != 0 {
				t.Errorf("%s set admits %v", name, a)
			}
		}
	}
	some := newSet(t, hosts.Config{Allow: []string{"0.0.0.0/0", "::/0"}, AllowAny: true})
	if _, ok := some.Match(netip.Addr{}); ok || some.Contains(netip.Addr{}) {
		t.Error("the invalid address is admitted")
	}
}

func TestAllowAny(t *testing.T) {
	both := newSet(t, hosts.Config{Allow: []string{"0.0.0.0/0", "::/0"}, AllowAny: true})
	only6, problems := hosts.New(hosts.Config{Allow: []string{"::/0"}, AllowAny: true})
	if len(problems) != 1 || !problems[0].Warning {
		t.Errorf("::/0 alone: %v, want a warning that IPv4 stays out", problems)
	}
	for _, peer := range []string{"10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"} {
		a := addr(t, peer)
		if !both.Contains(a) {
			t.Errorf("%s is refused though all are allowed", peer)
		}
		if got, want := only6.Contains(a), a.Unmap().Is6(); got != want {
			t.Errorf("::/0 contains %s: %v", peer, got)
		}
	}
	if both.Contains(addr(t, "fe80::1%eth0")) {
		t.Error("a prefix admits a zoned peer")
	}
}

func TestHalvesTogetherAdmitEverybody(t *testing.T) {
	for _, list := range [][]string{
		{"0.0.0.0/1", "128.0.0.0/1"},
		{"::/1", "8000::/2", "c000::/2"},
		{"0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "::ffff:192.0.0.0/98"},
	} {
		s, problems := hosts.New(hosts.Config{Allow: list})
		last := problems[len(problems)-1]
		if s != nil || last.Warning || last.Index != -1 || !strings.Contains(last.String(), "allow_any") {
			t.Errorf("%q: %v", list, problems)
		}
		newSet(t, hosts.Config{Allow: list, AllowAny: true})
	}
}

func TestServerIP(t *testing.T) {
	own := []netip.Addr{addr(t, "192.0.2.7"), addr(t, "::ffff:192.0.2.8"), addr(t, "2001:db8::7"), addr(t, "fe80::7%eth0"), {}}
	s := newSet(t, hosts.Config{
		Allow:      []string{"SERVER_IP", "198.51.100.0/24"},
		Interfaces: func() ([]netip.Addr, error) { return own, nil },
	})
	for peer, want := range map[string]string{
		"192.0.2.7": "SERVER_IP", "192.0.2.8": "SERVER_IP", "::ffff:192.0.2.7": "SERVER_IP", "2001:db8::7": "SERVER_IP",
		"fe80::7%eth0": "SERVER_IP", "fe80::7": "", "fe80::7%eth1": "", "192.0.2.9": "", "198.51.100.1": "198.51.100.0/24",
	} {
		if got, ok := s.Match(addr(t, peer)); got != want || ok != (want != "") {
			t.Errorf("Match(%s) = %q, want %q", peer, got, want)
		}
	}
	if s.Len() != 5 {
		t.Errorf("Len = %d, want 5", s.Len())
	}
}

func TestServerIPUnknown(t *testing.T) {
	for name, tt := range map[string]struct {
		interfaces func() ([]netip.Addr, error)
		usable     bool
	}{
		"not given": {nil, false},
		"failing":   {func() ([]netip.Addr, error) { return nil, errors.New("no netlink") }, false},
		"none":      {func() ([]netip.Addr, error) { return nil, nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, problems := hosts.New(hosts.Config{Allow: []string{"SERVER_IP"}, Interfaces: tt.interfaces})
			if len(problems) != 1 || problems[0].Warning != tt.usable || (s != nil) != tt.usable {
				t.Errorf("set %v, problems %v", s, problems)
			}
			if s.Contains(addr(t, "127.0.0.1")) {
				t.Error("somebody is admitted")
			}
		})
	}
}

func TestNarrowestEntryIsNamed(t *testing.T) {
	s := newSet(t, hosts.Config{Allow: []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3"}})
	for peer, want := range map[string]string{"10.2.0.1": "10.0.0.0/8", "10.1.9.9": "10.1.0.0/16", "10.1.2.3": "10.1.2.3"} {
		if got, _ := s.Match(addr(t, peer)); got != want {
			t.Errorf("Match(%s) = %q, want %q", peer, got, want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := newSet(t, hosts.Config{Allow: []string{"10.0.0.0/8", "fe80::1%eth0"}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if _, ok := s.Match(netip.MustParseAddr("10.1.1.1")); !ok || s.Contains(netip.MustParseAddr("11.1.1.1")) {
					t.Error("wrong decision")
				}
			}
		})
	}
	wg.Wait()
}
