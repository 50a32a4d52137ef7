package claims_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/relay/claims"
	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/tunnel"
)

const (
	request   = 40307
	site      = 20121
	checksum  = "d41d8cd98f00b204e9800998ecf8427e"
	abandoned = 2 * time.Minute
)

// aged is a store of requests in which each was idle for as long as the test says, until it is touched.
type aged struct {
	store.Requests
	mu      sync.Mutex
	idle    time.Duration
	touched []int64
	fault   error // of every call, if it is set
	reading error // of reads only
}

func (a *aged) Touch(ctx context.Context, ids ...int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fault != nil {
		return a.fault
	}
	a.idle, a.touched = 0, append(a.touched, ids...)
	return a.Requests.Touch(ctx, ids...)
}

func (a *aged) age(r store.Request, err error) (store.Request, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.Idle = a.idle
	if fault := errors.Join(a.fault, a.reading); fault != nil {
		return store.Request{}, fault
	}
	return r, err
}

func (a *aged) Request(ctx context.Context, id int64) (store.Request, error) {
	return a.age(a.Requests.Request(ctx, id))
}

func (a *aged) Find(ctx context.Context, site int64, checksum string) (store.Request, error) {
	return a.age(a.Requests.Find(ctx, site, checksum))
}

// leases fail if they are told to.
type leases struct {
	store.Leases
	fault   error
	freeing error
}

func (l *leases) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (int64, error) {
	if l.fault != nil {
		return 0, l.fault
	}
	return l.Leases.Acquire(ctx, name, owner, ttl)
}

func (l *leases) Release(ctx context.Context, name string, fence int64) error {
	return errors.Join(l.Leases.Release(ctx, name, fence), l.freeing)
}

// gateway is one of several that share a store.
type gateway struct {
	*claims.Claims
	memory   *memory.Memory
	parts    inflight.Parts
	requests *aged
	leases   *leases
	log      bytes.Buffer
}

func open(t *testing.T, path string) *gateway {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	g := &gateway{requests: &aged{Requests: db.Requests()}, leases: &leases{Leases: db.Leases()}}
	g.memory, err = memory.New(memory.Config{Requests: g.requests, Pages: db.Pages(), Values: db.Values(),
		Leases: g.leases, Nonces: db.Nonces()})
	must(t, err)
	log := logrus.New()
	log.SetOutput(&g.log)
	g.Claims = claims.New(g.memory, &g.parts, logrus.NewEntry(log))
	return g
}

func one(t *testing.T) *gateway { return open(t, filepath.Join(t.TempDir(), "db")) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// published has a request in the store, with a part unless it is to have none.
func (g *gateway) published(t *testing.T, parts int) {
	t.Helper()
	must(t, g.memory.Created(t.Context(), store.Request{ID: request, Site: site, Checksum: checksum, Peer: "staging",
		Logins: []string{"first@example.com", "second@example.com"}, Upstream: "a"}))
	for range parts {
		must(t, g.memory.Accepted(t.Context(), request, store.Part{Name: "a-001", Size: 10, Login: "second@example.com"}))
	}
}

// wants checks the reason of a problem, and that its text has what is said; empty for nil.
func wants(t *testing.T, err error, reason tunnel.Reason, says string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("it passed, want %s", reason)
	}
	if p := problems.Of(err); p.Reason != reason || !strings.Contains(p.Msg, says) {
		t.Errorf("%s %q, want %s with %q", p.Reason, p.Msg, reason, says)
	}
}

func use(kind calls.Kind, idle time.Duration) claims.Use {
	return claims.Use{Ref: "ref-1", Request: request, Kind: kind, Idle: idle}
}

func TestACallOfARequestMakesItBusy(t *testing.T) {
	g := one(t)
	g.published(t, 1)
	if g.Busy(request) {
		t.Error("busy before there was a call")
	}
	first, err := g.Enter(t.Context(), use(calls.Update, 0))
	must(t, err)
	second, err := g.Enter(t.Context(), use(calls.Update, 0))
	must(t, err)
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"two calls", func() {}, true}, {"one of them left", first, true}, {"both left", second, false},
	} {
		if step.do(); g.Busy(request) != step.want || g.Busy(request+1) {
			t.Errorf("%s: busy %t, want %t", step.name, g.Busy(request), step.want)
		}
	}
}

// A part that streams by is no call yet whose request is known to be in use.
func TestAPartUnderWayMakesItsRequestBusy(t *testing.T) {
	g := one(t)
	release, err := g.parts.Reserve(request, func() error { return nil }, func(*inflight.Others) (inflight.Part, error) {
		return inflight.Part{Name: "a", Size: 1}, nil
	})
	must(t, err)
	if !g.Busy(request) {
		t.Error("a part is under way, and its request is not busy")
	}
	if release(); g.Busy(request) {
		t.Error("the part is over, and its request is busy")
	}
}

// Which calls tell the store that their request is in use: when they end, when they come late.
func TestWhatTheStoreIsToldOfUse(t *testing.T) {
	for _, tt := range []struct {
		name        string
		kind        calls.Kind
		idle        time.Duration
		began, over int // touches after Enter, and after leave
	}{
		{"a part", calls.Update, 0, 0, 0},
		{"a part at the interval", calls.Update, claims.Interval, 0, 0},
		{"a part after a pause", calls.Update, claims.Interval + 1, 1, 1},
		{"a publish", calls.Publish, 0, 0, 1},
		{"a publish after a pause", calls.Publish, time.Hour, 1, 2},
		{"a validation", calls.Validate, 0, 0, 1},
		{"a clean-up", calls.CleanUp, 0, 0, 0},
		{"a clean-up after a pause", calls.CleanUp, time.Hour, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := one(t)
			g.published(t, 1)
			leave, err := g.Enter(t.Context(), use(tt.kind, tt.idle))
			must(t, err)
			if got := len(g.requests.touched); got != tt.began {
				t.Errorf("%d touches when it began, want %d", got, tt.began)
			}
			if leave(); len(g.requests.touched) != tt.over {
				t.Errorf("%d touches when it was over, want %d", len(g.requests.touched), tt.over)
			}
		})
	}
}

// The end of a publish is told to the store even if its client is gone by then.
func TestUseIsToldWhenTheClientIsGone(t *testing.T) {
	g := one(t)
	g.published(t, 1)
	ctx, gone := context.WithCancel(t.Context())
	leave, err := g.Enter(ctx, use(calls.Publish, 0))
	must(t, err)
	gone()
	leave()
	if len(g.requests.touched) != 1 {
		t.Errorf("touched %v", g.requests.touched)
	}
}

// A publish that goes on after a long pause, when another one of the archive had it cleaned up.
func TestAPublishThatGoesOnLate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before func(t *testing.T, g *gateway)
		reason tunnel.Reason
		says   string
	}{
		{"nobody took its place", func(*testing.T, *gateway) {}, "", ""},
		{"it was cleaned up", func(t *testing.T, g *gateway) { must(t, g.memory.CleanedUp(t.Context(), request)) },
			problems.ReasonPublishing, "another one of the same archive had taken its place"},
		{"it is being cleaned up elsewhere", func(t *testing.T, g *gateway) {
			_, err := g.memory.Alone(t.Context(), request, "another gateway")
			must(t, err)
		}, problems.ReasonPublishing, "another gateway looks whether this publish may go on"},
		{"a lease that cannot be had", func(_ *testing.T, g *gateway) { g.leases.fault = errors.New("disk") }, visit.ReasonStore, "cannot read its store"},
		{"a lease that cannot be given back", func(_ *testing.T, g *gateway) { g.leases.freeing = errors.New("disk") }, visit.ReasonStore, "cannot read its store"},
		{"a store that cannot be read", func(_ *testing.T, g *gateway) { g.requests.reading = errors.New("disk") }, visit.ReasonStore, "cannot read its store"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := one(t)
			g.published(t, 1)
			tt.before(t, g)
			leave, err := g.Enter(t.Context(), use(calls.Update, time.Hour))
			wants(t, err, tt.reason, tt.says)
			if err == nil {
				leave()
			}
			if g.Busy(request) {
				t.Error("its request is still in use")
			}
		})
	}
}

// A gateway that died while it looked has taken nobody's place: a later try of the call finds that out, and nobody is told
// what nobody knows.
func TestAGatewayThatDiedWhileItLookedTookNoPlace(t *testing.T) {
	g := one(t)
	g.published(t, 1)
	leave, err := g.memory.Alone(t.Context(), request, "a call of a gateway that died")
	must(t, err)
	_, err = g.Enter(t.Context(), use(calls.Update, time.Hour))
	if p := problems.Of(err); p.Code != tunnel.Unavailable || strings.Contains(p.Msg, "place") {
		t.Errorf("%v: %s", p.Code, p.Msg)
	}
	must(t, leave(t.Context())) // its lease ran out
	out, err := g.Enter(t.Context(), use(calls.Update, time.Hour))
	must(t, err)
	out()
}

// Two calls of one publish that come late at once look both; neither is refused for the other.
func TestCallsThatLookAtOnceLetEachOtherPass(t *testing.T) {
	g := one(t)
	g.published(t, 1)
	leave, err := g.memory.Alone(t.Context(), request, "the other call")
	must(t, err)
	time.AfterFunc(60*time.Millisecond, func() {
		if err := leave(context.Background()); err != nil {
			t.Error(err)
		}
	})
	out, err := g.Enter(t.Context(), use(calls.Update, time.Hour))
	must(t, err)
	out()
}

// A gateway that stops does not wait for the other one.
func TestLookingEndsWithTheGateway(t *testing.T) {
	g := one(t)
	g.published(t, 1)
	_, err := g.memory.Alone(t.Context(), request, "the other call")
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, stop)
	_, err = g.Enter(ctx, use(calls.Update, time.Hour))
	if p := problems.Of(err); p.Reason != problems.ReasonDraining && p.Reason != visit.ReasonStore {
		t.Errorf("%v", err)
	}
	if g.Busy(request) {
		t.Error("its request is still in use")
	}
}

func TestTouchTellsOfAllThatAreInUse(t *testing.T) {
	g := one(t)
	g.published(t, 1)
	g.Touch(t.Context())
	if len(g.requests.touched) > 0 {
		t.Errorf("touched %v with no call under way", g.requests.touched)
	}
	leave, err := g.Enter(t.Context(), use(calls.Update, 0))
	must(t, err)
	if g.Touch(t.Context()); len(g.requests.touched) != 1 || g.requests.touched[0] != request {
		t.Errorf("touched %v", g.requests.touched)
	}
	g.requests.fault = errors.New("no room")
	g.Touch(t.Context())
	if !strings.Contains(g.log.String(), "requests in use cannot be noted") || !strings.Contains(g.log.String(), "no room") {
		t.Errorf("the log says %q", g.log.String())
	}
	leave()
}
