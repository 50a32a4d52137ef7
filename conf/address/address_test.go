package address_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf/address"
)

func TestBadHost(t *testing.T) {
	for host, want := range map[string]string{
		"www.example.com": "", "www.example.com:8443": "", "192.0.2.1": "", "[2001:db8::1]:443": "",
		"http://example.com": "URL", "example.com/cms": "more than", "[fe80::1%eth0]": "zone", "2001:db8::1": "brackets",
		"WWW.example.com": "small letters", "example.com.": "dot", "läden.example": "xn--", "": "a name has",
		"example.com:0": "port", "example.com:": "port", "example.com:0443": "port",
	} {
		msg, bad := address.BadHost(host)
		if bad != (want != "") || !strings.Contains(msg, want) {
			t.Errorf("%q: %q, want %q", host, msg, want)
		}
	}
}

func TestPlainPath(t *testing.T) {
	for path, want := range map[string]bool{
		"": true, "cms": true, "cms/a-b_c.d~e": true, "a//b": false, "a/./b": false, "..": false, "a%2fb": false, "ä": false,
	} {
		if address.PlainPath(path) != want {
			t.Errorf("%q: plain is %t", path, !want)
		}
	}
}

func TestNodes(t *testing.T) {
	for text, want := range map[string]string{
		"http://Engine": "engine:80", "https://engine": "engine:443", "http://engine:8080": "engine:8080",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := address.NodeAddress(u); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	if got := address.PortOf(netip.MustParseAddrPort("[::]:443")); got != "443" {
		t.Errorf("the port is %q", got)
	}
	for host, want := range map[string]bool{"localhost": true, "127.0.0.9": true, "::ffff:127.0.0.1": true, "engine": false, "10.0.0.1": false} {
		if address.Loopback(host) != want {
			t.Errorf("%s: loopback is %t", host, !want)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:9464": "127.0.0.1:9464", ":80": "[::]:80", "unix:/run/a": "unix:/run/a", "unix:": "", "9464": "",
	} {
		var e address.Endpoint
		err := e.UnmarshalText([]byte(text))
		if (err == nil) != (want != "") || err == nil && e.String() != want {
			t.Errorf("%q is %q, %v", text, e, err)
		}
		if err == nil && e.Loopback() != (text != ":80") {
			t.Errorf("%q: loopback is %t", text, e.Loopback())
		}
	}
}
