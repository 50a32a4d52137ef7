package integration_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

const doctorHAProxy = `
defaults
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  mode http
frontend in
  bind unix@FRONT ssl crt CERT alpn http/1.1
  default_backend gateway
backend gateway
  MORE
  server a BACK ssl verify none
`

const doctorNginx = `
daemon off; master_process off; worker_processes 1; pid DIR/pid; error_log DIR/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path DIR/body; proxy_temp_path DIR/proxy;
  fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
  server {
    listen unix:FRONT ssl; ssl_certificate CERT; ssl_certificate_key CERT;
    client_max_body_size 0; proxy_read_timeout 1h; proxy_buffering off;
    location / {
      proxy_pass https://BACK; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      MORE
    }
  }
}
`

// balanced puts a real balancer, which ends TLS, in front of the gateway, and calls it by name.
func balanced(program, config, more string) change {
	return func(t *testing.T, g *harness.Gateway, c *doctor.Config) {
		path, err := harness.Find(program)
		if err != nil {
			t.Skipf("%s is not installed", program)
		}
		dir, err := os.MkdirTemp("", "doctor") // t.TempDir is too long for the name of a socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		cert := issue(t, "live.example.com", far)
		socket, file, pair := filepath.Join(dir, "front"), filepath.Join(dir, "config"), filepath.Join(dir, "pair.pem")
		fill := strings.NewReplacer("MORE", more, "FRONT", socket, "BACK", g.Addr, "DIR", dir, "CERT", pair)
		for name, text := range map[string]string{file: fill.Replace(config), pair: pairText(t, cert)} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args := map[string][]string{"haproxy": {"-q", "-db", "-f", file}, "nginx": {"-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log")}}
		awaitSocket(t, exec.Command(path, args[program]...), socket)
		byName("live.example.com", "192.0.2.7")(t, g, c)
		c.Roots = x509.NewCertPool()
		c.Roots.AddCert(cert.authority)
		c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
		c.Quick, c.Silences = false, []time.Duration{2 * time.Second}
	}
}

// pairText is a certificate with its key.
func pairText(t *testing.T, c issued) string {
	t.Helper()
	key, ok := c.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("a key of type %T", c.PrivateKey)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate.Certificate[0]})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// awaitSocket starts a program, waits until it listens, and stops it when the test ends.
func awaitSocket(t *testing.T, cmd *exec.Cmd, socket string) {
	t.Helper()
	out := &transcript{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	for late := time.Now().Add(limit); time.Now().Before(late); runtime.Gosched() {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("it ended: %s", out.text.String())
		default:
		}
	}
	t.Fatal("it does not listen")
}

// Real balancers, tuned and not: what a doctor says of each.
func TestDoctorBehindBalancers(t *testing.T) {
	trusting := harness.Options{Hosts: []string{`trusted_proxies: ["127.0.0.1"]`}}
	for _, tt := range []struct {
		name  string
		world world
		id    string // of the finding; empty: none
		says  []string
		note  string // of probe.idle, if one is due
	}{
		{name: "HAProxy, tuned", world: world{live: trusting, look: balanced("haproxy", doctorHAProxy, "option forwardfor")}},
		{name: "nginx, tuned", world: world{live: trusting, look: balanced("nginx", doctorNginx, "proxy_set_header X-Forwarded-For 127.0.0.1;")}},
		{name: "nginx whose client has no address", world: world{live: trusting, look: balanced("nginx", doctorNginx, "proxy_set_header X-Forwarded-For $remote_addr;")},
			id: "path", says: []string{"address list of a proxy cannot be read", "X-Forwarded-For"}},
		{name: "HAProxy that is not trusted", world: world{look: balanced("haproxy", doctorHAProxy, "option forwardfor\n  http-request set-header X-Forwarded-For 203.0.113.9")},
			id: "address", says: []string{"a balancer's address", "203.0.113.9", "hosts.trusted_proxies"}},
		{name: "HAProxy with a short time-out", world: world{look: balanced("haproxy", doctorHAProxy, "timeout server 1500ms")},
			note: "ends an answer that is silent for 2s (status 504"},
		{name: "nginx with a limit", world: world{look: balanced("nginx", doctorNginx, "client_max_body_size 2m;")},
			id: "probe.size", says: []string{"answers 413 above 1 MiB", "Server: nginx", "client_max_body_size 0"}},
		{name: "nginx with a short time-out", world: world{look: balanced("nginx", doctorNginx, "proxy_read_timeout 1500ms;")},
			note: "ends an answer that is silent for 2s (status 504, Server: nginx"},
		{name: "nginx that holds answers back", world: world{look: balanced("nginx", doctorNginx, "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;")},
			id: "probe.idle", says: []string{"held back until they are complete", "proxy_buffering off"}},
		{name: "nginx that ends answers", world: world{look: balanced("nginx", doctorNginx, "proxy_read_timeout 500ms;")},
			id: "probe.idle", says: []string{"signs of life", "proxy_read_timeout"}},
		{name: "nginx with another path", world: world{look: balanced("nginx", doctorNginx, "rewrite ^/live/(.*)$ /$1 break;")},
			id: "path", says: []string{"something between changes the path", "proxy_pass"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := tt.world.report(t)
			if tt.id != "" {
				checkFinding(t, r, tt.id, tt.says)
			} else if all := findings(r); len(all) > 0 {
				t.Errorf("found %+v", all)
			}
			if tt.note != "" && !has(r, "probe.idle", finding.Note, tt.note) {
				t.Errorf("no word of it: %+v", r.Lines)
			}
			if tt.id != "path" && !has(r, "probe.reuse", finding.Note, "a proxy that speaks HTTP") && strings.Contains(tt.name, "tuned") {
				t.Errorf("no word of the proxy: %+v", r.Lines)
			}
		})
	}
}

// has reports whether a report has such a line.
func has(r finding.Report, id string, mark finding.Mark, words string) bool {
	for _, l := range r.Lines {
		if l.ID == id && l.Mark == mark && strings.Contains(l.Words, words) {
			return true
		}
	}
	return false
}

// No question of a doctor reaches the engine, a stranger's none is answered, and one secret after the
// other cannot be tried for nothing.
func TestDoctorsQuestionsEndAtTheGateway(t *testing.T) {
	sink := harness.NewSink(t)
	ask := func(g *harness.Gateway, path, body string) answer {
		l := dial(t, g)
		return l.call(t, message{target: path, typ: "application/json", body: []byte(body)})
	}
	g := harness.Start(t, harness.Options{Upstream: sink.URL, Context: "/live"})
	for _, name := range []string{"me", "secret", "size", "wait", "look"} {
		if a := ask(g, "/live/stagelock/doctor/"+name, "{}"); a.status != http.StatusOK && a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, path := range []string{"/live/stagelock/doctor/you", "/other/stagelock/doctor/me", "/live//stagelock/doctor/me", "/live/stagelock/doctor/me/../../api/liferay/do"} {
		if a := ask(g, path, "{}"); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if n := len(sink.Calls()); n != 0 {
		t.Errorf("%d calls reached the engine", n)
	}
	stranger := harness.Start(t, harness.Options{Upstream: sink.URL, Context: "/live", Allow: `["10.1.2.3"]`})
	if a := ask(stranger, "/live/stagelock/doctor/me", "{}"); a.status != http.StatusForbidden || strings.Contains(string(a.body), "context") {
		t.Errorf("a stranger: %d %s", a.status, a.body)
	}
	few := harness.Start(t, harness.Options{Upstream: sink.URL, Context: "/live", Extra: []string{"quota: { per_address_rate: 1/m, per_address_burst: 50 }"}})
	answered := 0
	for range 8 {
		if a := ask(few, "/live/stagelock/doctor/me", "{}"); a.status == http.StatusOK {
			answered++
		} else if a.status != http.StatusServiceUnavailable {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if answered != 5 {
		t.Errorf("%d questions were answered, want 5: each counts for ten calls", answered)
	}
}
