package balancers

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive/archivetest"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// hasty are the configurations with time-outs that only heartbeats outlast.
var hasty = []balancer{
	nginx("nginx", "proxy_read_timeout 60s", "proxy_read_timeout 5s"),
	nginx("nginx with its own buffering of requests", "proxy_request_buffering off;", "", "proxy_read_timeout 60s", "proxy_read_timeout 5s"),
	haproxy("HAProxy, http", "haproxy-http.cfg", trusted, "timeout client  60s", "timeout client 5s", "timeout server  60s", "timeout server 5s"),
	haproxy("HAProxy, tcp, PROXY protocol version 2", "haproxy-tcp.cfg", `proxy_protocol: ["127.0.0.1"]`,
		"timeout client  60s", "timeout client 5s", "timeout server  60s", "timeout server 5s"),
	haproxy("HAProxy, tcp, PROXY protocol version 1", "haproxy-tcp.cfg", `proxy_protocol: ["127.0.0.1"]`,
		"send-proxy-v2", "send-proxy", "timeout client  60s", "timeout client 5s", "timeout server  60s", "timeout server 5s"),
	apache("Apache httpd", "ProxyTimeout 60", "ProxyTimeout 5"),
}

// beats are the signs of life that an import is waited for: more seconds than any time-out of hasty.
const beats = 8

// slowImport is an engine whose import ends when its publisher saw signs of life.
type slowImport struct{ seen chan struct{} }

func (s slowImport) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if bytes.Contains(body, []byte("publishStagingRequest")) {
			select {
			case <-s.seen:
			case <-time.After(limit):
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// arrange starts an engine behind a gateway that knows the balancer.
func arrange(t *testing.T, b balancer, before func(http.Handler) http.Handler, more ...string) (*harness.Engine, *harness.Gateway) {
	t.Helper()
	e := harness.StartEngine(t, harness.EngineOptions{Documents: "4.0.0", Before: before})
	g := harness.Start(t, harness.Options{Upstream: e.URL, Names: `["` + host + `"]`, Allow: b.allow, Hosts: []string{b.hosts},
		Extra: append([]string{"heartbeat: 1s"}, more...), LogTo: b.logTo})
	return e, g
}

// client publishes through the balancer.
func (r *running) client(t *testing.T, tell func(publisher.Progress)) *publisher.Client {
	t.Helper()
	key := harness.NewKey(t, harness.Secret)
	c, err := publisher.New(publisher.Config{
		URL: &url.URL{Scheme: "https", Host: host}, Build: "7.4", Login: harness.Login, Site: harness.Site, AnyBuild: true, Roots: r.roots,
		Authorize: func(login string) string { return key.Authorization(login, true, false) }, Progress: tell,
		Patience: time.Millisecond,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, r.addr)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func lar(t *testing.T, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := archivetest.Generate(&b, archivetest.Options{Bytes: size, Entries: 9, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A whole publish of 25 MiB, with an import that lasts longer than any time-out of the balancer's.
func TestPublishThrough(t *testing.T) {
	content := lar(t, 25<<20)
	for _, b := range hasty {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := slowImport{make(chan struct{})}
			e, g := arrange(t, b, s.before)
			r := b.start(t, g)
			over := false
			c := r.client(t, func(p publisher.Progress) {
				if p.Beats >= beats && !over {
					over = true
					close(s.seen)
				}
			})
			res, err := c.Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
			if err != nil || res.CleanUp != nil {
				t.Fatalf("publish: %v, clean-up: %v\n%s", err, res.CleanUp, r.log())
			}
			if !over {
				t.Error("the publisher saw no sign of life")
			}
			if done, err := e.Publishes(t.Context(), harness.Site); err != nil || len(done) != 1 {
				t.Errorf("%d publishes arrived, %v", len(done), err)
			}
			for _, ev := range g.Events(t) {
				if ev.Kind == audit.KindVerdict && (ev.Verdict != audit.Allow || ev.Peer != "staging") {
					t.Errorf("verdict %s %s: %s", ev.Verdict, ev.Reason, ev.Detail)
				}
			}
		})
	}
}

// Each balancer that asks for the gateway's health is told that it is well, and says so.
func TestProbes(t *testing.T) {
	for _, b := range []balancer{hasty[2], hasty[3], hasty[4], apache("Apache httpd", "hcinterval=5", "hcinterval=1")} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			_, g := arrange(t, b, nil)
			r := b.start(t, g)
			for end := time.Now().Add(limit); !strings.Contains(r.probes(t), b.probed); <-time.After(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("no probe went well:\n%s", r.probes(t))
				}
			}
			for _, ev := range g.Events(t) {
				if ev.Kind == audit.KindVerdict {
					t.Errorf("a probe stands in the audit log: %s %s", ev.Verdict, ev.Reason)
				}
			}
		})
	}
}

// The balancer's connections are those of many publishers.
func TestPublishersBehindABalancerAreNoFlood(t *testing.T) {
	const publishers = 12
	b := hasty[2]
	var held chan struct{}
	ready := make(chan struct{}, publishers)
	held = make(chan struct{})
	_, g := arrange(t, b, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				ready <- struct{}{}
				<-held
			}
			next.ServeHTTP(w, r)
		})
	}, "quota: { connections_per_address: 2 }")
	r := b.start(t, g)
	failed := make(chan error, publishers)
	for range publishers {
		c := r.client(t, nil)
		go func() { failed <- c.CheckRemoteStagingGroup(t.Context(), harness.Site) }()
	}
	for range publishers {
		select {
		case <-ready: // all are with the engine at once
		case err := <-failed:
			t.Fatalf("one of %d publishers: %v", publishers, err)
		case <-time.After(limit):
			t.Fatal("not all publishers came through")
		}
	}
	close(held)
	for range publishers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
