package upstream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/integration/ports"
)

func pool(t *testing.T, nodes ...string) *upstream.Pool {
	t.Helper()
	l := logrus.New()
	l.SetOutput(io.Discard)
	c := upstream.Config{Failures: 2, Log: logrus.NewEntry(l), ReplyMax: 1 << 20, HealthPath: "/health?deep=1",
		Interval: time.Millisecond, Timeout: 30 * time.Second, ConnectTimeout: 30 * time.Second}
	for _, n := range nodes {
		u, err := url.Parse(n)
		if err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, u)
	}
	p, err := upstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// until runs the pool's probes until the node was asked that often, and returns when they have ended.
func until(t *testing.T, p *upstream.Pool, asked <-chan *http.Request, times int) (last *http.Request) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for range times {
		last = <-asked
	}
	stop()
	for {
		select {
		case <-asked: // one that was under way
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return last
		}
	}
}

func TestWhatAHealthAnswerMeans(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		up     bool
	}{
		{"well", 200, true},
		{"wants a login", 401, true},
		{"has no such path", 404, true},
		{"does not like the method", 405, true},
		{"sends elsewhere", 302, true},
		{"broken", 500, false},
		{"starts or drains", 503, false},
		{"a balancer without an engine", 502, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := make(chan *http.Request)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("Liferay-Portal", "Liferay Portal 7.4")
				w.WriteHeader(tt.status)
				asked <- r
			}))
			defer s.Close()
			p := pool(t, s.URL)
			r := until(t, p, asked, 4)
			if r.Method != http.MethodHead || r.URL.RequestURI() != "/health?deep=1" {
				t.Errorf("asked with %s %s", r.Method, r.URL)
			}
			m := p.Members()[0]
			if m.Up() != tt.up || p.State()[m.Name()] != tt.up {
				t.Errorf("up %t, state %v", m.Up(), p.State())
			}
			if !p.Up() {
				t.Error("probes alone took the last node away")
			}
			if got := p.Says(); !slices.Equal(got, []string{"Liferay Portal 7.4"}) {
				t.Errorf("says %q", got)
			}
			if n := m.Failures().Probes.Load(); (n > 0) == tt.up {
				t.Errorf("%d probes failed", n)
			}
		})
	}
}

// TestANodeComesBackByItself holds after calls and probes took it out.
func TestANodeComesBackByItself(t *testing.T) {
	asked := make(chan *http.Request)
	var broken atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		asked <- r
	}))
	defer s.Close()
	p := pool(t, s.URL)
	m := p.Members()[0]
	broken.Store(true)
	until(t, p, asked, 4)
	for range 2 {
		m.Failed(errors.New("reset"))
	}
	if p.Up() || p.Pick(0, "", nil) != nil || p.Pick(7, m.Name(), nil) != nil {
		t.Error("a node that calls and probes found dead gets calls")
	}
	broken.Store(false)
	until(t, p, asked, 2)
	if !m.Up() || p.Pick(0, "", nil) != m {
		t.Error("it answers and stays out")
	}
}

func TestANodeThatIsAway(t *testing.T) {
	addr := ports.Free(t)
	p := pool(t, "http://"+addr)
	m := p.Members()[0]
	if x, err := m.Open(t.Context(), true); err == nil || x != nil || m.Busy() {
		t.Errorf("opened %v, %v, busy %t", x, err, m.Busy())
	}
	if got := p.Says(); !slices.Equal(got, []string{""}) {
		t.Errorf("says %q, want that it said nothing", got)
	}
}

func TestOfNoNode(t *testing.T) {
	if p, err := upstream.New(upstream.Config{}); err == nil || p != nil {
		t.Errorf("%v, %v", p, err)
	}
}

// TestRefusingNodesAreTheLast holds: a node that would not take a publish gets calls when no other can.
func TestRefusingNodesAreTheLast(t *testing.T) {
	for _, tt := range []struct {
		name    string
		refuse  []int
		down    []int
		request int64
		home    int // -1: none
		want    []int
	}{
		{"all alike", nil, nil, 0, -1, []int{0, 1, 2}},
		{"one refuses", []int{1}, nil, 0, -1, []int{0, 2}},
		{"all refuse", []int{0, 1, 2}, nil, 0, -1, []int{0, 1, 2}},
		{"all refuse, one is down", []int{0, 1, 2}, []int{0}, 0, -1, []int{1, 2}},
		{"all are down", nil, []int{0, 1, 2}, 0, -1, nil},
		{"the home refuses, and has the parts", []int{1}, nil, 7, 1, []int{1}},
		{"the home is down", nil, []int{1}, 7, 1, []int{0, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := pool(t, "http://a:1", "http://b:1", "http://c:1")
			all := p.Members()
			for _, m := range all {
				m.Answered()
			}
			for _, i := range tt.refuse {
				all[i].Refuse(true)
			}
			for _, i := range tt.down {
				all[i].Failed(net.ErrClosed)
				all[i].Failed(net.ErrClosed)
			}
			home := ""
			if tt.home >= 0 {
				home = all[tt.home].Name()
			}
			got := map[*upstream.Member]bool{}
			for range 30 {
				got[p.Pick(tt.request, home, nil)] = true
			}
			if len(tt.want) == 0 && (len(got) != 1 || !got[nil]) {
				t.Errorf("picked %v of none", got)
			}
			for i, m := range all {
				if got[m] && !slices.Contains(tt.want, i) || tt.request == 0 && !got[m] && slices.Contains(tt.want, i) {
					t.Errorf("%s: picked %t", m.Name(), got[m])
				}
			}
		})
	}
}

// TestRequestsSpreadAndStay holds: a request without a home goes to one node from every gateway, and many
// of them go to all; when a node leaves, those of the others stay where they were.
func TestRequestsSpreadAndStay(t *testing.T) {
	nodes := []string{"http://a:1", "http://b:1", "http://c:1"}
	one, two := pool(t, nodes...), pool(t, nodes[2], nodes[0], nodes[1])
	for _, m := range append(one.Members(), two.Members()...) {
		m.Answered()
	}
	count, before := map[string]int{}, map[int64]string{}
	for id := int64(31001); id < 31301; id++ {
		a, b := one.Pick(id, "", nil).Name(), two.Pick(id, "", nil).Name()
		if a != b {
			t.Fatalf("request %d goes to %s from one gateway, to %s from another", id, a, b)
		}
		count[a]++
		before[id] = a
	}
	for name, n := range count {
		if n < 50 || len(count) != 3 {
			t.Errorf("%d of 300 go to %s", n, name)
		}
	}
	gone := one.Members()[0]
	for id, was := range before {
		if now := one.Pick(id, "", gone); was != gone.Name() && now.Name() != was || now == gone {
			t.Fatalf("request %d went from %s to %s though %s left", id, was, now.Name(), gone.Name())
		}
	}
}

func TestBases(t *testing.T) {
	for _, tt := range []struct {
		name, node, host, context string
		want                      []string
	}{
		{"plain", "http://a:8080", "", "", []string{"http://a:8080"}},
		{"context", "http://a:8080", "", "/portal", []string{"http://a:8080/portal"}},
		{"asked by a name", "https://a", "www.example.com", "/p", []string{"https://a/p", "https://www.example.com/p"}},
		{"address of six", "http://[::1]:8080", "", "", []string{"http://[::1]:8080"}},
		{"a path in the node is not a base", "http://a/x", "", "", []string{"http://a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := pool(t, tt.node).Bases(tt.host, tt.context); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestClosedPoolServesWhoIsIn holds: calls that began with a pool keep it until they leave.
func TestClosedPoolServesWhoIsIn(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	p := pool(t, s.URL)
	m := p.Members()[0]
	var wg sync.WaitGroup
	for range 4 {
		p.Enter()
	}
	p.Close()
	for range 4 {
		wg.Go(func() {
			defer p.Leave()
			x, err := m.Open(t.Context(), true)
			if err != nil {
				t.Errorf("a call that was in: %v", err)
				return
			}
			if !m.Busy() {
				t.Error("a node with a call is not busy")
			}
			x.Done()
			m.Ended()
		})
	}
	wg.Wait()
	if m.Busy() {
		t.Error("busy without a call")
	}
}
