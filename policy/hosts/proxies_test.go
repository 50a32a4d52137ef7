package hosts_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/hosts"
)

func newProxies(t testing.TB, trusted ...string) *hosts.Proxies {
	t.Helper()
	p, problems := hosts.NewProxies(trusted)
	if p == nil || len(problems) != 0 {
		t.Fatalf("NewProxies(%q): %v", trusted, problems)
	}
	return p
}

func TestClient(t *testing.T) {
	p := newProxies(t, "10.0.0.0/8", "2001:db8:f::/48", "fe80::1%eth0")
	for _, tt := range []struct {
		name, socket string
		lines        []string
		want         string // empty: refused
	}{
		{"no header", "10.0.0.1", nil, "10.0.0.1"},
		{"untrusted peer, header ignored", "192.0.2.1", []string{"198.51.100.1"}, "192.0.2.1"},
		{"untrusted peer, broken header ignored", "192.0.2.1", []string{"unknown, ,"}, "192.0.2.1"},
		{"one proxy", "10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"mapped proxy", "::ffff:10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"mapped peer", "::ffff:192.0.2.1", nil, "192.0.2.1"},
		{"IPv6 proxy", "2001:db8:f::1", []string{"2001:db8::9"}, "2001:db8::9"},
		{"zoned proxy", "fe80::1%eth0", []string{"198.51.100.1"}, "198.51.100.1"},
		{"zoned proxy on another link", "fe80::1%eth1", []string{"198.51.100.1"}, "fe80::1%eth1"},
		{"the client's own line is not read", "10.0.0.1", []string{"127.0.0.1, 198.51.100.1"}, "198.51.100.1"},
		{"nor its garbage", "10.0.0.1", []string{"<script>, unknown, 198.51.100.1"}, "198.51.100.1"},
		{"nor its own field line", "10.0.0.1", []string{"127.0.0.1", "198.51.100.1"}, "198.51.100.1"},
		{"nor its claim of a proxy", "10.0.0.1", []string{"127.0.0.1, 10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"two proxies, two lines", "10.0.0.1", []string{"198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"two proxies, spoof left of them", "10.0.0.1", []string{"127.0.0.1,198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"only proxies", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"port", "10.0.0.1", []string{"198.51.100.1:49152"}, "198.51.100.1"},
		{"brackets", "10.0.0.1", []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"brackets and port", "10.0.0.1", []string{"[2001:db8::9]:443"}, "2001:db8::9"},
		{"mapped client", "10.0.0.1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"mapped client in brackets", "10.0.0.1", []string{"[::ffff:198.51.100.1]:80"}, "198.51.100.1"},
		{"spaces and tabs", "10.0.0.1", []string{" 192.0.2.9 ,\t198.51.100.1\t"}, "198.51.100.1"},
		{"unknown", "10.0.0.1", []string{"unknown"}, ""},
		{"hidden", "10.0.0.1", []string{"_hidden"}, ""},
		{"unknown behind a proxy", "10.0.0.1", []string{"unknown, 10.0.0.2"}, ""},
		{"empty line", "10.0.0.1", []string{""}, ""},
		{"empty element", "10.0.0.1", []string{"198.51.100.1,"}, ""},
		{"empty element between", "10.0.0.1", []string{"198.51.100.1,,10.0.0.2"}, ""},
		{"octal-looking", "10.0.0.1", []string{"010.0.0.1"}, ""},
		{"short", "10.0.0.1", []string{"127.1"}, ""},
		{"zone", "10.0.0.1", []string{"fe80::1%eth0"}, ""},
		{"zone in brackets", "10.0.0.1", []string{"[fe80::1%eth0]:80"}, ""},
		{"IPv4 in brackets", "10.0.0.1", []string{"[198.51.100.1]"}, ""},
		{"open bracket", "10.0.0.1", []string{"[2001:db8::9"}, ""},
		{"text after the bracket", "10.0.0.1", []string{"[2001:db8::9]x"}, ""},
		{"empty brackets", "10.0.0.1", []string{"[]"}, ""},
		{"no port after the colon", "10.0.0.1", []string{"198.51.100.1:"}, ""},
		{"port 0", "10.0.0.1", []string{"198.51.100.1:0"}, ""},
		{"port too large", "10.0.0.1", []string{"198.51.100.1:65536"}, ""},
		{"port with sign", "10.0.0.1", []string{"198.51.100.1:+80"}, ""},
		{"quotes", "10.0.0.1", []string{`"198.51.100.1"`}, ""},
		{"host name", "10.0.0.1", []string{"client.example.com"}, ""},
		{"prefix", "10.0.0.1", []string{"198.51.100.0/24"}, ""},
		{"16 proxies", "10.0.0.1", []string{"198.51.100.1" + strings.Repeat(",10.0.0.2", 15)}, "198.51.100.1"},
		{"17 proxies", "10.0.0.1", []string{"198.51.100.1" + strings.Repeat(",10.0.0.2", 16)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := p.Client(addr(t, tt.socket), tt.lines)
			checkClient(t, got, err, tt.want)
		})
	}
}

func checkClient(t *testing.T, got netip.Addr, err error, want string) {
	t.Helper()
	if want == "" {
		if !errors.Is(err, hosts.ErrForwarded) || got.IsValid() {
			t.Errorf("got %v, %v; want ErrForwarded", got, err)
		}
		return
	}
	if err != nil || got.String() != want {
		t.Errorf("got %v, %v; want %s", got, err, want)
	}
}

func TestNobodyIsTrusted(t *testing.T) {
	var none *hosts.Proxies
	empty, problems := hosts.NewProxies(nil)
	if empty == nil || len(problems) != 0 {
		t.Fatalf("an empty list is refused: %v", problems)
	}
	for name, p := range map[string]*hosts.Proxies{"nil": none, "zero": {}, "empty": empty} {
		got, err := p.Client(addr(t, "127.0.0.1"), []string{"198.51.100.1"})
		if err != nil || got != addr(t, "127.0.0.1") || p.Trusted(got) {
			t.Errorf("%s proxies: client %v, %v", name, got, err)
		}
		if _, err := p.Client(netip.Addr{}, nil); !errors.Is(err, hosts.ErrForwarded) {
			t.Errorf("%s proxies: no address of the peer: %v", name, err)
		}
	}
}

func TestProxyListProblems(t *testing.T) {
	for _, list := range [][]string{
		{"0.0.0.0/0"}, {"::/0"}, {"0.0.0.0/1", "128.0.0.0/1"}, {"SERVER_IP"}, {"balancer.example.com"}, {"10.0.0.1/8"}, {""},
	} {
		p, problems := hosts.NewProxies(list)
		if p != nil || len(problems) != 1 || problems[0].Warning {
			t.Errorf("%q: %v, %v; want one refusal", list, p, problems)
		}
		if strings.Contains(problems[0].Cure, "allow_any") {
			t.Errorf("%q: %v offers to trust everybody", list, problems[0])
		}
		if p.Trusted(addr(t, "10.0.0.1")) {
			t.Errorf("%q trusts somebody", list)
		}
	}
}

// field is one header field line of a request.
type field struct{ name, value string }

// forwardedFor picks what a request says to Client, as the gateway does.
func forwardedFor(head []field) (lines []string) {
	for _, f := range head {
		if strings.EqualFold(f.name, hosts.ForwardedFor) {
			lines = append(lines, f.value)
		}
	}
	return lines
}

// TestSpoofedHeaders sends every spoof in every header field, from trusted and untrusted peers,
// alone, in two lines, and left of what the balancer wrote. The decision must be that of the
// socket, or of the balancer's own element.
func TestSpoofedHeaders(t *testing.T) {
	const inside = "10.0.0.77" // an address on the allowlist, which the spoofer would like to have
	names := []string{
		"X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-FOR", "X_Forwarded_For", "X-Forwarded_For", "Forwarded", "X-Real-IP", "X-Real-Ip",
		"X_Real_IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Original-URL",
		"X-Rewrite-URL", "X-Cluster-Client-Ip", "Client-IP", "Via",
	}
	values := []string{
		inside, inside + ":80", "::ffff:" + inside, "[::ffff:" + inside + "]:80", "for=" + inside, "unknown", "", " " + inside + " ",
		inside + ", " + inside, "fe80::1%eth0", "010.0.0.77", inside + "\t,", "127.0.0.1", "::1", "health-checker",
	}
	allow := newSet(t, hosts.Config{Allow: []string{"10.0.0.0/24", "127.0.0.1", "::1"}})
	p := newProxies(t, "192.0.2.0/24", "2001:db8:f::/48")
	tried, wrong := 0, 0
	for _, name := range names {
		for _, value := range values {
			for _, client := range []string{"198.51.100.1", "2001:db8::9"} {
				for layout, tt := range spoofs(name, value, client) {
					got, err := p.Client(addr(t, tt.socket), forwardedFor(tt.head))
					if err != nil || got != addr(t, client) || allow.Contains(got) {
						wrong++
						t.Errorf("%s, %s: %q: client %v, %v; want %s", layout, name, value, got, err, client)
					}
					tried++
				}
			}
		}
	}
	t.Logf("prove: %d combinations of forwarding headers, %d decided otherwise than by socket and balancer", tried, wrong)
	if tried < 300 {
		t.Errorf("only %d combinations", tried)
	}
}

type spoof struct {
	socket string
	head   []field
}

// spoofs are the ways in which a spoofed field can arrive while the client is really at the given
// address.
func spoofs(name, value, client string) map[string]spoof {
	xff := hosts.ForwardedFor
	s := map[string]spoof{
		"untrusted peer":           {client, []field{{name, value}}},
		"untrusted peer, two":      {client, []field{{name, value}, {xff, value}}},
		"balancer adds a line":     {"192.0.2.1", []field{{name, value}, {xff, client}}},
		"balancer appends":         {"192.0.2.1", []field{{name, "-"}, {xff, value + ", " + client}}},
		"IPv6 balancer":            {"2001:db8:f::1", []field{{name, value}, {xff, client}}},
		"two balancers, two lines": {"192.0.2.1", []field{{name, value}, {xff, value + "," + client}, {xff, "192.0.2.2"}}},
	}
	if !strings.EqualFold(name, xff) {
		s["other field behind"] = spoof{"192.0.2.1", []field{{xff, client}, {name, value}}}
	}
	return s
}

func ExampleProxies_Client() {
	p, _ := hosts.NewProxies([]string{"192.0.2.10"})
	balancer := netip.MustParseAddr("192.0.2.10")
	client, err := p.Client(balancer, []string{"127.0.0.1, 198.51.100.7"})
	fmt.Println(client, err)
	// Output: 198.51.100.7 <nil>
}
