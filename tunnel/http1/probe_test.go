package http1_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1"
)

// probed is a profile whose health path balancers ask for.
func probed() *http1.Profile {
	p := profile()
	p.Probes = []string{"/-/ready"}
	return p
}

// A balancer's probe names no host that the gateway knows, or none, and HAProxy's is HTTP/1.0. It was
// refused, and the balancer took the gateway out.
func TestBalancersProbesAreTaken(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		goesOn    bool
	}{
		{"HAProxy's httpchk", "GET /-/ready HTTP/1.0\r\n\r\n", false},
		{"HAProxy's httpchk by OPTIONS", "OPTIONS /-/ready HTTP/1.0\r\n\r\n", false},
		{"HTTP/1.0 that would stay", "GET /-/ready HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false},
		{"a cloud's, by address", "GET /-/ready HTTP/1.1\r\nHost: 10.0.3.7:8443\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n", true},
		{"no host", "HEAD /-/ready HTTP/1.1\r\n\r\n", true},
		{"and closing", "GET /-/ready HTTP/1.1\r\nConnection: close\r\n\r\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http1.NewConn(&script{in: []byte(tt.raw)}, probed()).Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if !r.Probe || r.KeepAlive != tt.goesOn || r.ContentLength != 0 {
				t.Errorf("request %+v", r)
			}
		})
	}
}

// What is not a probe to the letter is held to the publishers' profile.
func TestNothingElseIsTakenForAProbe(t *testing.T) {
	for _, tt := range []odd{
		{"another path in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 400, http1.ReasonRequestLine},
		{"a query", "GET /-/ready?a HTTP/1.0\r\n\r\n", 400, http1.ReasonRequestLine},
		{"another spelling", "GET //-/ready HTTP/1.0\r\n\r\n", 400, http1.ReasonRequestLine},
		{"POST", "POST /-/ready HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 400, http1.ReasonRequestLine},
		{"POST by any host", "POST /-/ready HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 400, http1.ReasonHost},
		{"HTTP/0.9", "GET /-/ready\r\n\r\n", 400, http1.ReasonRequestLine},
		{"HTTP/1.2", "GET /-/ready HTTP/1.2\r\n\r\n", 400, http1.ReasonRequestLine},
		{"a body", "GET /-/ready HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 400, http1.ReasonLength},
		{"a body by OPTIONS", "OPTIONS /-/ready HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", 400, http1.ReasonLength},
		{"a chunked body", "GET /-/ready HTTP/1.1\r\n" + te + "\r\n0\r\n\r\n", 411, http1.ReasonChunked},
		{"two hosts", "GET /-/ready HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, http1.ReasonHost},
		{"an upgrade", "GET /-/ready HTTP/1.1\r\nUpgrade: h2c\r\n\r\n", 400, http1.ReasonHop},
		{"options of the tunnel", "OPTIONS " + target + " HTTP/1.1\r\n" + host + "\r\n", 405, http1.ReasonMethod},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := readAll(http1.NewConn(&script{in: []byte(tt.raw)}, probed()))
			checkRefusal(t, err, tt)
		})
	}
}

// A name that was written with a port is that port only; one without is every port.
func TestPortOfTheHost(t *testing.T) {
	for _, tt := range []struct {
		name, host string
		ok         bool
	}{
		{"live.example.com", "live.example.com:9443", true},
		{"live.example.com:8443", "live.example.com:9443", false},
		{"live.example.com:8443", "live.example.com", false},
		{"[::1]", "[::1]:443", true},
		{"[::1]", "[::1]", true},
		{"::1", "::1:443", false},
		{"[::1]", "::1", false},
		{"127.0.0.1", "127.0.0.1:1", true},
		{"[::1]", "[0:0:0:0:0:0:0:1]", true}, // as Java writes it
		{"[::1]", "[0:0:0:0:0:0:0:1]:8443", true},
		{"[::1]:8443", "[0:0:0:0:0:0:0:1]:8443", true},
		{"[::1]:8443", "[0:0:0:0:0:0:0:1]:9443", false},
		{"[0:0:0:0:0:0:0:1]", "[::1]:8443", true},
		{"[2001:db8::a]", "[2001:DB8:0:0:0:0:0:A]", true},
		{"[2001:db8::a]", "[2001:db8::b]", false},
		{"[::1]", "[::1%25lo]", false},
		{"[::1]", "[127.0.0.1]", false},
		{"[::1]", "[0:0:0:0:0:0:0:1", false},
	} {
		p := &http1.Profile{Hosts: []string{tt.name}, MaxContent: 100}
		raw := strings.Replace(with(""), host, "Host: "+tt.host+"\r\n", 1)
		_, err := http1.NewConn(&script{in: []byte(raw)}, p).Next(context.Background())
		if (err == nil) != tt.ok {
			t.Errorf("%s for %s: %v", tt.host, tt.name, err)
		}
	}
}
