package claims_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/claims"
	"github.com/stagelock/stagelock/gateway/relay/inflight"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// create is a call that begins a publish, and what it has done.
type create struct {
	claims.Create
	cleaned []int64
	waits   int
}

func newCreate() *create {
	c := &create{}
	c.Create = claims.Create{Ref: "ref-2", Site: site, Checksum: checksum, Abandoned: abandoned,
		Wait: func(ctx context.Context, done <-chan struct{}) error {
			c.waits++
			select {
			case <-done:
				return nil
			case <-ctx.Done():
				return problems.Stopping(ctx.Err())
			}
		},
		CleanUp: func(_ context.Context, r store.Request) error {
			c.cleaned = append(c.cleaned, r.ID)
			return nil
		},
	}
	return c
}

// Whether an archive may be published that is, was, or may be being published.
func TestBeginOfAnArchive(t *testing.T) {
	for _, tt := range []struct {
		name    string
		before  func(t *testing.T, g *gateway)
		reason  tunnel.Reason
		says    string
		cleaned int
	}{
		{"nobody knows", func(*testing.T, *gateway) {}, "", "", 0},
		{"cleaned up", func(t *testing.T, g *gateway) {
			g.published(t, 1)
			must(t, g.memory.CleanedUp(t.Context(), request))
		}, "", "", 0},
		{"created, without a part", func(t *testing.T, g *gateway) { g.published(t, 0) }, "", "", 0},
		{"created, without a part, long ago", func(t *testing.T, g *gateway) {
			g.published(t, 0)
			g.requests.idle = time.Hour
		}, "", "", 0},
		{"being published", func(t *testing.T, g *gateway) {
			g.published(t, 1)
			g.requests.idle = time.Minute
		}, problems.ReasonPublishing, "by second@example.com of staging; if that publish is dead, try again in 1m0s", 0},
		{"being published a moment ago", func(t *testing.T, g *gateway) { g.published(t, 1) },
			problems.ReasonPublishing, "try again in 2m0s", 0},
		{"about to be abandoned", func(t *testing.T, g *gateway) {
			g.published(t, 1)
			g.requests.idle = abandoned - time.Millisecond
		}, problems.ReasonPublishing, "try again in 1s", 0},
		{"abandoned", func(t *testing.T, g *gateway) {
			g.published(t, 1)
			g.requests.idle = abandoned
		}, "", "", 1},
		{"abandoned, with a call under way", func(t *testing.T, g *gateway) {
			g.published(t, 1)
			_, err := g.Enter(t.Context(), use(calls.Update, 0))
			must(t, err)
			g.requests.idle = time.Hour
		}, problems.ReasonPublishing, "try again in 2m0s", 0},
		{"without a part, with a call under way", func(t *testing.T, g *gateway) {
			g.published(t, 0)
			_, err := g.Enter(t.Context(), use(calls.Update, 0))
			must(t, err)
		}, problems.ReasonPublishing, "is being published now", 0},
		{"without a part, with one under way", func(t *testing.T, g *gateway) {
			g.published(t, 0)
			_, err := g.parts.Reserve(request, func() error { return nil }, func(*inflight.Others) (inflight.Part, error) {
				return inflight.Part{Name: "a", Size: 1}, nil
			})
			must(t, err)
		}, problems.ReasonPublishing, "is being published now", 0},
		{"a store that cannot be read", func(_ *testing.T, g *gateway) { g.requests.reading = errors.New("disk") },
			visit.ReasonStore, "cannot read its store", 0},
		{"abandoned, and no lease", func(t *testing.T, g *gateway) {
			g.published(t, 1)
			g.requests.idle, g.leases.fault = time.Hour, errors.New("disk")
		}, visit.ReasonStore, "cannot read its store", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, c := one(t), newCreate()
			tt.before(t, g)
			wants(t, g.Begin(t.Context(), c.Create), tt.reason, tt.says)
			if len(c.cleaned) != tt.cleaned || c.waits != 0 {
				t.Errorf("cleaned up %v after %d waits, want %d", c.cleaned, c.waits, tt.cleaned)
			}
		})
	}
}

// The same archive for another site is another publish.
func TestBeginLooksAtSiteAndArchive(t *testing.T) {
	g := one(t)
	g.published(t, 1)
	for _, tt := range []struct {
		name     string
		site     int64
		checksum string
		reason   tunnel.Reason
	}{
		{"the same", site, checksum, problems.ReasonPublishing}, {"another site", site + 1, checksum, ""},
		{"another archive", site, "0" + checksum[1:], ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCreate()
			c.Site, c.Checksum = tt.site, tt.checksum
			wants(t, g.Begin(t.Context(), c.Create), tt.reason, "")
		})
	}
}

// What the clean-up fails with is what the create is refused for, and the request can be had again.
func TestACleanUpThatFails(t *testing.T) {
	g, c := one(t), newCreate()
	g.published(t, 1)
	g.requests.idle = time.Hour
	errEngine := errors.New("the engine is down")
	c.CleanUp = func(context.Context, store.Request) error { return errEngine }
	if err := g.Begin(t.Context(), c.Create); !errors.Is(err, errEngine) {
		t.Errorf("%v", err)
	}
	c = newCreate()
	if err := g.Begin(t.Context(), c.Create); err != nil || len(c.cleaned) != 1 {
		t.Errorf("the next one: %v, cleaned up %v", err, c.cleaned)
	}
}

// While a request is cleaned up no call of it begins, but the clean-up of its own publisher.
func TestNoCallBeginsDuringACleanUp(t *testing.T) {
	g, c := one(t), newCreate()
	g.published(t, 1)
	g.requests.idle = time.Hour
	c.CleanUp = func(ctx context.Context, r store.Request) error {
		_, err := g.Enter(ctx, use(calls.Publish, 0))
		wants(t, err, problems.ReasonPublishing, "had taken its place")
		leave, err := g.Enter(ctx, use(calls.CleanUp, time.Hour))
		must(t, err)
		leave()
		return g.memory.CleanedUp(ctx, r.ID)
	}
	must(t, g.Begin(t.Context(), c.Create))
	if leave, err := g.Enter(t.Context(), use(calls.Update, 0)); err != nil {
		t.Errorf("afterwards: %v", err)
	} else {
		leave()
	}
}

// Of two creates of an abandoned archive one cleans up, and the other waits for it and finds it done.
func TestOneOfTwoCreatesCleansUp(t *testing.T) {
	g, first, second := one(t), newCreate(), newCreate()
	g.published(t, 1)
	g.requests.idle = time.Hour
	over := make(chan error, 1)
	first.CleanUp = func(ctx context.Context, r store.Request) error {
		waits := second.Wait
		second.Wait = func(ctx context.Context, done <-chan struct{}) error {
			over <- nil // the second one waits: the first may go on
			return waits(ctx, done)
		}
		ended := make(chan error, 1)
		go func() { ended <- g.Begin(ctx, second.Create) }()
		<-over
		err := g.memory.CleanedUp(ctx, r.ID)
		go func() { over <- <-ended }()
		return err
	}
	must(t, g.Begin(t.Context(), first.Create))
	must(t, <-over)
	if second.waits != 1 || len(second.cleaned) > 0 {
		t.Errorf("the second one waited %d times and cleaned up %v", second.waits, second.cleaned)
	}
}

// Another gateway that shares the store has the request alone: this one waits, and looks again.
func TestACleanUpAtAnotherGateway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	here, there, c := open(t, path), open(t, path), newCreate()
	here.published(t, 1)
	here.requests.idle = time.Hour
	leave, err := there.memory.Alone(t.Context(), request, "gateway b")
	must(t, err)
	waits := c.Wait
	c.Wait = func(ctx context.Context, done <-chan struct{}) error {
		must(t, there.memory.CleanedUp(ctx, request))
		must(t, leave(ctx))
		return waits(ctx, done)
	}
	must(t, here.Begin(t.Context(), c.Create))
	if c.waits != 1 || len(c.cleaned) > 0 {
		t.Errorf("it waited %d times and cleaned up %v", c.waits, c.cleaned)
	}
}

// A publisher who goes away while another gateway cleans up is not waited for.
func TestAWaitThatEnds(t *testing.T) {
	g, c := one(t), newCreate()
	g.published(t, 1)
	g.requests.idle = time.Hour
	_, err := g.memory.Alone(t.Context(), request, "gateway b")
	must(t, err)
	c.Wait = func(context.Context, <-chan struct{}) error { return problems.Abandoned(errors.New("gone")) }
	wants(t, g.Begin(t.Context(), c.Create), problems.ReasonCut, "went away")
	if len(c.cleaned) > 0 {
		t.Errorf("cleaned up %v", c.cleaned)
	}
}

// What has become of a request between the look and the lease counts: it went on, or is gone.
func TestWhatWasFoundIsLookedAtAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, g *gateway)
		reason tunnel.Reason
	}{
		{"it went on", func(t *testing.T, g *gateway) { must(t, g.memory.Used(t.Context(), request)) }, problems.ReasonPublishing},
		{"it was cleaned up", func(t *testing.T, g *gateway) { must(t, g.memory.CleanedUp(t.Context(), request)) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, c := one(t), newCreate()
			g.published(t, 1)
			g.requests.idle = time.Hour
			changing := &changes{leases: g.leases, change: func() { tt.change(t, g) }}
			g.leases.Leases = changing
			wants(t, g.Begin(t.Context(), c.Create), tt.reason, "")
			if len(c.cleaned) > 0 {
				t.Errorf("cleaned up %v", c.cleaned)
			}
		})
	}
}

// changes has something happen when a lease is taken for the first time.
type changes struct {
	*leases
	change func()
	done   bool
}

func (c *changes) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (int64, error) {
	if !c.done {
		c.done = true
		c.change()
	}
	return 1, ctx.Err()
}

func (c *changes) Release(context.Context, string, int64) error { return nil }

// A lease that cannot be given back keeps others waiting for a while; the clean-up counts.
func TestALeaseThatStays(t *testing.T) {
	g, c := one(t), newCreate()
	g.published(t, 1)
	g.requests.idle, g.leases.freeing = time.Hour, errors.New("no room")
	must(t, g.Begin(t.Context(), c.Create))
	if len(c.cleaned) != 1 || !strings.Contains(g.log.String(), "a request stays taken for a while") {
		t.Errorf("cleaned up %v, the log says %q", c.cleaned, g.log.String())
	}
}

func TestByNamesWhoPublishes(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    store.Request
		want string
	}{
		{"nobody's login", store.Request{Peer: "staging"}, "staging"},
		{"one", store.Request{Peer: "staging", Logins: []string{"a@example.com"}}, "a@example.com of staging"},
		{"the one who came last", store.Request{Peer: "staging", Logins: []string{"a@example.com", "b@example.com"}}, "b@example.com of staging"},
	} {
		if got := claims.By(tt.r); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
