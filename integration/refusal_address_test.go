package integration_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel"
)

const (
	home     = "192.0.2.7"  // allowed
	stranger = "192.0.2.66" // not
)

// behind is a gateway that lets home in, behind that proxy.
func behind(t testing.TB, setting string) arranged {
	t.Helper()
	o := listed
	o.Allow = `["` + home + `"]`
	if setting != "" {
		o.Hosts = []string{setting}
	}
	return arrange(t, o)
}

// spoofs are ways to claim to be somebody else in a head.
func spoofs(addr string) [][]string {
	var all [][]string
	for _, name := range []string{
		"X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-FOR", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP",
		"X-Cluster-Client-IP", "Client-IP", "X-Originating-IP", "X-Remote-Addr",
	} {
		all = append(all, []string{name + ": " + addr})
	}
	return append(all,
		[]string{"Forwarded: for=" + addr}, []string{"X-Forwarded-For: " + addr, "X-Forwarded-For: " + addr},
		[]string{"X-Forwarded-For: " + addr + ", 127.0.0.1"}, []string{"X-Forwarded-For: 127.0.0.1, " + addr},
		[]string{"X-Forwarded-For: unknown"}, []string{"X-Forwarded-For: " + addr + ":1234"}, []string{"X-Forwarded-For: [::ffff:" + addr + "]:80"},
		[]string{"X-Forwarded-For: "}, []string{"X-Forwarded-For: fe80::1%eth0"})
}

func TestHeadersOfStrangersNameNobody(t *testing.T) {
	denied, open := behind(t, ""), arrange(t, listed)
	for _, fields := range append(spoofs(home), spoofs(stranger)...) {
		t.Run(strings.Join(fields, " "), func(t *testing.T) {
			m := checkSite(site).message(t)
			m.fields = fields
			before := len(denied.sink.Calls())
			got := once(t, denied.Gateway, m)
			want{status: 403, reason: "host.denied", says: "127.0.0.1"}.denied(t, denied.Gateway, got)
			if ev := verdict(t, denied.Gateway, got.ref); ev.Addr != netip.MustParseAddr("127.0.0.1") {
				t.Errorf("the log says %s", ev.Addr)
			}
			if n := len(denied.sink.Calls()); n != before {
				t.Errorf("%d calls began at the engine", n-before)
			}
			allowed(t, open.Gateway, once(t, open.Gateway, m)) // nor does it keep anybody out
		})
	}
}

func TestHeadersOfTrustedProxiesAreRead(t *testing.T) {
	a := behind(t, `trusted_proxies: ["127.0.0.1", "192.0.2.200"]`)
	for _, tt := range []struct {
		name   string
		fields []string
		addr   string // on which it is decided; allowed if it is home
		reason tunnel.Reason
	}{
		{"home", []string{"X-Forwarded-For: " + home}, home, ""},
		{"stranger", []string{"X-Forwarded-For: " + stranger}, stranger, "host.denied"},
		{"stranger claims home", []string{"X-Forwarded-For: " + home + ", " + stranger}, stranger, "host.denied"},
		{"stranger claims home in a line of its own", []string{"X-Forwarded-For: " + home, "X-Forwarded-For: " + stranger}, stranger, "host.denied"},
		{"home behind two proxies", []string{"X-Forwarded-For: " + home + ", 192.0.2.200"}, home, ""},
		{"garbage further left", []string{"X-Forwarded-For: garbage, " + home}, home, ""},
		{"garbage", []string{"X-Forwarded-For: garbage"}, "", "peer.forwarded"},
		{"garbage behind a proxy", []string{"X-Forwarded-For: garbage, 192.0.2.200"}, "", "peer.forwarded"},
		{"nobody", nil, "127.0.0.1", "host.denied"},
		{"another field", []string{"X-Real-IP: " + home}, "127.0.0.1", "host.denied"},
		{"with a port", []string{"X-Forwarded-For: " + home + ":4711"}, home, ""},
		{"mapped", []string{"X-Forwarded-For: ::ffff:" + home}, home, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := checkSite(site).message(t)
			m.fields = tt.fields
			got := once(t, a.Gateway, m)
			switch tt.reason {
			case "":
				allowed(t, a.Gateway, got)
			case "host.denied":
				want{status: 403, reason: tt.reason, says: tt.addr}.denied(t, a.Gateway, got)
			default:
				want{status: 400, reason: tt.reason}.denied(t, a.Gateway, got)
			}
			if ev := verdict(t, a.Gateway, got.ref); tt.addr != "" && ev.Addr.String() != tt.addr {
				t.Errorf("the log says %s, want %s", ev.Addr, tt.addr)
			}
		})
	}
	if n := len(a.sink.Whole()); n != 5 {
		t.Errorf("%d calls arrived, want those of home", n)
	}
}

// proxyV1 and proxyV2 are heads of the PROXY protocol.
func proxyV1(addr string) []byte { return []byte("PROXY TCP4 " + addr + " 127.0.0.1 40000 8443\r\n") }

func proxyV2(addr string) []byte {
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x21, 0x11, 0, 12)
	from := netip.MustParseAddr(addr).As4()
	b = append(append(b, from[:]...), 127, 0, 0, 1)
	b = binary.BigEndian.AppendUint16(b, 40000)
	return binary.BigEndian.AppendUint16(b, 8443)
}

// dialAs connects and sends a head before TLS begins.
func dialAs(t testing.TB, g *harness.Gateway, head []byte) (*line, error) {
	t.Helper()
	raw, err := net.Dial("tcp", g.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	if err := raw.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Write(head); err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(raw, g.TLS)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return newLine(t, conn, g), nil
}

func TestBalancersNameTheClient(t *testing.T) {
	a := behind(t, `proxy_protocol: ["127.0.0.1"]`)
	for name, head := range map[string]func(string) []byte{"version 1": proxyV1, "version 2": proxyV2} {
		for _, addr := range []string{home, stranger} {
			t.Run(name+" "+addr, func(t *testing.T) {
				l, err := dialAs(t, a.Gateway, head(addr))
				if err != nil {
					t.Fatal(err)
				}
				m := checkSite(site).message(t)
				m.fields = []string{"X-Forwarded-For: " + home} // says nothing here
				got := l.call(t, m)
				if addr == home {
					allowed(t, a.Gateway, got)
				} else {
					want{status: 403, reason: "host.denied", says: stranger}.denied(t, a.Gateway, got)
				}
				if ev := verdict(t, a.Gateway, got.ref); ev.Addr.String() != addr {
					t.Errorf("the log says %s", ev.Addr)
				}
			})
		}
	}
	for name, head := range map[string][]byte{"none": nil, "garbage": []byte("PROXY TCP4 nonsense\r\n"), "unfinished": []byte("PROXY TCP4")} {
		t.Run(name, func(t *testing.T) {
			if _, err := dialAs(t, a.Gateway, head); err == nil {
				t.Error("a balancer without its head was let in")
			}
		})
	}
	if n := len(a.sink.Whole()); n != 2 {
		t.Errorf("%d calls arrived, want the two of home", n)
	}
}

func TestOthersNameNobody(t *testing.T) {
	o := listed
	o.Hosts = []string{`proxy_protocol: ["192.0.2.200"]`}
	a := arrange(t, o) // 127.0.0.1 is allowed, and no balancer
	for name, head := range map[string][]byte{"version 1": proxyV1(home), "version 2": proxyV2(home)} {
		t.Run(name, func(t *testing.T) {
			if _, err := dialAs(t, a.Gateway, head); err == nil {
				t.Error("a head of the PROXY protocol was taken from a stranger")
			}
		})
	}
	allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
}

// Where strangers are dropped, they hear nothing at all.
func TestStrangersAreDropped(t *testing.T) {
	o := listed
	o.Allow, o.Hosts = `["`+home+`"]`, []string{"refuse: drop", `proxy_protocol: ["127.0.0.1"]`}
	a := arrange(t, o)
	if _, err := dialAs(t, a.Gateway, proxyV1(stranger)); err == nil {
		t.Error("a stranger was not dropped")
	}
	if n := a.Node.Health().Refusals["host.denied"]; n != 1 {
		t.Errorf("%d refusals were counted", n)
	}
	l, err := dialAs(t, a.Gateway, proxyV1(home))
	if err != nil {
		t.Fatal(err)
	}
	allowed(t, a.Gateway, l.call(t, checkSite(site).message(t)))
}

// A peer may have addresses of its own among those that are allowed.
func TestPeersHaveAddresses(t *testing.T) {
	o := listed
	o.Hosts = []string{`proxy_protocol: ["127.0.0.1"]`}
	o.Allow, o.Peer = `["192.0.2.0/24"]`, []string{`addresses: ["` + home + `"]`}
	a := arrange(t, o)
	for _, addr := range []string{stranger, home} {
		l, err := dialAs(t, a.Gateway, proxyV2(addr))
		if err != nil {
			t.Fatal(err)
		}
		got := l.call(t, checkSite(site).message(t))
		if addr == home {
			allowed(t, a.Gateway, got)
			continue
		}
		want{class: classAuth, reason: "secret.wrong"}.denied(t, a.Gateway, got)
	}
}

// TestStrangersDoNotCloseOutAPublisher: addresses that only connect, more of them than there are places, take none
// of the publisher's; health says so, and an address that a reload allows is served.
func TestStrangersDoNotCloseOutAPublisher(t *testing.T) {
	o := listed
	o.Allow, o.Hosts = `["`+home+`"]`, []string{`proxy_protocol: ["127.0.0.1"]`}
	o.Extra = []string{"quota: { connections: 4, connections_per_address: 4, strangers: 16 }", "limits: { stranger_timeout: 5m }"}
	a := arrange(t, o)
	for i := range 40 {
		_, err := dialAs(t, a.Gateway, proxyV2(fmt.Sprintf("203.0.113.%d", i)))
		if (err == nil) != (i < 16) {
			t.Fatalf("stranger %d: %v", i, err)
		}
	}
	if _, err := dialAs(t, a.Gateway, proxyV2(stranger)); err == nil {
		t.Error("there is a place for one more stranger")
	}
	for range 3 {
		l, err := dialAs(t, a.Gateway, proxyV2(home))
		if err != nil {
			t.Fatal(err)
		}
		allowed(t, a.Gateway, l.call(t, checkSite(site).message(t)))
	}
	h, s := a.Node.Health(), a.Node.Status()
	if h.Refusals["hello.crowded"] != 25 || !h.Ready || !strings.Contains(strings.Join(h.Warnings, "|"), "quota.strangers") {
		t.Errorf("health: %+v", h)
	}
	if s.Traffic.Strangers != 16 || s.Traffic.Turned["hello.crowded"] != 25 {
		t.Errorf("status: %+v", s.Traffic)
	}
	o.Allow = `["` + home + `", "` + stranger + `"]`
	o.Upstream = a.sink.URL
	a.Write(t, o)
	if _, err := a.Node.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := dialAs(t, a.Gateway, proxyV2(stranger))
	if err != nil {
		t.Fatal(err)
	}
	allowed(t, a.Gateway, l.call(t, checkSite(site).message(t)))
	if n := len(a.sink.Whole()); n != 4 {
		t.Errorf("%d calls arrived, want 4", n)
	}
}
