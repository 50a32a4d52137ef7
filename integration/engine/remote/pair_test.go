package remote_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/remote/link"
)

const (
	login    = "publisher@example.com"
	here     = 20121
	there    = 30001
	liveName = "Live"
)

// clock is one that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// faults breaks the connection of chosen calls, before or after they were carried out.
type faults struct {
	mu    sync.Mutex
	calls int // so far; guarded by mu, like the rest
	at    int // which call breaks, from 1; 0 for none
	after bool
	held  chan struct{} // a call that breaks says so here and waits there; nil for one that does not wait
	let   chan struct{}
}

// hold has the call break, after or before it was carried out, only when let is closed; held is closed when it came.
func (f *faults) hold(at int, after bool) (held, let chan struct{}) {
	f.set(at, after)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held, f.let = make(chan struct{}), make(chan struct{})
	return f.held, f.let
}

func (f *faults) set(at int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.at, f.after, f.held, f.let = 0, at, after, nil, nil
}

func (f *faults) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *faults) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.calls++
		breaks, after, held, let := f.calls == f.at, f.after, f.held, f.let
		f.mu.Unlock()
		if breaks && held != nil {
			if after {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
			close(held)
			<-let
			hangUp(w)
			return
		}
		if breaks && !after {
			hangUp(w)
			return
		}
		if !breaks {
			h.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		hangUp(w)
	})
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		c.Close()
	}
}

// pair is a staging environment and the live one that it may be connected to.
type pair struct {
	testing.TB
	staging, live *engine.Engine
	dir           string // of staging
	clock         *clock
	faults        *faults
	remote        link.Connection
}

func newPair(t testing.TB) *pair {
	t.Helper()
	p := &pair{TB: t, dir: t.TempDir(), faults: &faults{}, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	p.live = p.open(t.TempDir(), nil)
	p.staging = p.open(p.dir, nil)
	p.must(fill(t.Context(), p.live, there, content.ExportImportLayouts, content.Update))
	p.must(fill(t.Context(), p.staging, here, content.ManageStaging, content.PublishStaging))
	s := httptest.NewServer(p.faults.wrap(p.live.Handler()))
	t.Cleanup(s.Close)
	p.remote = connection(t, s.URL)
	return p
}

func connection(t testing.TB, address string) link.Connection {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return link.Connection{Address: u.Hostname(), Port: port, Site: there}
}

func fill(ctx context.Context, e *engine.Engine, site int64, actions ...content.Action) error {
	_, err := e.CreateSite(ctx, content.Site{ID: site, Name: liveName})
	return errors.Join(err, e.AddUser(ctx, content.User{ID: 20199, Email: login, ScreenName: "publisher"}),
		e.Grant(ctx, 20199, site, actions...))
}

// open opens an engine that believes every login.
func (p *pair) open(dir string, change func(*engine.Config)) *engine.Engine {
	p.Helper()
	cfg := engine.Config{Dir: dir, Build: "7413", CompanyID: 20097, Now: p.clock.Now, Buffer: 1000,
		Authorize: func(login string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":x")) },
		Verify: func(authorization string) (string, error) {
			b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(authorization, "Basic "))
			who, _, _ := strings.Cut(string(b), ":")
			return who, err
		}}
	if change != nil {
		change(&cfg)
	}
	e, err := engine.New(cfg)
	p.must(err)
	p.Cleanup(func() { _ = e.Close() }) // it may be closed already
	return e
}

func (p *pair) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *pair) enable() {
	p.Helper()
	_, err := p.staging.Staging.Enable(p.Context(), login, here, p.remote)
	p.must(err)
}

// attached is how many staging environments live counts.
func (p *pair) attached() int {
	p.Helper()
	s, err := p.live.Site(p.Context(), there)
	p.must(err)
	return s.StagingCount
}

// names are the names of what the live site has.
func (p *pair) names() string {
	p.Helper()
	all, err := p.live.List(p.Context(), there)
	p.must(err)
	var names []string
	for _, it := range all {
		if it.Kind != content.Entry {
			names = append(names, it.Name+" "+it.SHA256[:8])
		}
	}
	return strings.Join(names, ",")
}

// listenIPv6 returns a listener on the loopback address of IPv6, or skips.
func listenIPv6(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 on this machine: %v", err)
	}
	return l
}
