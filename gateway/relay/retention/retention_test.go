package retention_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/once"
	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/gateway/relay/retention"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

const (
	request = 40307
	day     = 24 * time.Hour
)

type life struct{}

func (life) Owner() (id, node string) { return "6b9a5b0c-6f5e-4a5d-9b52-3c1d8a3e1f00", "gate" }
func (life) Holds() bool              { return true }

// failing are requests that cannot be forgotten while there is a fault.
type failing struct {
	store.Requests
	fault error
}

func (f *failing) PruneRequests(ctx context.Context, keep, idle time.Duration) (int, error) {
	if f.fault != nil {
		return 0, f.fault
	}
	return f.Requests.PruneRequests(ctx, keep, idle)
}

// world is a gateway's memory whose clock a test moves.
type world struct {
	retention.Retention
	db  *sqlite.Store
	now time.Time
	log bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: time.Unix(1_800_000_000, 0)}
	var err error
	w.db, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"), sqlite.WithClock(func() time.Time { return w.now }))
	must(t, err)
	t.Cleanup(func() { w.db.Close() })
	w.Memory, err = memory.New(memory.Config{Requests: w.db.Requests(), Pages: w.db.Pages(), Values: w.db.Values(),
		Leases: w.db.Leases(), Nonces: w.db.Nonces()})
	must(t, err)
	w.Once, err = once.New(once.Config{Repeats: w.db.Repeats(), Owner: life{}, Now: func() time.Time { return w.now },
		Keep: func() time.Duration { return time.Minute }})
	must(t, err)
	w.Sights = sights.New(w.db.Values())
	log := logrus.New()
	log.SetOutput(&w.log)
	w.Log = logrus.NewEntry(log)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) publish(t *testing.T) {
	t.Helper()
	must(t, w.Memory.Created(t.Context(), store.Request{ID: request, Site: 1, Checksum: "c", Peer: "staging", Logins: []string{"a"}}))
	must(t, w.db.Pages().Put(t.Context(), 20121, 7))
}

// knows reports whether the request is still known.
func (w *world) knows(t *testing.T) bool {
	t.Helper()
	_, err := w.Memory.Request(t.Context(), request)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func (w *world) knowsPage(t *testing.T) bool {
	t.Helper()
	_, err := w.db.Pages().Site(t.Context(), 7)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func TestRequestsAreKeptAsLongAsTheyMayBeAskedFor(t *testing.T) {
	for _, tt := range []struct {
		name    string
		cleaned bool
		keep    time.Duration // requests.keep
		pass    time.Duration
		known   bool
	}{
		{"cleaned up, a moment ago", true, 7 * day, time.Minute, true},
		{"cleaned up, just kept", true, 7 * day, 7*day - time.Minute, true},
		{"cleaned up, kept long enough", true, 7 * day, 7*day + time.Minute, false},
		{"left behind, a week", false, 7 * day, 8 * day, true},
		{"left behind, a month", false, 7 * day, 31 * day, false},
		{"left behind, where they are kept longer", false, 60 * day, 31 * day, true},
		{"left behind longer than they are kept", false, 60 * day, 61 * day, false},
		{"kept an hour, left behind a week", false, time.Hour, 8 * day, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.publish(t)
			if tt.cleaned {
				must(t, w.Memory.CleanedUp(t.Context(), request))
			}
			w.now = w.now.Add(tt.pass)
			w.Prune(t.Context(), tt.keep)
			if got := w.knows(t); got != tt.known {
				t.Errorf("known %t, want %t", got, tt.known)
			}
			if w.log.Len() > 0 {
				t.Errorf("the log says %s", &w.log)
			}
		})
	}
}

// A schedule of once a year publishes onto a page that it looked up the year before.
func TestPagesAreKeptForMoreThanAYear(t *testing.T) {
	for _, tt := range []struct {
		pass  time.Duration
		known bool
	}{{366 * day, true}, {400 * day, true}, {402 * day, false}} {
		w := newWorld(t)
		w.publish(t)
		w.now = w.now.Add(tt.pass)
		w.Prune(t.Context(), 7*day)
		if got := w.knowsPage(t); got != tt.known {
			t.Errorf("after %s: known %t, want %t", tt.pass, got, tt.known)
		}
	}
}

// What was seen of an archive goes when its request is cleaned up, and stays while it may be published.
func TestSightsAreKeptWithTheirRequest(t *testing.T) {
	for _, tt := range []struct {
		name   string
		after  func(t *testing.T, w *world)
		remain bool
	}{
		{"a request that lives", func(*testing.T, *world) {}, true},
		{"one that was cleaned up", func(t *testing.T, w *world) { must(t, w.Memory.CleanedUp(t.Context(), request)) }, false},
		{"one that nobody knows", func(t *testing.T, w *world) {
			must(t, w.Memory.CleanedUp(t.Context(), request))
			w.now = w.now.Add(40 * day)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.publish(t)
			watch, err := w.Sights.Watch(t.Context(), request, "a-001")
			must(t, err)
			must(t, watch.Leaves(t.Context()))
			tt.after(t, w)
			w.Prune(t.Context(), day)
			if got := w.sights(t); len(got) > 0 != tt.remain {
				t.Errorf("%q is kept", got)
			}
		})
	}
}

// sights are the keys of what is kept of the request's archive.
func (w *world) sights(t *testing.T) []string {
	t.Helper()
	keys, err := w.db.Values().List(t.Context(), "", true)
	must(t, err)
	return slices.DeleteFunc(keys, func(key string) bool { return !strings.Contains(key, "40307") })
}

// One store that fails is told of, and keeps nothing else from being forgotten.
func TestWhatCannotBeForgottenIsTold(t *testing.T) {
	w := newWorld(t)
	w.publish(t)
	bad := &failing{Requests: w.db.Requests(), fault: errors.New("no room")}
	var err error
	w.Memory, err = memory.New(memory.Config{Requests: bad, Pages: w.db.Pages(), Values: w.db.Values(),
		Leases: w.db.Leases(), Nonces: w.db.Nonces()})
	must(t, err)
	w.now = w.now.Add(500 * day)
	w.Prune(t.Context(), day)
	if says := w.log.String(); !strings.Contains(says, "old requests and pages cannot be forgotten") || !strings.Contains(says, "no room") {
		t.Errorf("the log says %q", says)
	}
	if w.knowsPage(t) {
		t.Error("a page was not forgotten because requests could not be")
	}
	bad.fault = nil
	if w.Prune(t.Context(), day); w.knows(t) {
		t.Error("the next time it was not forgotten either")
	}
}

func TestEachStoreThatIsClosedIsToldOf(t *testing.T) {
	w := newWorld(t)
	must(t, w.db.Close())
	w.Prune(t.Context(), day)
	for _, want := range []string{"old requests and pages", "what was seen of old archives"} {
		if !strings.Contains(w.log.String(), want+" cannot be forgotten") {
			t.Errorf("the log says nothing of %s: %s", want, &w.log)
		}
	}
}
