package integration_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// toldReady is what the health path tells a balancer.
type toldReady struct {
	Ready    bool            `json:"ready"`
	Problems []string        `json:"problems"`
	Warnings []string        `json:"warnings"`
	Nodes    map[string]bool `json:"nodes"`
}

// probe asks as HAProxy does.
func probe(t *testing.T, g *harness.Gateway) (status int, h toldReady) {
	t.Helper()
	c, err := g.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /-/ready HTTP/1.0\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, h
}

// awaitTold waits until health has something to say of the engine.
func awaitTold(t *testing.T, g *harness.Gateway) (status int, h toldReady) {
	t.Helper()
	await(t, "the engine's answer", func() bool {
		status, h = probe(t, g)
		return h.Ready || len(h.Problems) > 0 && !strings.Contains(h.Problems[0], "has yet to say")
	})
	return status, h
}

const often = "{ call: 1m, interval: 100ms }"

// Health said ready while no publish could pass. Now it says why, and which line mends it.
func TestReadyMeansThatAPublishWouldPass(t *testing.T) {
	good := func(line string) *harness.Engine {
		return harness.StartEngine(t, harness.EngineOptions{Line: line, Context: "/portal"})
	}
	e := good("")
	down := harness.NewSink(t)
	redirecting := harness.StartEngine(t, harness.EngineOptions{Before: func(http.Handler) http.Handler {
		return http.RedirectHandler("https://portal.example.com/", http.StatusFound)
	}})
	page := harness.StartEngine(t, harness.EngineOptions{Before: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Sign in</html>") })
	}})
	for _, tt := range []struct {
		name string
		o    harness.Options
		says []string // of the only problem; none: ready
	}{
		{"good, 7.4", harness.Options{Upstream: e.URL, Inside: "/portal"}, nil},
		{"good, 7.0", harness.Options{Upstream: good("7.0").URL, Inside: "/portal", Line: "7.0"}, nil},
		{"good, 6.2", harness.Options{Upstream: good("6.2").URL, Inside: "/portal", Line: "6.2"}, nil},
		{"another secret", harness.Options{Upstream: e.URL, Inside: "/portal", Engine: "6543210987654321"},
			[]string{"does not accept the engine's secret", "engine.upstream.secret, ", "stagelock.yaml:"}},
		{"another inner path context", harness.Options{Upstream: e.URL, Inside: "/other"},
			[]string{"has no tunnel at /other/api/liferay/do", "engine.upstream.path_context, ", "stagelock.yaml:"}},
		{"no inner path context", harness.Options{Upstream: e.URL},
			[]string{"has no tunnel at /api/liferay/do", "stagelock.yaml:"}},
		{"down", harness.Options{Upstream: "http://127.0.0.1:1"}, []string{"cannot be reached: connection refused", "engine.upstream.nodes"}},
		{"it could not read the call", harness.Options{Upstream: down.URL}, []string{"could not read the call", "engine.line"}},
		{"a redirect", harness.Options{Upstream: redirecting.URL}, []string{"sends the call to https://portal.example.com/", "tunnel.servlet.https.required"}},
		{"a page", harness.Options{Upstream: page.URL}, []string{"something else than the tunnel", "engine.upstream.nodes"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Health = often
			status, h := awaitTold(t, harness.Start(t, tt.o))
			if len(tt.says) == 0 {
				if status != http.StatusOK || !h.Ready {
					t.Errorf("%d %+v", status, h)
				}
				return
			}
			if status != http.StatusServiceUnavailable || h.Ready || len(h.Problems) != 1 {
				t.Fatalf("%d %+v", status, h)
			}
			for _, says := range tt.says {
				if !strings.Contains(h.Problems[0], says) {
					t.Errorf("%q does not say %q", h.Problems[0], says)
				}
			}
		})
	}
}

// The engine is asked once, however often balancers ask, and nothing happens there.
func TestProbesDoNotReachTheEngine(t *testing.T) {
	var calls atomic.Int32
	e := harness.StartEngine(t, harness.EngineOptions{Before: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				calls.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}})
	g := harness.Start(t, harness.Options{Upstream: e.URL, Health: often})
	awaitTold(t, g)
	for range 50 {
		if status, h := probe(t, g); status != http.StatusOK {
			t.Fatalf("%d %+v", status, h)
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("the engine was asked %d times", n)
	}
}

// A reload mends it at once, and one that changes nothing of the engine asks nobody and flaps nowhere.
func TestReadinessOverReloads(t *testing.T) {
	e := harness.StartEngine(t, harness.EngineOptions{})
	o := harness.Options{Upstream: e.URL, Health: often}
	wrong := o
	wrong.Engine = "6543210987654321"
	g := harness.Start(t, wrong)
	if status, h := awaitTold(t, g); status != http.StatusServiceUnavailable {
		t.Fatalf("%d %+v", status, h)
	}
	g.Write(t, o)
	if _, err := g.Node.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "ready", func() bool { status, _ := probe(t, g); return status == http.StatusOK })
	for range 20 {
		if _, err := g.Node.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if status, h := probe(t, g); status != http.StatusOK {
			t.Fatalf("%d %+v", status, h)
		}
	}
	e2 := harness.StartEngine(t, harness.EngineOptions{}) // another engine: what was known of the first one counts until it is asked
	o.Upstream = e2.URL
	g.Write(t, o)
	if _, err := g.Node.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, h := probe(t, g); status != http.StatusOK {
		t.Errorf("%d %+v", status, h)
	}
}
