package address_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf/address"
)

// TestBadHostSaysWhatIsWrong has the whole text of every fault, and hosts that must pass.
func TestBadHostSaysWhatIsWrong(t *testing.T) {
	const (
		isURL    = "it is a URL"
		more     = "it has more than a host and a port"
		zone     = "an address with a zone cannot stand in a Host header"
		brackets = "an IPv6 address stands in brackets"
		small    = "names are written in small letters"
		dot      = "a dot stands at its end"
		letters  = "a name has letters, digits, hyphens and dots; others are written as xn--"
		port     = "a port is a number from 1 to 65535"
	)
	for _, tt := range []struct{ name, host, want string }{
		{"one letter", "a", ""},
		{"digits in front", "3com.example", ""},
		{"an underscore", "_dmarc.example.com", ""},
		{"as long as a name may be", strings.Repeat("a.", 126) + "a", ""},
		{"punycode", "xn--lden-moa.example", ""},
		{"lowest port", "example.com:1", ""},
		{"highest port", "example.com:65535", ""},
		{"IPv4 with a port", "192.0.2.1:443", ""},
		{"IPv6 in brackets", "[2001:db8::1]", ""},
		{"loopback", "[::1]:1", ""},

		{"nothing", "", letters},
		{"a blank", " ", letters},
		{"blanks around", " example.com ", letters},
		{"a line break", "example.com\n", letters},
		{"a line break and a header", "example.com\r\nx-host", letters},
		{"NUL", "example.com\x00", letters},
		{"a wildcard", "*.example.com", letters},
		{"two dots", "www..example.com", letters},
		{"one byte too long", strings.Repeat("a.", 126) + "aa", letters},
		{"an umlaut", "läden.example", letters},
		{"a percent sign", "a%2eb.example", letters},
		{"a backslash", `example.com\x`, letters},
		{"a comma", "a.example,b.example", letters},
		{"quotes", `"example.com"`, letters},
		{"only a port", ":443", letters},
		{"three colons", "a:b:c", letters},

		{"a URL", "https://example.com", isURL},
		{"a URL without a host", "://", isURL},
		{"a URL with credentials", "https://u:p@example.com/", isURL},
		{"a path", "example.com/", more},
		{"a query", "example.com?x", more},
		{"a fragment", "example.com#x", more},
		{"a user", "user@example.com", more},
		{"a prefix", "192.0.2.0/24", more},
		{"a zone", "[fe80::1%eth0]:443", zone},
		{"IPv6 without brackets", "::1", brackets},
		{"IPv6 that could be a port", "2001:db8::1:443", brackets},
		{"a capital", "Example.com", small},
		{"a capital before a port", "EXAMPLE.COM:443", small},
		{"a dot at the end", "example.com.", dot},
		{"a dot before a port", "example.com.:443", dot},
		{"only a dot", ".", dot},

		{"no port behind a colon", "example.com:", port},
		{"port 0", "example.com:0", port},
		{"port 65536", "example.com:65536", port},
		{"zeros before a port", "example.com:080", port},
		{"a sign before a port", "example.com:+80", port},
		{"a negative port", "example.com:-1", port},
		{"a name of a port", "example.com:http", port},
		{"a blank before a port", "example.com: 80", port},
		{"a port behind IPv6 that is none", "[::1]:0", port},
		{"nothing behind IPv6", "[::1]:", port},
		{"a port of 20 digits", "example.com:18446744073709551616", port},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msg, bad := address.BadHost(tt.host)
			if msg != tt.want || bad != (tt.want != "") {
				t.Errorf("%q: %q, bad %t; want %q", tt.host, msg, bad, tt.want)
			}
		})
	}
}

// FuzzBadHost: what passes is a Host that stands for one thing: in one spelling, without what splits a header.
func FuzzBadHost(f *testing.F) {
	for _, s := range []string{"example.com", "[::1]:80", "a:b:c", "[a]", "::1", "1.2.3.4:5", "[::ffff:1.2.3.4]", "x.:1", "[]", "[:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		msg, bad := address.BadHost(s)
		if bad != (msg != "") {
			t.Fatalf("%q: bad %t, %q", s, bad, msg)
		}
		if bad {
			return
		}
		if strings.ContainsAny(s, " \t\r\n\x00/?#@\\,;%*\"") || s != strings.ToLower(s) && !strings.HasPrefix(s, "[") {
			t.Errorf("%q is a host", s)
		}
		if host, port := address.SplitHost(s); host == "" || strings.HasSuffix(s, ":") || port == "0" {
			t.Errorf("%q is host %q and port %q", s, host, port)
		}
	})
}

func TestSplitHost(t *testing.T) {
	for _, tt := range []struct{ name, in, host, port string }{
		{"nothing", "", "", ""},
		{"a name", "example.com", "example.com", ""},
		{"a name and a port", "example.com:443", "example.com", "443"},
		{"an open port", "example.com:", "example.com", ""},
		{"only a port", ":443", "", "443"},
		{"IPv4", "192.0.2.1", "192.0.2.1", ""},
		{"IPv4 and a port", "192.0.2.1:1", "192.0.2.1", "1"},
		{"bare IPv6 stays whole", "2001:db8::1", "2001:db8::1", ""},
		{"IPv6 in brackets", "[2001:db8::1]", "2001:db8::1", ""},
		{"IPv6 and a port", "[2001:db8::1]:443", "2001:db8::1", "443"},
		{"IPv6 with a zone", "[fe80::1%eth0]:443", "fe80::1%eth0", "443"},
		{"more colons than one", "a:b:c", "a:b:c", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if host, port := address.SplitHost(tt.in); host != tt.host || port != tt.port {
				t.Errorf("%q is %q and %q, want %q and %q", tt.in, host, port, tt.host, tt.port)
			}
		})
	}
}

func TestPathsWithOneSpelling(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		want       bool
	}{
		{"nothing", "", true},
		{"a segment", "live", true},
		{"segments", "a/b/c", true},
		{"all other characters", "a-._~Z9", true},
		{"three dots", "...", true},
		{"dots in a name", "a..b", true},
		{"a file with a dot in front", ".well-known/x", true},
		{"a slash", "/", false},
		{"a slash before", "/a", false},
		{"a slash behind", "a/", false},
		{"a hole", "a//b", false},
		{"here", ".", false},
		{"here in between", "a/./b", false},
		{"up", "..", false},
		{"up at the end", "a/..", false},
		{"up in front", "../a", false},
		{"percent", "a%62", false},
		{"percent slash", "a%2Fb", false},
		{"a semicolon", "a;x=1", false},
		{"a backslash", `a\b`, false},
		{"a blank", "a b", false},
		{"a query", "a?b", false},
		{"a fragment", "a#b", false},
		{"a colon", "a:b", false},
		{"a plus", "a+b", false},
		{"NUL", "a\x00", false},
		{"a line break", "a\n", false},
		{"a letter that is not ASCII", "café", false},
		{"no text", "\xff", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := address.PlainPath(tt.path); got != tt.want {
				t.Errorf("%q: %t, want %t", tt.path, got, tt.want)
			}
		})
	}
}

// TestOnlyOfEveryByte holds the set against each of the 256 bytes.
func TestOnlyOfEveryByte(t *testing.T) {
	const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for _, others := range []string{"", "-._~", "\x00\xff"} {
		for c := range 256 {
			b := string([]byte{byte(c)})
			want := strings.Contains(alphanumeric+others, b)
			if got := address.OnlyOf(b, others); got != want {
				t.Errorf("byte %#x with %q: %t", c, others, got)
			}
			if got := address.OnlyOf("a"+b+"z", others); got != want {
				t.Errorf("byte %#x between letters with %q: %t", c, others, got)
			}
		}
	}
	if !address.OnlyOf("", "") {
		t.Error("nothing has something else in it")
	}
}

func TestPortsOfNodes(t *testing.T) {
	for _, tt := range []struct{ name, url, port, addr string }{
		{"http", "http://engine", "80", "engine:80"},
		{"https", "https://engine", "443", "engine:443"},
		{"a port of its own", "https://engine:8443", "8443", "engine:8443"},
		{"the port of the other scheme", "http://engine:443", "443", "engine:443"},
		{"a colon and no port", "https://engine:", "443", "engine:443"},
		{"capitals", "HTTPS://ENGINE.Example", "443", "engine.example:443"},
		{"a path", "http://engine/live", "80", "engine:80"},
		{"IPv4", "http://192.0.2.1", "80", "192.0.2.1:80"},
		{"credentials do not count", "http://u:99@engine", "80", "engine:80"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u, err := url.Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if port, addr := address.NodePort(u), address.NodeAddress(u); port != tt.port || addr != tt.addr {
				t.Errorf("port %s, address %s; want %s, %s", port, addr, tt.port, tt.addr)
			}
		})
	}
}

func TestWhatIsThisMachine(t *testing.T) {
	for _, tt := range []struct {
		name, host string
		want       bool
	}{
		{"name", "localhost", true},
		{"first address", "127.0.0.1", true},
		{"last address", "127.255.255.255", true},
		{"IPv6", "::1", true},
		{"mapped", "::ffff:127.0.0.1", true},
		{"nothing", "", false},
		{"another name that begins so", "localhost.example.com", false},
		{"a name that looks like one", "127.0.0.1.example.com", false},
		{"in brackets", "[::1]", false},
		{"short form", "127.1", false},
		{"a number", "2130706433", false},
		{"zeros in front", "127.000.000.001", false},
		{"all addresses", "0.0.0.0", false},
		{"all addresses of IPv6", "::", false},
		{"next to it", "128.0.0.1", false},
		{"mapped, and another", "::ffff:10.0.0.1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := address.Loopback(tt.host); got != tt.want {
				t.Errorf("%q: %t", tt.host, got)
			}
		})
	}
}

func TestEndpointsInFull(t *testing.T) {
	const neither = "is neither an address with a port, such as 127.0.0.1:9464, nor unix: and a file"
	for _, tt := range []struct {
		name, text, want, err string
		loopback              bool
	}{
		{"IPv4", "127.0.0.1:9464", "127.0.0.1:9464", "", true},
		{"IPv6", "[::1]:9464", "[::1]:9464", "", true},
		{"mapped", "[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", "", true},
		{"everywhere", "0.0.0.0:1", "0.0.0.0:1", "", false},
		{"only a port", ":9464", "[::]:9464", "", false},
		{"any port", "127.0.0.1:0", "127.0.0.1:0", "", true},
		{"highest port", "10.0.0.1:65535", "10.0.0.1:65535", "", false},
		{"a socket", "unix:/run/a.sock", "unix:/run/a.sock", "", true},
		{"a socket beside the data", "unix:a.sock", "unix:a.sock", "", true},
		{"a socket with a colon", "unix:a:1", "unix:a:1", "", true},
		{"a socket without a file", "unix:", "", "names no file: unix: stands alone", false},
		{"nothing", "", "", neither, false},
		{"no port", "127.0.0.1", "", neither, false},
		{"a colon", ":", "", neither, false},
		{"a name", "localhost:9464", "", neither, false},
		{"too high a port", "127.0.0.1:65536", "", neither, false},
		{"IPv6 without brackets", "::1:9464", "", neither, false},
		{"zeros in front", "127.0.0.01:1", "", neither, false},
		{"blanks", " 127.0.0.1:1", "", neither, false},
		{"unix in capitals", "UNIX:/run/a", "", neither, false},
		{"a URL", "http://127.0.0.1:1", "", neither, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e address.Endpoint
			err := e.UnmarshalText([]byte(tt.text))
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("%q is %v, error %v, want %s", tt.text, e, err, tt.err)
				}
				return
			}
			if err != nil || e.String() != tt.want || e.Loopback() != tt.loopback {
				t.Errorf("%q is %q, loopback %t, %v", tt.text, e, e.Loopback(), err)
			}
			var again address.Endpoint
			if err := again.UnmarshalText([]byte(e.String())); err != nil || again != e {
				t.Errorf("%q is read back as %v, %v", e, again, err)
			}
		})
	}
	if (address.Endpoint{}).Loopback() {
		t.Error("the zero endpoint is on loopback")
	}
}

func TestPortOfEveryFamily(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:0": "0", "192.0.2.1:65535": "65535", "[::1]:80": "80", "[fe80::1%eth0]:443": "443", "[::ffff:1.2.3.4]:8080": "8080",
	} {
		if got := address.PortOf(netip.MustParseAddrPort(text)); got != want {
			t.Errorf("%s: port %q, want %q", text, got, want)
		}
	}
}

// TestOddBracketsAndNumbersWereHosts: what no client writes into a Host header, and so never matched, was taken.
func TestOddBracketsAndNumbersWereHosts(t *testing.T) {
	const (
		brackets = "brackets stand around an IPv6 address, and around nothing else"
		numbers  = "an IPv4 address is four numbers up to 255, without zeros in front"
	)
	for _, tt := range []struct{ name, host, want string }{
		{"a name in brackets", "[example.com]", brackets},
		{"a name in brackets and a port", "[example.com]:443", brackets},
		{"only the first bracket", "[example.com", brackets},
		{"only the last one", "example.com]", brackets},
		{"IPv6 without the last one", "[::1", brackets},
		{"IPv4 in brackets", "[192.0.2.1]", brackets},
		{"brackets around nothing", "[]", brackets},
		{"zeros in front", "010.1.2.3", numbers},
		{"zeros in front of a port", "192.000.002.001:443", numbers},
		{"three numbers", "10.1.2", numbers},
		{"five numbers", "10.1.2.3.4", numbers},
		{"one number", "2130706433", numbers},
		{"256", "256.1.2.3", numbers},
		{"IPv4 with a dot behind", "192.0.2.1.", numbers},
		{"a name that begins as one", "10.1.2.3.example.com", ""},
		{"IPv4", "192.0.2.1:443", ""},
		{"IPv6", "[2001:db8::1]:443", ""},
		{"mapped", "[::ffff:192.0.2.1]", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if msg, bad := address.BadHost(tt.host); msg != tt.want || bad != (tt.want != "") {
				t.Errorf("%q: %q, bad %t; want %q", tt.host, msg, bad, tt.want)
			}
		})
	}
}
