package remote

import (
	"net/netip"
	"net/url"
	"testing"
	"time"
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
		c := Connection{Address: address, Port: port, PathContext: path, Site: 1}.clean()
		if c.check(false) != nil {
			return
		}
		u, err := url.Parse(c.url().String())
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

// FuzzSchedule holds: a schedule that is accepted is read without harm, and its next run lies ahead.
func FuzzSchedule(f *testing.F) {
	f.Add("0 3 * * *", "UTC")
	f.Add("0 0 3 ? * MON-FRI", "Europe/Berlin")
	f.Add("@every 1s", "UTC")
	f.Add("TZ=UTC 0 3 * *", "")
	f.Fuzz(func(t *testing.T, text, zone string) {
		now := time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC) // a change of clocks
		next, runs, err := Schedule{Cron: text, Zone: zone}.next(now)
		if err == nil && runs && !next.After(now) {
			t.Errorf("%q in %q: next run %v", text, zone, next)
		}
	})
}
