package link

import (
	"net/netip"
	"net/url"
	"testing"
)

// FuzzConnection holds: a connection that is accepted makes a URL that leads to its host and port,
// with its path context and nothing else.
func FuzzConnection(f *testing.F) {
	f.Add("live.example.com", 443, "/portal")
	f.Add("https://[::1]", 8080, "")
	f.Add("[fe80::1%eth0]", 1, "/a/b")
	f.Add("::%#0", 1, "") // a zone that a URL cannot carry
	f.Add("10.0.0.256", 65535, "/x?y")
	f.Add("a@b", 80, "/..")
	f.Fuzz(func(t *testing.T, address string, port int, path string) {
		c := Connection{Address: address, Port: port, PathContext: path, Site: 1}.Clean()
		if c.Check(false) != nil {
			return
		}
		u, err := url.Parse(c.URL().String())
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if u.Path != path || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" {
			t.Errorf("%+v became %s", c, u)
		}
		want, err := netip.ParseAddr(c.Address)
		if got, gotErr := netip.ParseAddr(u.Hostname()); err == nil && (gotErr != nil || got != want) || err != nil && u.Hostname() != c.Address {
			t.Errorf("%+v leads to %s", c, u.Hostname())
		}
	})
}
