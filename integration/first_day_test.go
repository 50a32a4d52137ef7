package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

// transcript is a log that a test reads while it grows.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// with returns the lines that contain every one of the words.
func (l *transcript) with(words ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.text.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			found = append(found, line)
		}
	}
	return found
}

// await waits for something that another goroutine brings about.
func await(t *testing.T, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(limit)
	for !yes() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: did not come", what)
		}
	}
}

// proxyHeader is a PROXY protocol header, version 1.
const proxyHeader = "PROXY TCP4 10.1.2.3 10.0.0.9 40000 8443\r\n"

// plain writes what is no TLS to the gateway and returns what it answers.
func plain(t *testing.T, addr, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil && len(answer) == 0 && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return string(answer)
}

// hello makes a TLS handshake that is to fail.
func hello(t *testing.T, addr string, c *tls.Config) string {
	t.Helper()
	d := tls.Dialer{Config: c}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err == nil {
		conn.Close()
		t.Fatal("the handshake succeeded")
	}
	return ""
}

// What goes wrong on the first day comes to nothing before a request is read. Each kind is one line
// in the log with a cure, one record, and a number; and again after a while, not each time.
func TestFirstDayFailuresLeaveATrace(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		hosts        []string
		connect      func(t *testing.T, addr string) (answer string)
		answers      string
	}{
		{name: "the authority is not trusted", reason: "hello.untrusted",
			connect: func(t *testing.T, addr string) string { return hello(t, addr, &tls.Config{ServerName: "127.0.0.1"}) }},
		{name: "the certificate has another name", reason: "hello.untrusted",
			connect: func(t *testing.T, addr string) string {
				return hello(t, addr, &tls.Config{ServerName: "live.example.org", MaxVersion: tls.VersionTLS12})
			}},
		{name: "plain HTTP", reason: "hello.plain", answers: "tick Use a Secure Network Connection",
			connect: func(t *testing.T, addr string) string {
				return plain(t, addr, "POST /api/liferay/do HTTP/1.1\r\nHost: "+addr+"\r\nContent-Length: 3\r\n\r\nabc")
			}},
		{name: "a browser without https", reason: "hello.plain", answers: "this port speaks TLS",
			connect: func(t *testing.T, addr string) string { return plain(t, addr, "GET / HTTP/1.0\r\n\r\n") }},
		{name: "TLS 1.0", reason: "hello.version",
			connect: func(t *testing.T, addr string) string {
				return hello(t, addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10})
			}},
		{name: "no common cipher", reason: "hello.cipher",
			connect: func(t *testing.T, addr string) string {
				return hello(t, addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
					CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}})
			}},
		{name: "no PROXY header", reason: "proxy.absent", hosts: []string{`proxy_protocol: ["127.0.0.1"]`},
			connect: func(t *testing.T, addr string) string { return hello(t, addr, &tls.Config{InsecureSkipVerify: true}) }},
		{name: "a PROXY header of a stranger", reason: "proxy.foreign",
			connect: func(t *testing.T, addr string) string { return plain(t, addr, proxyHeader) }},
		{name: "a PROXY header of a stranger, version 2", reason: "proxy.foreign",
			connect: func(t *testing.T, addr string) string {
				return plain(t, addr, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00")
			}},
		{name: "no TLS at all", reason: "hello.failed",
			connect: func(t *testing.T, addr string) string { return plain(t, addr, "SSH-2.0-OpenSSH_9.2\r\n") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := &transcript{}
			g := harness.Start(t, harness.Options{Upstream: harness.NewSink(t).URL, Hosts: tt.hosts, LogTo: log})
			const times = 3
			for range times {
				answer := tt.connect(t, g.Addr)
				if tt.answers == "" && strings.HasPrefix(answer, "HTTP/") {
					t.Errorf("answer %q", answer)
				}
				if tt.answers != "" && (!strings.HasPrefix(answer, "HTTP/1.1 400 ") || !strings.Contains(answer, tt.answers)) {
					t.Errorf("answer %q", answer)
				}
			}
			await(t, "the count", func() bool { return g.Node.Health().Refusals[tt.reason] == times })
			await(t, "a record", func() bool { return traces(t, g, tt.reason) > 0 }) // it is written behind the count
			lines := log.with("call refused", "reason="+tt.reason, "level=warning", "peer=127.0.0.1", "cure=")
			if len(lines) != 1 {
				t.Errorf("%d lines in %s", len(lines), log.text.String())
			}
			if n := traces(t, g, tt.reason); n != 1 {
				t.Errorf("%d records", n)
			}
		})
	}
}

// traces counts the records of refusals for that reason.
func traces(t *testing.T, g *harness.Gateway, reason string) int {
	n := 0
	for _, ev := range g.Events(t) {
		if ev.Kind == audit.KindVerdict && string(ev.Reason) == reason && ev.Addr == netip.MustParseAddr("127.0.0.1") {
			n++
		}
	}
	return n
}

// A balancer that only looks whether the port is open says nothing, and nothing is said of it.
func TestAnOpenPortIsNoRefusal(t *testing.T) {
	log := &transcript{}
	g := harness.Start(t, harness.Options{Upstream: harness.NewSink(t).URL, LogTo: log})
	c, err := net.Dial("tcp", g.Addr)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	allowed(t, g, dial(t, g).call(t, checkSite(site).message(t))) // it was accepted later
	if n := len(log.with("refused")); n != 0 {
		t.Errorf("%d lines", n)
	}
}

// The client of a Java that does not trust the authority: what most publishers meet first.
func TestJavaThatDoesNotTrustTheAuthority(t *testing.T) {
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("java is not installed")
	}
	log := &transcript{}
	g := harness.Start(t, harness.Options{Upstream: harness.NewSink(t).URL, LogTo: log})
	file := filepath.Join(t.TempDir(), "Post.java")
	if err := os.WriteFile(file, []byte(`
public class Post {
	public static void main(String[] a) throws Exception {
		java.net.URLConnection c = new java.net.URL(a[0]).openConnection();
		c.setDoOutput(true);
		c.getOutputStream().write(new byte[100]);
		c.getInputStream();
	}
}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, reason := range map[string]string{
		g.URL + "/api/liferay/do":              "hello.untrusted",
		"http://" + g.Addr + "/api/liferay/do": "hello.plain",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		out, err := exec.CommandContext(ctx, java, file, url).CombinedOutput()
		if err == nil {
			t.Errorf("%s: the call went through", url)
		}
		await(t, reason, func() bool { return g.Node.Health().Refusals[reason] > 0 })
		if n := g.Node.Health().Refusals[reason]; n != 1 {
			t.Errorf("%s: sent %d times: %s", url, n, out)
		}
		if reason == "hello.plain" && !bytes.Contains(out, []byte("response code: 400")) {
			t.Errorf("%s", out)
		}
	}
}

// probeForms are probes as balancers send them.
var probeForms = []struct{ name, raw string }{
	{"HAProxy", "GET /-/ready HTTP/1.0\r\n\r\n"},
	{"HAProxy by OPTIONS", "OPTIONS /-/ready HTTP/1.0\r\n\r\n"},
	{"a cloud balancer", "GET /-/ready HTTP/1.1\r\nHost: 10.0.3.7:8443\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"},
	{"kubelet", "GET /readyz HTTP/1.1\r\nHost: 10.42.0.7:8443\r\nUser-Agent: kube-probe/1.31\r\nAccept: */*\r\nConnection: close\r\n\r\n"},
	{"by name", "HEAD /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"},
}

// Probes are answered to who may see health, in front of PROXY protocol too, however they are
// written, and to nobody else.
func TestProbesOfBalancers(t *testing.T) {
	const local, unknown, onBehalf = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "PROXY UNKNOWN\r\n", proxyHeader
	for _, tt := range []struct {
		name, allow, head string
		hosts             []string
		status            int
	}{
		{"an allowed host", `["127.0.0.1"]`, "", nil, http.StatusOK},
		{"a balancer on its own behalf, v2 LOCAL", `["10.1.2.9"]`, local, []string{`proxy_protocol: ["127.0.0.1"]`}, http.StatusOK},
		{"a balancer on its own behalf, v1 UNKNOWN", `["10.1.2.9"]`, unknown, []string{`proxy_protocol: ["127.0.0.1"]`}, http.StatusOK},
		{"a stranger through a balancer", `["10.1.2.9"]`, onBehalf, []string{`proxy_protocol: ["127.0.0.1"]`}, http.StatusNotFound},
		{"an allowed host through a balancer", `["10.1.2.3"]`, onBehalf, []string{`proxy_protocol: ["127.0.0.1"]`}, http.StatusOK},
		{"a balancer where strangers are dropped", `["10.1.2.9"]`, local, []string{`proxy_protocol: ["127.0.0.1"]`, "refuse: drop"}, http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := harness.Start(t, harness.Options{Upstream: harness.NewSink(t).URL, Allow: tt.allow, Hosts: tt.hosts})
			for _, p := range probeForms {
				raw, err := net.Dial("tcp", g.Addr)
				if err != nil {
					t.Fatal(err)
				}
				defer raw.Close()
				if _, err := io.WriteString(raw, tt.head); err != nil {
					t.Fatal(err)
				}
				c := tls.Client(raw, g.TLS)
				fmt.Fprint(c, p.raw)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatalf("%s: %v", p.name, err)
				}
				if res.Body.Close(); res.StatusCode != tt.status {
					t.Errorf("%s: %s", p.name, res.Status)
				}
			}
		})
	}
}

// A firewall turns port 443, which publishers enter, into the gateway's own: their Host names the
// port that they know.
func TestHostWithThePortOfAFirewall(t *testing.T) {
	g := harness.Start(t, harness.Options{Upstream: harness.NewSink(t).URL})
	for host, status := range map[string]int{
		"127.0.0.1:443": http.StatusOK, "127.0.0.1": http.StatusOK, g.Addr: http.StatusOK,
		"127.0.0.1:99999": http.StatusBadRequest, "127.0.0.2:443": http.StatusBadRequest,
	} {
		m := checkSite(site).message(t)
		c, err := g.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(append([]byte(m.head(host)), m.body...)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != status {
			t.Errorf("Host %s: %s", host, res.Status)
		}
	}
}

// TestWhatABalancerPassesOnIsRecorded: calls that the profile of HTTP refuses counted as checks of the balancer that
// they came through.
func TestWhatABalancerPassesOnIsRecorded(t *testing.T) {
	for name, field := range map[string]string{"in chunks": "Transfer-Encoding: chunked", "too large": "Content-Length: 999999999999999"} {
		t.Run(name, func(t *testing.T) {
			g := harness.Start(t, harness.Options{Upstream: harness.NewSink(t).URL, Hosts: []string{`trusted_proxies: ["127.0.0.1"]`}})
			const times = 3
			for range times {
				c, err := g.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\nX-Forwarded-For: 10.1.2.3\r\n\r\n", "/api/liferay/do", field)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				c.Close()
				if res.StatusCode/100 != 4 {
					t.Errorf("%s", res.Status)
				}
			}
			records := 0
			for _, ev := range g.Events(t) {
				if ev.Kind == audit.KindVerdict {
					records++
				}
			}
			if records != times {
				t.Errorf("%d records of %d calls", records, times)
			}
		})
	}
}

// A balancer's own check of a path that is none comes every second. It is recorded once in a while, and
// costs the publishers behind the balancer nothing.
func TestChecksOfABalancerFillNoLog(t *testing.T) {
	for name, raw := range map[string]string{
		"HAProxy's default": "OPTIONS / HTTP/1.0\r\n\r\n", "another path": "GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.Start(t, harness.Options{Upstream: harness.NewSink(t).URL, Allow: `["10.1.2.3"]`,
				Hosts: []string{`trusted_proxies: ["127.0.0.1"]`}, Extra: []string{"quota: { per_address_rate: 1/m, per_address_burst: 200 }"}})
			const times = 20
			for range times {
				c, err := g.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprint(c, raw)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				c.Close()
				if res.StatusCode/100 != 4 {
					t.Errorf("%s", res.Status)
				}
			}
			total, records := int64(0), 0
			for _, n := range g.Node.Health().Refusals {
				total += n
			}
			for _, ev := range g.Events(t) {
				if ev.Kind == audit.KindVerdict {
					records++
				}
			}
			if told := g.Node.Status().Traffic.Checks; total != times || records != 1 || told != times {
				t.Errorf("%d counted, %d recorded, %d told as checks", total, records, told)
			}
			m := checkSite(site).message(t)
			m.fields = []string{"X-Forwarded-For: 10.1.2.3"}
			allowed(t, g, dial(t, g).call(t, m))
		})
	}
}
