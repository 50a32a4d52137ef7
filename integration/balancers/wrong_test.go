package balancers

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// log is what a gateway says while it runs.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// forgotten is a balancer of which the gateway knows nothing.
func forgotten(b balancer, allow string) balancer {
	b.hosts, b.allow = "refuse: answer", allow
	return b
}

// What goes wrong without a line, and that whoever reads the publisher's message or the gateway's log
// is told which one it is. README.md says the same in words.
func TestWithoutALine(t *testing.T) {
	const sender = `proxy_protocol: ["127.0.0.1"]`
	for _, tt := range []struct {
		name string
		balancer
		says   []string // to the publisher
		logged string   // by the gateway
	}{
		{name: "nginx as it comes", says: []string{"HTTP/1.0", "proxy_http_version 1.1"},
			balancer: nginx("", "proxy_http_version 1.1;", "proxy_http_version 1.0;", `proxy_set_header Connection "";`, "")},
		{name: "nginx as for web sockets", says: []string{"upgrade", `proxy_set_header Connection ""`},
			balancer: nginx("", `proxy_set_header Connection "";`, `proxy_set_header Connection "upgrade";`)},
		{name: "nginx with Upgrade", says: []string{"upgrade", "leave it out"},
			balancer: nginx("", `proxy_set_header Connection "";`, `proxy_set_header Connection ""; proxy_set_header Upgrade websocket;`)},
		{name: "nginx without Host", says: []string{"host is not served", "proxy_set_header Host $http_host"},
			balancer: nginx("", "proxy_set_header Host $http_host;", "")},
		{name: "nginx's limit of a body", says: []string{"a part is larger", "client_max_body_size"}, balancer: nginx("", "client_max_body_size 0;", "")},
		{name: "a balancer that the gateway does not know", says: []string{"not on the list of allowed hosts", "trusted proxies"}, balancer: forgotten(nginx(""), `["10.1.2.3"]`)},
		{name: "Apache without the publisher's Host", says: []string{"status 500"}, balancer: apache("", "ProxyPreserveHost On", "ProxyPreserveHost Off")},
		{name: "a PROXY header for a gateway that expects none", says: []string{"no connection"}, logged: "hosts.proxy_protocol",
			balancer: forgotten(haproxy("", "haproxy-tcp.cfg", ""), "")},
		{name: "no PROXY header for a gateway that expects one", says: []string{"no connection"}, logged: "hosts.proxy_protocol",
			balancer: haproxy("", "haproxy-tcp.cfg", sender, "send-proxy-v2", "", "check-send-proxy", "")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var said log
			tt.logTo = &said
			e, g := arrange(t, tt.balancer, nil)
			r := tt.start(t, g)
			content := lar(t, 2<<20)
			_, err := r.client(t, nil).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
			var f *failure.Failure
			if !errors.As(err, &f) {
				t.Fatalf("published: %v", err)
			}
			for _, s := range tt.says {
				if !strings.Contains(f.Msg+"; "+f.Cure, s) {
					t.Errorf("%q, cure %q does not say %q", f.Msg, f.Cure, s)
				}
			}
			if !strings.Contains(said.String(), tt.logged) {
				t.Errorf("the gateway's log does not say %q:\n%s", tt.logged, &said)
			}
			if done, err := e.Publishes(t.Context(), harness.Site); err != nil || len(done) > 0 {
				t.Errorf("%d publishes arrived, %v", len(done), err)
			}
		})
	}
}

// Java writes an IPv6 address with all its zeros, into the Host field too.
func TestIPv6HostAsJavaWritesIt(t *testing.T) {
	for _, name := range []string{"[::1]", "[0:0:0:0:0:0:0:1]", "[::1]:8443"} {
		e := harness.StartEngine(t, harness.EngineOptions{})
		g := harness.Start(t, harness.Options{Upstream: e.URL, Names: `["` + name + `"]`})
		key := harness.NewKey(t, harness.Secret)
		for _, typed := range []string{"[0:0:0:0:0:0:0:1]:8443", "[::1]:8443"} {
			c, err := publisher.New(publisher.Config{
				URL: &url.URL{Scheme: "https", Host: typed}, Build: "7.4", Login: harness.Login, Site: harness.Site, Roots: g.TLS.RootCAs,
				Authorize: func(login string) string { return key.Authorization(login, true, false) }, Patience: time.Millisecond,
				Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, g.Addr)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.CheckRemoteStagingGroup(t.Context(), harness.Site); err != nil {
				t.Errorf("%s for a gateway named %s: %v", typed, name, err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
