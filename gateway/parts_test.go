package gateway

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
)

func testLog() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

func TestCanonicalNamesOtherSpellings(t *testing.T) {
	for _, tt := range []struct{ name, target, want string }{
		{"as it is", "/api/liferay/do", "/api/liferay/do"},
		{"double slash", "//api//liferay/do", "/api/liferay/do"},
		{"path parameter", "/api;x=1/liferay/do;jsessionid=2", "/api/liferay/do"},
		{"dots", "/x/../api/./liferay/do", "/api/liferay/do"},
		{"dots behind a parameter", "/x/..;/api/liferay/do", "/api/liferay/do"},
		{"escaped letter", "/%61pi/liferay/d%6F", "/api/liferay/do"},
		{"escaped dots", "/api/x/%2e%2e/liferay/do", "/api/liferay/do"},
		{"query", "/api/liferay/do?a=b", "/api/liferay/do"},
		{"above the root", "/../../api/liferay/do", "/api/liferay/do"},
		{"another", "/api/liferay/does", "/api/liferay/does"},
		{"not escaped", "/api%2/liferay/do", "/api%2/liferay/do"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := canonical(tt.target); got != tt.want {
				t.Errorf("canonical(%q) = %q, want %q", tt.target, got, tt.want)
			}
		})
	}
}

func testPool(t *testing.T, nodes ...string) *Pool {
	t.Helper()
	c := PoolConfig{Failures: 2, Log: testLog(), ReplyMax: 1 << 20}
	for _, n := range nodes {
		u, err := url.Parse(n)
		if err != nil {
			t.Fatal(err)
		}
		c.Nodes = append(c.Nodes, u)
	}
	p, err := NewPool(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestPoolKeepsARequestAtItsNode(t *testing.T) {
	p := testPool(t, "http://a:1", "http://b:1", "http://c:1")
	for _, n := range p.nodes {
		n.answered()
	}
	home := p.pick(7, nil)
	for range 20 {
		if n := p.pick(7, nil); n != home {
			t.Fatalf("request 7 went to %s, then to %s", home.name, n.name)
		}
	}
	other := p.nodes[0]
	if other == home {
		other = p.nodes[1]
	}
	p.remember(7, other)
	if n := p.pick(7, nil); n != other {
		t.Errorf("request 7 went to %s, but %s created it", n.name, other.name)
	}
	other.failed(errors.New("down"))
	other.failed(errors.New("down"))
	if n := p.pick(7, nil); n == other || n == nil {
		t.Errorf("request 7 went to %v, which is down", n)
	}
	p.forget(7)
	if n := p.pick(7, nil); n != home {
		t.Errorf("a forgotten request went to %s, want %s", n.name, home.name)
	}
}

func TestPoolTakesTurnsAndSkips(t *testing.T) {
	p := testPool(t, "http://a:1", "http://b:1")
	seen := map[string]int{}
	for range 10 {
		seen[p.pick(0, nil).name]++
	}
	if seen["a:1"] != 5 || seen["b:1"] != 5 {
		t.Errorf("turns: %v", seen)
	}
	for range 4 {
		if n := p.pick(0, p.nodes[0]); n != p.nodes[1] {
			t.Errorf("picked %s in place of the other one", n.name)
		}
	}
	for _, n := range p.nodes {
		n.failed(errors.New("down"))
		n.failed(errors.New("down"))
	}
	if p.Up() || p.pick(0, nil) != nil {
		t.Errorf("a pool of nodes that are down is up: %v", p.State())
	}
}

func TestANodeThatNeverAnsweredIsOutAtOnce(t *testing.T) {
	p := testPool(t, "http://a:1")
	n := p.nodes[0]
	if !p.Up() {
		t.Fatal("out before anything was tried")
	}
	n.failed(errors.New("refused"))
	if p.Up() {
		t.Error("up after the first failure")
	}
	n.fails.Store(0)
	n.answered()
	n.failed(errors.New("refused"))
	if !p.Up() {
		t.Error("out after one failure, though it answered before")
	}
}

func TestPublicURL(t *testing.T) {
	p := &Policy{PublicURL: "https://live.example.com/live"}
	p.Engine = Engine{Pool: testPool(t, "http://10.0.0.1:8080"), PathContext: "/portal", Host: "live.internal"}
	for _, tt := range []struct{ name, own, want string }{
		{"by node", "http://10.0.0.1:8080/portal/web/guest", "https://live.example.com/live/web/guest"},
		{"by host", "http://live.internal/portal/web", "https://live.example.com/live/web"},
		{"whole", "http://10.0.0.1:8080/portal", "https://live.example.com/live"},
		{"no segment", "http://10.0.0.1:8080/portalx/web", "http://10.0.0.1:8080/portalx/web"},
		{"another's", "https://elsewhere/portal/web", "https://elsewhere/portal/web"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := p.publicURL(tt.own); got != tt.want {
				t.Errorf("publicURL(%q) = %q, want %q", tt.own, got, tt.want)
			}
		})
	}
}

func TestDrainServesWhatIsInProgress(t *testing.T) {
	var d drain
	now := time.Unix(1000, 0)
	if err := d.allows(calls.Create, 0, now); err != nil {
		t.Fatalf("before the drain: %v", err)
	}
	d.begun(7, now)
	if err := d.allows(calls.Update, 8, now); err != nil { // created before this process began
		t.Fatal(err)
	}
	d.enter()
	quiet := d.stop()
	for _, tt := range []struct {
		name    string
		kind    calls.Kind
		request int64
		passes  bool
	}{
		{"part of a publish in progress", calls.Update, 7, true},
		{"publish of one from before", calls.Publish, 8, true},
		{"look-up while one is in progress", calls.Read, 0, true},
		{"clean-up", calls.CleanUp, 9, true},
		{"event", calls.Event, 0, true},
		{"new publish", calls.Create, 0, false},
		{"enable", calls.Enable, 0, false},
		{"part of an unknown one", calls.Update, 9, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := d.allows(tt.kind, tt.request, now); (err == nil) != tt.passes {
				t.Errorf("%v", err)
			}
		})
	}
	d.ended(7)
	d.ended(8)
	select {
	case <-quiet:
		t.Error("quiet while a call is under way")
	default:
	}
	d.leave()
	<-quiet
}

// noRepeats is a store of repeats that notes what is ended.
type noRepeats struct {
	store.Repeats
	ended  []store.RepeatKey
	scopes []string
}

func (n *noRepeats) End(_ context.Context, key store.RepeatKey) error {
	n.ended = append(n.ended, key)
	return nil
}

func (n *noRepeats) EndScope(_ context.Context, scope string, _ store.RepeatKey) error {
	n.scopes = append(n.scopes, scope)
	return nil
}

func TestFlightsHaveOnePilot(t *testing.T) {
	ended := &noRepeats{}
	f := newFlights(ended, time.Unix(1, 0))
	key := store.RepeatKey{Login: "a", Digest: "1"}
	first, own := f.board(key, "site:1", "ref")
	if !own {
		t.Fatal("the first is a twin")
	}
	twin, own := f.board(key, "site:1", "other")
	if own || twin != first {
		t.Error("the second is no twin")
	}
	if _, own := f.board(store.RepeatKey{Login: "b", Digest: "1"}, "site:1", "x"); !own {
		t.Error("another login is a twin")
	}
	f.land(t.Context(), first, trace{carried: true, answer: []byte("a")}, nil, time.Unix(2, 0))
	<-twin.done
	if left := f.state(twin); !left.carried || string(left.answer) != "a" || left.held {
		t.Errorf("a twin finds %+v", left)
	}
	if _, own := f.board(key, "site:1", "y"); own {
		t.Error("an answer that nobody got is forgotten")
	}
	f.forget(t.Context(), first)
	if _, own := f.board(key, "site:1", "z"); !own || len(ended.ended) != 1 {
		t.Errorf("a delivered answer is kept: %v", ended.ended)
	}
}

func TestACallThatDidNothingLeavesNothing(t *testing.T) {
	f := newFlights(&noRepeats{}, time.Unix(1, 0))
	key := store.RepeatKey{Digest: "1"}
	fl, _ := f.board(key, "s", "ref")
	f.land(t.Context(), fl, trace{}, nil, time.Unix(2, 0))
	<-fl.gone
	if _, own := f.board(key, "s", "again"); !own {
		t.Error("a twin of a call that did nothing does not take its turn")
	}
}

func TestAScopeEndsWithAnotherCall(t *testing.T) {
	ended := &noRepeats{}
	f := newFlights(ended, time.Unix(1, 0))
	carried := trace{carried: true}
	enable, disable := store.RepeatKey{Digest: "1"}, store.RepeatKey{Digest: "2"}
	first, _ := f.board(enable, "site:1", "ref")
	if err := f.endScope(t.Context(), "site:1", disable, false); err != nil || len(ended.ended) != 0 {
		t.Fatalf("a call under way was ended: %v, %v", ended.ended, err)
	}
	f.land(t.Context(), first, carried, nil, time.Unix(2, 0))
	for _, scope := range []string{"site:2", "site:1"} {
		if err := f.endScope(t.Context(), scope, enable, false); err != nil || len(ended.ended) != 0 {
			t.Fatalf("scope %s: ended %v, %v", scope, ended.ended, err)
		}
	}
	if err := f.endScope(t.Context(), "site:1", disable, false); err != nil || len(ended.ended) != 1 {
		t.Errorf("another call left %v, %v", ended.ended, err)
	}
	if _, own := f.board(enable, "site:1", "again"); !own {
		t.Error("enable, disable, enable: the last is taken for a repeat")
	}
	for range 2 {
		if err := f.endScope(t.Context(), "site:3", enable, true); err != nil {
			t.Fatal(err)
		}
	}
	if len(ended.scopes) != 1 {
		t.Errorf("the store was asked %d times for what the process before left", len(ended.scopes))
	}
}

func TestForgottenAnswers(t *testing.T) {
	f := newFlights(&noRepeats{}, time.Unix(1, 0))
	key := store.RepeatKey{Digest: "1"}
	fl, _ := f.board(key, "s", "ref")
	f.prune(t.Context(), time.Unix(100, 0))
	if _, own := f.board(key, "s", "x"); own {
		t.Fatal("a call under way was forgotten")
	}
	f.land(t.Context(), fl, trace{carried: true}, nil, time.Unix(50, 0))
	f.prune(t.Context(), time.Unix(50, 0))
	if _, own := f.board(key, "s", "x"); own {
		t.Error("forgotten too early")
	}
	f.prune(t.Context(), time.Unix(51, 0))
	if _, own := f.board(key, "s", "x"); !own {
		t.Error("never forgotten")
	}
	if len(f.all) != 1 || len(f.scopes) != 1 {
		t.Errorf("%d flights and %d scopes are left", len(f.all), len(f.scopes))
	}
}

func TestDrainGivesUpWhatNobodyGoesOnWith(t *testing.T) {
	var d drain
	d.begun(7, time.Unix(0, 0))
	quiet := d.stop()
	d.expire(time.Unix(60, 0))
	select {
	case <-quiet:
		t.Fatal("given up after a minute")
	default:
	}
	d.expire(time.Unix(121, 0))
	<-quiet
}

func TestABusyPeerWaits(t *testing.T) {
	g := &Gateway{}
	leave, ok := g.enter(t.Context(), "a", 1, 0)
	if !ok {
		t.Fatal("no place for the first")
	}
	if _, ok := g.enter(t.Context(), "a", 1, 0); ok {
		t.Error("a place for the second")
	}
	if _, ok := g.enter(t.Context(), "b", 1, 0); !ok {
		t.Error("no place for another peer")
	}
	got := make(chan bool)
	go func() {
		_, ok := g.enter(t.Context(), "a", 1, time.Hour)
		got <- ok
	}()
	leave()
	if !<-got {
		t.Error("who waited got no place")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := g.enter(ctx, "a", 1, time.Hour); ok {
		t.Error("a place for a call that has ended")
	}
}

func TestTheZeroPolicyAdmitsNobody(t *testing.T) {
	var p Policy
	addr := netip.MustParseAddr("10.1.2.3")
	if p.Hosts.Contains(addr) || len(p.candidates(addr)) > 0 || p.local(addr) {
		t.Error("the zero policy admits somebody")
	}
}
