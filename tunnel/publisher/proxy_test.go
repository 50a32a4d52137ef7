package publisher_test

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// forwardProxy is a proxy as companies have them: CONNECT for TLS, whole addresses for the rest.
type forwardProxy struct {
	login string // that it wants; empty: none

	mu   sync.Mutex
	seen []string
}

func (p *forwardProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, r.Method+" "+r.RequestURI)
	p.mu.Unlock()
	if user, password, ok := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth(); p.login != "" && (!ok || user+":"+password != p.login) {
		http.Error(w, "who are you", http.StatusProxyAuthRequired)
		return
	}
	if r.Method == http.MethodConnect {
		p.tunnel(w, r)
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI = ""
	answer, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

func (p *forwardProxy) tunnel(w http.ResponseWriter, r *http.Request) {
	there, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(here, there); _ = here.Close() }() // both end with the connections
	go func() { _, _ = io.Copy(there, here); _ = there.Close() }()
}

func TestForwardProxy(t *testing.T) {
	answers := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}) // 200, nothing
	secure := httptest.NewTLSServer(answers)
	t.Cleanup(secure.Close)
	plain := serveHTTP(t, answers)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	for _, tt := range []struct {
		name, to, user, wants string
		kind                  failure.Kind
		says, seen            string
	}{
		{"TLS", secure.URL, "", "", "", "", "CONNECT " + strings.TrimPrefix(secure.URL, "https://")},
		{"TLS, with a login", secure.URL, "me:s3cret@", "me:s3cret", "", "", "CONNECT"},
		{"TLS, without the login", secure.URL, "", "me:s3cret", failure.Unreachable, "it answers 407", "CONNECT"},
		{"plain", plain, "", "", "", "", "POST " + plain + "/api/liferay/do"},
		{"plain, with a login", plain, "me:s3cret@", "me:s3cret", "", "", "POST"},
		{"plain, without the login", plain, "", "me:s3cret", failure.Denied, "the proxy wants a login", "POST"},
		{"nobody behind it", "https://127.0.0.1:1", "", "", failure.Unreachable, "it answers 502", "CONNECT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &forwardProxy{login: tt.wants}
			proxy := serveHTTP(t, p)
			cfg := config(t, tt.to)
			cfg.Roots = roots
			cfg.Proxy, _ = url.Parse(strings.Replace(proxy, "://", "://"+tt.user, 1))
			c := client(t, cfg)
			err := c.CheckRemoteStagingGroup(t.Context(), site)
			_ = c.Close()
			if tt.kind == "" && err != nil {
				t.Errorf("%v", err)
			}
			if tt.kind != "" {
				if f := failureOf(t, err); f.Kind != tt.kind || !strings.Contains(f.Msg, tt.says) || strings.Contains(f.Error()+f.Cure, "s3cret") {
					t.Errorf("%s: %q (%s)", f.Kind, f.Msg, f.Cure)
				}
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.seen) == 0 || !strings.HasPrefix(p.seen[0], tt.seen) {
				t.Errorf("proxy saw %q, want %q", p.seen, tt.seen)
			}
		})
	}
}

func TestProxyThatIsAway(t *testing.T) {
	cfg := config(t, "https://live.example.com")
	cfg.Proxy = &url.URL{Scheme: "http", Host: "proxy.invalid:3128"}
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Name: "proxy.invalid", IsNotFound: true}
	}
	f := failureOf(t, client(t, cfg).CheckRemoteStagingGroup(t.Context(), site))
	if f.Kind != failure.Unreachable || !strings.Contains(f.Msg, "the proxy proxy.invalid:3128 cannot be reached") {
		t.Errorf("%s: %v", f.Kind, f)
	}
}
