package reports

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// post is the head of a call of that version and with those fields.
func post(version string, fields ...string) string {
	return "POST /api/liferay/do " + version + "\r\nHost: live.example.com\r\n" + strings.Join(append(fields, ""), "\r\n") + "Content-Length: 0\r\n\r\n"
}

func probes() []report {
	const health = "a balancer's own probes"
	probe := func(name, request string) report {
		return report{"40-balancer-probes/" + name, health, func(_ *testing.T, d *desk) {
			g := d.gateway(setup{})
			g.answers("", request, "200")
			out, _ := d.run("audit", "list", "--data", "data")
			if strings.Contains(out, "deny") {
				d.t.Errorf("the probe is a refusal in the audit log:\n%s", out)
			}
		}}
	}
	return []report{
		probe("HAProxy, HTTP 1.0", "GET /-/healthy HTTP/1.0\r\n\r\n"),
		probe("HAProxy, OPTIONS", "OPTIONS /-/healthy HTTP/1.0\r\n\r\n"),
		probe("ALB", "GET /-/healthy HTTP/1.1\r\nHost: 10.0.3.7:8443\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"),
		probe("kubelet", "GET /-/healthy HTTP/1.1\r\nHost: 10.0.3.7:8443\r\nUser-Agent: kube-probe/1.29\r\nAccept: */*\r\nConnection: close\r\n\r\n"),
		probe("HEAD", "HEAD /-/healthy HTTP/1.1\r\nHost: 10.0.3.7\r\nConnection: close\r\n\r\n"),
		probe("healthz", "GET /healthz HTTP/1.0\r\n\r\n"),
		{"41-proxy-protocol-probes", health, proxied},
	}
}

func proxies() []report {
	const kind = "what proxies make of a request"
	refused := func(name, request, status string, says ...string) report {
		return report{"43-nginx-defaults/" + name, kind, func(_ *testing.T, d *desk) { d.gateway(setup{}).answers("", request, status, says...) }}
	}
	return []report{
		refused("HTTP 1.0", post("HTTP/1.0", "Connection: close"), "400", "HTTP/1.0", "proxy_http_version 1.1"),
		refused("Connection: upgrade", post("HTTP/1.1", "Connection: upgrade"), "400", `proxy_set_header Connection ""`),
		refused("a list in Connection", post("HTTP/1.1", "Connection: close, X-Forwarded-For"), "400", "Connection"),
		refused("Upgrade", post("HTTP/1.1", "Upgrade: websocket", "Connection: close"), "400", "upgrade"),
		refused("chunked", "POST /api/liferay/do HTTP/1.1\r\nHost: live.example.com\r\nTransfer-Encoding: chunked\r\n\r\n", "411", "Content-Length"),
		refused("the name of a block of nginx", strings.Replace(post("HTTP/1.1"), "live.example.com", "gateway", 1), "400", "names"),
		{"43-nginx-defaults/publish", kind, func(_ *testing.T, d *desk) {
			g := d.gateway(setup{})
			d.lar("site.lar", plain(manifest))
			d.expect(69, []string{"nothing was sent", "what to do: add the name to names", "reference: "}, "publish", "site.lar", "--to", "https://"+g.addr, "--site", "20143",
				"--login", "publisher@example.com", "--secret-file", "secret", "--ca", g.ca)
			if strings.Contains(d.tail, "plain HTTP") {
				d.t.Errorf("the cure points elsewhere:\n%s", d.tail)
			}
		}},
		{"44-heartbeat-behind-nginx", "a sign of life that a proxy holds back", heartbeat},
	}
}

// outside is an address of this machine that is not of the loopback interface.
func outside(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has no address but those of the loopback interface")
	return ""
}

func proxied(t *testing.T, d *desk) {
	host := outside(t)
	g := d.gateway(setup{host: host, hosts: fmt.Sprintf(`{ allow: ["10.1.2.3"], proxy_protocol: [%q] }`, host)})
	const signature, get = "\r\n\r\n\x00\r\nQUIT\n", "GET /-/healthy HTTP/1.1\r\nHost: live.example.com\r\nConnection: close\r\n\r\n"
	for _, tt := range []struct{ name, opening string }{
		{"version 1, UNKNOWN", "PROXY UNKNOWN\r\n"},
		{"version 1, UNKNOWN with addresses", "PROXY UNKNOWN 10.9.9.9 10.9.9.8 1 2\r\n"},
		{"version 2, LOCAL", signature + "\x20\x11\x00\x0c" + strings.Repeat("\x00", 12)},
		{"version 2, LOCAL without addresses", signature + "\x20\x00\x00\x00"},
		{"version 2, for a publisher", signature + "\x21\x11\x00\x0c\x0a\x01\x02\x03\x0a\x00\x00\x09\x9c\x40\x20\xfb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := g.raw(tt.opening, get); !strings.HasPrefix(got, "HTTP/1.1 200") {
				t.Errorf("answered %q", got)
			}
		})
	}
}

// key is the shared secret of every gateway here.
func (d *desk) key() *secret.Key {
	d.t.Helper()
	key, problems := secret.NewKey(secret.KeyConfig{ID: "a", Algorithm: "AES", Secret: []byte("0f1e2d3c4b5a6978"), Line: "7.4"})
	if key == nil {
		d.t.Fatal(problems)
	}
	return key
}

// heartbeat looks at the answer to a call for which the engine takes longer than a heartbeat.
func heartbeat(t *testing.T, d *desk) {
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			<-over
		}
	}))
	defer s.Close()
	defer close(over)
	g := d.gateway(setup{node: s.URL, more: "heartbeat: 1s\n"})
	key := d.key()
	head := make(chan string, 1)
	c, err := publisher.New(publisher.Config{
		URL: &url.URL{Scheme: "http", Host: "live.example.com"}, Build: "7.4", Login: "publisher@example.com",
		Authorize: func(login string) string { return key.Authorization(login, true, false) },
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := (&tls.Dialer{Config: g.trust()}).DialContext(ctx, "tcp", g.addr)
			return &overheard{Conn: conn, first: head}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, stop := context.WithTimeout(t.Context(), limit)
	defer stop()
	go func() { _ = c.CheckRemoteStagingGroup(ctx, 20143) }()
	select {
	case h := <-head:
		if !strings.Contains(h, "\r\nX-Accel-Buffering: no\r\n") || !strings.Contains(h, "chunked") {
			t.Errorf("the answer begins with %q", h)
		}
	case <-ctx.Done():
		t.Error("no sign of life")
	}
}

// overheard tells what its first read brought.
type overheard struct {
	net.Conn
	first chan<- string
}

func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	if n > 0 {
		select {
		case o.first <- string(p[:n]):
		default:
		}
	}
	return n, err
}

func slowLines() []report {
	const kind = "an office on a slow line"
	return []report{
		{"52-slow-line/default", kind, func(_ *testing.T, d *desk) {
			d.expect(0, nil, "config", "reference")
			if !strings.Contains(d.tail, "body_min_rate: 4KiB") {
				d.t.Errorf("another default of limits.body_min_rate than 4KiB:\n%s", d.tail)
			}
		}},
		{"52-slow-line/too slow", kind, func(_ *testing.T, d *desk) {
			g := d.gateway(setup{})
			const part = "\x00\x00\x00"
			build, err := liferay.BuildOf("7.4")
			if err != nil {
				d.t.Fatal(err)
			}
			call, err := liferay.NewCall(build, liferay.Principal{Login: "publisher@example.com"}, tunnel.Method{Name: "updateStagingRequest",
				Service: "com.liferay.exportimport.kernel.service.StagingServiceUtil", Parameters: []string{"long", "java.lang.String", "[B"}},
				int64(1), "a.zip00", tunnel.Content{Size: int64(len(part))})
			if err != nil {
				d.t.Fatal(err)
			}
			front, tail, err := call.Split()
			if err != nil {
				d.t.Fatal(err)
			}
			head := fmt.Sprintf("POST /api/liferay/do HTTP/1.1\r\nHost: live.example.com\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n",
				d.key().Authorization("publisher@example.com", true, false), len(front)+len(part)+len(tail))
			g.answers("", head+string(front[:len(front)/2]), "408", "limits.body_min_rate", "X-Stagelock-Reason: http.timeout", "X-Stagelock-Reference: ")
			d.expect(0, []string{"http.timeout"}, "audit", "list", "--data", "data")
			if strings.Contains(d.tail, "client.cut") {
				d.t.Errorf("the audit log says that the client went away:\n%s", d.tail)
			}
		}},
	}
}
