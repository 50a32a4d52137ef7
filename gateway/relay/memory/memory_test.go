package memory_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/memory"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

func open(t *testing.T) *memory.Memory {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	m, err := memory.New(memory.Config{Requests: db.Requests(), Pages: db.Pages(), Values: db.Values(),
		Leases: db.Leases(), Nonces: db.Nonces()})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ruleOf returns the rule of the method of that name, the first of several.
func ruleOf(t *testing.T, method string) *calls.Rule {
	t.Helper()
	p, err := calls.NewPreset("7.4")
	must(t, err)
	for _, r := range p.Rules() {
		if r.Method == method {
			return r
		}
	}
	t.Fatalf("no rule for %s", method)
	return nil
}

// under are parts under way, of senders.
type under struct {
	sum     calls.Parts
	senders []string
	asked   *string
}

func (u under) Beside(name string) calls.Parts {
	if u.asked != nil {
		*u.asked = name
	}
	return u.sum
}

func (u under) Senders() []string { return u.senders }

func recall(t *testing.T, m *memory.Memory, rule *calls.Rule, facts calls.Facts) (memory.Past, error) {
	t.Helper()
	return m.Recall(t.Context(), memory.Question{Rule: rule, Facts: facts})
}

const (
	request = 40307
	site    = 20121
)

func created(t *testing.T, m *memory.Memory) {
	t.Helper()
	must(t, m.Created(t.Context(), store.Request{
		ID: request, Site: site, Checksum: "c", Peer: "staging", Logins: []string{"a"}, Upstream: "node1",
	}))
}

func TestARequestIsRemembered(t *testing.T) {
	m := open(t)
	update := ruleOf(t, "updateStagingRequest")
	facts := calls.Facts{Request: request}
	past, err := recall(t, m, update, facts)
	if err != nil || past.Request.Known || past.Home != "" {
		t.Errorf("nobody created it: %+v, %v", past, err)
	}
	created(t, m)
	past, err = recall(t, m, update, facts)
	if r := past.Request; err != nil || !r.Known || r.Site != site || r.CleanedUp || past.Checksum != "c" || past.Home != "node1" {
		t.Errorf("got %+v, %v", past, err)
	}
	must(t, m.CleanedUp(t.Context(), request))
	if past, err = recall(t, m, update, facts); err != nil || !past.Request.CleanedUp {
		t.Errorf("after its clean-up: %+v, %v", past, err)
	}
	if err := m.CleanedUp(t.Context(), 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("clean-up of an unknown one: %v", err)
	}
}

// The parts that a new one is judged with: those accepted and those under way, but not itself.
func TestPartsBesideOne(t *testing.T) {
	m := open(t)
	update := ruleOf(t, "updateStagingRequest")
	created(t, m)
	for _, p := range []store.Part{{Name: "a.zip00", Size: 10, Width: 2}, {Name: "a.zip01", Size: 5, Width: 2}} {
		must(t, m.Accepted(t.Context(), request, p))
	}
	for _, tt := range []struct {
		name, part string
		under      calls.Parts
		want       calls.Parts
	}{
		{"a new one", "a.zip02", calls.Parts{}, calls.Parts{Width: 2, Bytes: 15}},
		{"one again", "a.zip01", calls.Parts{}, calls.Parts{Width: 2, Bytes: 10}},
		{"beside one under way", "a.zip02", calls.Parts{Width: 2, Bytes: 7}, calls.Parts{Width: 2, Bytes: 22}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := ""
			past, err := recall(t, m, update, calls.Facts{Request: request, Part: tt.part})
			past.Among(under{sum: tt.under, asked: &asked}, tt.part, time.Minute)
			if err != nil || past.Request.Others != tt.want || asked != tt.part {
				t.Errorf("got %+v of %q, %v, want %+v", past.Request.Others, asked, err, tt.want)
			}
		})
	}
}

func TestTheOnlyPartAgainHasNoWidth(t *testing.T) {
	m := open(t)
	created(t, m)
	must(t, m.Accepted(t.Context(), request, store.Part{Name: "a.zip00", Size: 10, Width: 2}))
	past, err := recall(t, m, ruleOf(t, "updateStagingRequest"), calls.Facts{Request: request, Part: "a.zip00"})
	past.Among(under{}, "a.zip00", time.Minute)
	if err != nil || past.Request.Others != (calls.Parts{}) {
		t.Errorf("got %+v, %v", past.Request.Others, err)
	}
}

// Who may have a request deleted that two publishers created.
func TestARequestIsOwnedByWhoseParts(t *testing.T) {
	cleanUp := ruleOf(t, "cleanUpStagingRequest")
	for _, tt := range []struct {
		name      string
		logins    []string
		sent      []string
		under     []string
		abandoned time.Duration
		want      []string
	}{
		{"one creator", []string{"a"}, nil, nil, time.Hour, nil},
		{"one creator who sent", []string{"a"}, []string{"a"}, nil, time.Hour, nil},
		{"nobody sent yet", []string{"a", "b"}, nil, nil, time.Hour, []string{"a"}},
		{"the second sent", []string{"a", "b"}, []string{"b"}, nil, time.Hour, []string{"b"}},
		{"both sent", []string{"a", "b"}, []string{"b", "a"}, nil, time.Hour, []string{"a", "b"}},
		{"the second is sending", []string{"a", "b"}, nil, []string{"b"}, time.Hour, []string{"b"}},
		{"the second is sending, the first sent", []string{"a", "b"}, []string{"a"}, []string{"b"}, time.Hour, []string{"b", "a"}},
		{"the first never sent and is gone", []string{"a", "b"}, nil, nil, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := open(t)
			for _, login := range tt.logins {
				must(t, m.Created(t.Context(), store.Request{ID: request, Site: site, Checksum: "c", Logins: []string{login}}))
			}
			for i, login := range tt.sent {
				must(t, m.Accepted(t.Context(), request, store.Part{Name: fmt.Sprintf("a.zip%02d", i), Login: login}))
			}
			past, err := recall(t, m, cleanUp, calls.Facts{Request: request})
			past.Among(under{senders: tt.under}, "", tt.abandoned)
			if err != nil || !slices.Equal(past.Request.Owners, tt.want) || (past.Request.Owners == nil) != (tt.want == nil) {
				t.Errorf("got %q, %v, want %q", past.Request.Owners, err, tt.want)
			}
		})
	}
}

func TestAPageBelongsToTheSiteThatItWasLookedUpFor(t *testing.T) {
	m := open(t)
	publish := ruleOf(t, "publishStagingRequest")
	facts := calls.Facts{Request: request, Page: 77}
	past, err := recall(t, m, publish, facts)
	if err != nil || past.PageSite != 0 {
		t.Errorf("nobody looked it up: %+v, %v", past, err)
	}
	lesson := calls.Lesson{Learnt: calls.LearntPage, Site: site}
	must(t, m.Learn(t.Context(), lesson, 0)) // not found
	must(t, m.Learn(t.Context(), calls.Lesson{}, 77))
	if past, err = recall(t, m, publish, facts); err != nil || past.PageSite != 0 {
		t.Errorf("learnt from nothing: %+v, %v", past, err)
	}
	must(t, m.Learn(t.Context(), lesson, 77))
	if past, err = recall(t, m, publish, facts); err != nil || past.PageSite != site {
		t.Errorf("got %+v, %v", past, err)
	}
}

func TestTheControlPanelsGroupIsKnownOnceItWasLookedUp(t *testing.T) {
	m := open(t)
	plid := ruleOf(t, "getDefaultPlid")
	facts := calls.Facts{Site: 10182}
	past, err := recall(t, m, plid, facts)
	if err != nil || past.ControlPanel {
		t.Errorf("nobody looked it up: %+v, %v", past, err)
	}
	for range 2 {
		must(t, m.Learn(t.Context(), calls.Lesson{Learnt: calls.LearntControlPanel}, 10182))
	}
	if past, err = recall(t, m, plid, facts); err != nil || !past.ControlPanel {
		t.Errorf("got %+v, %v", past, err)
	}
}

func TestAStoreThatFailsIsNoMemory(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	must(t, err)
	m, err := memory.New(memory.Config{Requests: db.Requests(), Pages: db.Pages(), Values: db.Values(),
		Leases: db.Leases(), Nonces: db.Nonces()})
	must(t, err)
	must(t, db.Close())
	if _, err := recall(t, m, ruleOf(t, "updateStagingRequest"), calls.Facts{Request: request}); err == nil {
		t.Error("a closed store says that nobody created the request")
	}
	if err := m.Prune(t.Context(), time.Hour, time.Hour, time.Hour); err == nil {
		t.Error("a closed store was pruned")
	}
	if _, err := memory.New(memory.Config{}); err == nil {
		t.Error("a memory of nothing")
	}
}

func TestWhatIsOldIsForgotten(t *testing.T) {
	m := open(t)
	created(t, m)
	must(t, m.Learn(t.Context(), calls.Lesson{Learnt: calls.LearntPage, Site: site}, 77))
	must(t, m.Used(t.Context(), request))
	must(t, m.Prune(t.Context(), time.Hour, time.Hour, time.Hour))
	if _, err := m.Request(t.Context(), request); err != nil {
		t.Errorf("forgotten too early: %v", err)
	}
	if r, err := m.Find(t.Context(), site, "c"); err != nil || r.ID != request {
		t.Errorf("found %+v, %v", r, err)
	}
	must(t, m.CleanedUp(t.Context(), request))
	must(t, m.Prune(t.Context(), 0, time.Hour, time.Hour))
	if _, err := m.Request(t.Context(), request); err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// Of gateways that share a store one at a time has a request alone, and another one once it left or died.
func TestOneGatewayHasARequestAlone(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	m, err := memory.New(memory.Config{Requests: db.Requests(), Pages: db.Pages(), Values: db.Values(),
		Leases: db.Leases(), Nonces: db.Nonces()})
	must(t, err)
	leave, err := m.Alone(t.Context(), 7, "gate-a")
	must(t, err)
	if _, err := m.Alone(t.Context(), 7, "gate-b"); !errors.Is(err, store.ErrStale) {
		t.Errorf("a second gateway has it too: %v", err)
	}
	other, err := m.Alone(t.Context(), 8, "gate-b")
	must(t, err)
	must(t, other(t.Context()))
	must(t, leave(t.Context()))
	again, err := m.Alone(t.Context(), 7, "gate-b")
	must(t, err)
	must(t, again(t.Context()))
}

// What may be used once is forgotten when it ran out.
func TestNoncesArePruned(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	m, err := memory.New(memory.Config{Requests: db.Requests(), Pages: db.Pages(), Values: db.Values(),
		Leases: db.Leases(), Nonces: db.Nonces()})
	must(t, err)
	for nonce, ttl := range map[string]time.Duration{"short": time.Nanosecond, "long": time.Hour} {
		if ok, err := db.Nonces().Use(t.Context(), "s", []byte(nonce), ttl); !ok || err != nil {
			t.Fatalf("%s: %v, %v", nonce, ok, err)
		}
	}
	must(t, m.Prune(t.Context(), time.Hour, time.Hour, time.Hour))
	if n, err := db.Nonces().PruneNonces(t.Context()); n != 0 || err != nil {
		t.Errorf("%d were left, %v", n, err)
	}
	if ok, err := db.Nonces().Use(t.Context(), "s", []byte("long"), time.Hour); ok || err != nil {
		t.Errorf("one that has not run out is forgotten: %v", err)
	}
}
