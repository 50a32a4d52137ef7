// Package suite is what every store of what servers exchange has to pass: a conformance suite.
package suite

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Clock is a store's clock that tests move.
type Clock struct{ offset time.Duration }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time { return time.Now().Add(c.offset) }

// Offset returns how far it was moved.
func (c *Clock) Offset() time.Duration { return c.offset }

// Pass lets that much time go by.
func (c *Clock) Pass(d time.Duration) { c.offset += d }

// Place is where the contracts are kept. Close ends it.
type Place struct {
	exchange.Changes
	exchange.Deliveries
	exchange.Approvals
	exchange.Allowances
	Leases store.Leases // nil: there are none
	Close  func() error
	Lost   bool // what was kept is gone after Close
}

// Opener opens the contracts in a directory, judged by that clock. Opening the same directory again
// finds what was kept.
type Opener func(t testing.TB, dir string, clock *Clock) Place

type place struct {
	Place
	t     *testing.T
	clock *Clock
	dir   string
	open  Opener
}

func (p *place) reopen() {
	p.t.Helper()
	if p.Lost {
		return
	}
	must(p.t, p.Close())
	p.Place = p.open(p.t, p.dir, p.clock)
}

// Test runs the suites of Changes, Deliveries and Approvals.
func Test(t *testing.T, open Opener) {
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, p *place)
	}{
		{"accept and read", acceptAndRead}, {"accept all or nothing", acceptAll}, {"stale", acceptStale},
		{"fence", fence}, {"intents", intents}, {"several intents", severalIntents}, {"states", states},
		{"have", have}, {"conflicts", conflicts}, {"cursor", cursor},
		{"due in order", dueInOrder}, {"due behind its own object", dueBehind}, {"settle", settle},
		{"acknowledge", acknowledge}, {"baseline", baseline}, {"targets", targets}, {"retry and drop", retryAndDrop},
		{"prune", prune}, {"servers and names", servers}, {"named contents", named},
		{"contents of held changes", namedByApproval}, {"two at once", twoAtOnce},
		{"counted at once", countedAtOnce},
		{"held changes", held}, {"decisions", decided}, {"decided at once", decidedAtOnce}, {"refused and taken", refusedAndTaken},
		{"refused or taken", refusedOrTaken}, {"held behind nobody", heldBehindNobody},
		{"allowances", spent}, {"allowances at once", spentAtOnce},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &place{t: t, clock: &Clock{}, dir: t.TempDir(), open: open}
			p.Place = open(t, p.dir, p.clock)
			t.Cleanup(func() { must(t, p.Close()) })
			tt.run(t, p)
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

func keyOf(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n + 1)}, ed25519.SeedSize))
}

func serverOf(n int) sync.ServerID { return sync.IDOf(keyOf(n).Public().(ed25519.PublicKey)) }

// made is a signed change of server n, number k.
func made(n, k int, o sync.Object, on ...*sync.Change) *sync.Change {
	c := &sync.Change{ID: sync.ID{Origin: serverOf(n), Counter: uint64(k)}, Object: o, Op: sync.Put,
		Payload: sync.DigestOf(
			fmt.Append(nil, n, k),
		), Stamp: sync.Stamp{Milli: int64(1000 + k), Logic: uint16(n)}, Title: "Größe ' \\ 日本"}
	c.Follow(on)
	c.Sign(keyOf(n))
	return c
}

// accept takes c as the rules would.
func (p *place) accept(c *sync.Change, targets ...sync.ServerID) {
	p.t.Helper()
	s, err := p.Object(p.t.Context(), c.Object)
	must(p.t, err)
	out := sync.Receive(s, c, sync.Policy{})
	must(p.t, p.Accept(p.t.Context(), exchange.Fence{}, exchange.Acceptance{Outcome: &out, Targets: targets}))
}

func acceptAndRead(t *testing.T, p *place) {
	ctx := t.Context()
	const o = sync.Object("Läden/article/'x\\%_")
	s := unknown(t, p, o)
	a := made(0, 1, o)
	out := sync.Receive(s, a, sync.Policy{})
	out.After.Seq = 12
	must(
		t,
		p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out, Via: serverOf(1), Listed: []sync.ServerID{serverOf(2)}}),
	)
	p.reopen()
	s, err := p.Object(ctx, o)
	must(t, err)
	if s.Rev != 1 || s.Seq != 12 || s.Shown != a.ID || s.First != a.ID || s.FirstStamp != a.Stamp || len(s.Versions) != 1 ||
		!bytes.Equal(s.Versions[0].Append(nil), a.Append(nil)) {
		t.Errorf("read %+v", s)
	}
	e, err := p.Change(ctx, a.ID)
	must(t, err)
	want := []sync.ServerID{serverOf(0), serverOf(1), serverOf(2)}
	slices.Sort(want)
	if !slices.Equal(e.Listed, want) || e.Via != serverOf(1) || !bytes.Equal(e.Change.Append(nil), a.Append(nil)) || e.At.IsZero() {
		t.Errorf("entry %+v", e)
	}
	acceptOn(t, p, a)
}

// unknown reads an object and a change that nobody knows.
func unknown(t *testing.T, p *place, o sync.Object) sync.State {
	ctx := t.Context()
	s, err := p.Object(ctx, o)
	must(t, err)
	if s.Rev != 0 || len(s.Versions) != 0 || s.Object != o {
		t.Errorf("an object that nobody knows: %+v", s)
	}
	_, err = p.Change(ctx, sync.ID{Origin: serverOf(0), Counter: 1})
	wantErr(t, "Change", err, store.ErrNotFound)
	return s
}

// acceptOn accepts a second change on a, the only one that is known, and reads both.
func acceptOn(t *testing.T, p *place, a *sync.Change) {
	ctx, o := t.Context(), a.Object
	b := made(1, 1, o, a)
	p.accept(b)
	known, err := p.Known(ctx, []sync.ID{b.ID, {Origin: serverOf(1), Counter: 2}, a.ID})
	must(t, err)
	if !slices.Equal(known, []bool{true, false, true}) {
		t.Errorf("known %v", known)
	}
	all, err := p.History(ctx, o, 10)
	must(t, err)
	if len(all) != 2 || all[0].Change.ID != b.ID {
		t.Errorf("history of %d", len(all))
	}
	if other, err := p.History(ctx, "s/article/y", 10); err != nil || len(other) != 0 {
		t.Errorf("history of another object: %d, %v", len(other), err)
	}
	names, err := p.Objects(ctx, "", 10)
	must(t, err)
	if !slices.Equal(names, []sync.Object{o}) {
		t.Errorf("objects %q", names)
	}
}

func acceptAll(t *testing.T, p *place) {
	ctx := t.Context()
	a, b := made(0, 1, "s/article/a"), made(0, 2, "s/article/b")
	first := sync.Receive(sync.State{Object: a.Object}, a, sync.Policy{})
	second := sync.Receive(sync.State{Object: b.Object, Rev: 7}, b, sync.Policy{}) // nobody knows it: stale
	err := p.Accept(
		ctx,
		exchange.Fence{},
		exchange.Acceptance{Outcome: &first, Targets: []sync.ServerID{serverOf(1)}, Source: "e", Cursor: 5},
		exchange.Acceptance{Outcome: &second},
	)
	wantErr(t, "Accept", err, store.ErrStale)
	if known, err := p.Known(ctx, []sync.ID{a.ID}); err != nil || known[0] {
		t.Errorf("half of it was kept: %v, %v", known, err)
	}
	if seq, err := p.Cursor(ctx, "e"); err != nil || seq != 0 {
		t.Errorf("cursor %d, %v", seq, err)
	}
	if all, err := p.Due(ctx, serverOf(1), 10); err != nil || len(all) != 0 {
		t.Errorf("due %v, %v", all, err)
	}
	second.After.Rev = 0
	must(t, p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &first}, exchange.Acceptance{Outcome: &second}))
}

func acceptStale(t *testing.T, p *place) {
	ctx := t.Context()
	a := made(0, 1, "s/article/a")
	p.accept(a)
	s, err := p.Object(ctx, a.Object)
	must(t, err)
	b, c := made(1, 1, a.Object, a), made(2, 1, a.Object, a)
	p.accept(b)
	out := sync.Receive(s, c, sync.Policy{}) // judged before b came
	wantErr(t, "Accept on an old state", p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out}), store.ErrStale)
	s, err = p.Object(ctx, a.Object)
	must(t, err)
	out = sync.Receive(s, b, sync.Policy{})
	wantErr(t, "Accept of what is known", p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out}), store.ErrStale)
	out = sync.Receive(sync.State{Object: a.Object}, c, sync.Policy{})
	wantErr(t, "Accept as if new", p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out}), store.ErrStale)
	p.accept(c)
	seen := sync.Outcome{After: s}
	seen.After.Rev, seen.After.Seq = 3, 99
	must(t, p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &seen}))
	if s, err = p.Object(ctx, a.Object); err != nil || s.Seq != 99 || s.Rev != 4 {
		t.Errorf("seen anew: %+v, %v", s, err)
	}
}

func fence(t *testing.T, p *place) {
	ctx := t.Context()
	if p.Leases == nil {
		t.Skip("there are no leases here")
	}
	f, err := p.Leases.Acquire(ctx, "sync-pull", "one", time.Minute)
	must(t, err)
	a := made(0, 1, "s/article/a")
	out := sync.Receive(sync.State{Object: a.Object}, a, sync.Policy{})
	in := sync.Intent{Object: a.Object, Tag: a.ID.String(), Change: a}
	for _, bad := range []exchange.Fence{{Lease: "sync-pull", Number: f + 1}, {Lease: "other", Number: f}} {
		wantErr(t, "Accept", p.Accept(ctx, bad, exchange.Acceptance{Outcome: &out}), store.ErrStale)
		wantErr(t, "Intend", p.Intend(ctx, bad, in), store.ErrStale)
	}
	must(t, p.Intend(ctx, exchange.Fence{Lease: "sync-pull", Number: f}, in))
	must(t, p.Accept(ctx, exchange.Fence{Lease: "sync-pull", Number: f}, exchange.Acceptance{Outcome: &out, Tag: in.Tag}))
}

func intents(t *testing.T, p *place) {
	ctx := t.Context()
	a := made(0, 1, "s/article/a")
	in := sync.Intent{
		Object: a.Object,
		Tag:    a.ID.String(),
		Expect: 4,
		Change: a,
		Via:    serverOf(2),
		Listed: []sync.ServerID{serverOf(3), serverOf(4)},
	}
	must(t, p.Intend(ctx, exchange.Fence{}, in))
	wantErr(t, "a second intent", p.Intend(ctx, exchange.Fence{}, in), store.ErrStale)
	p.reopen()
	all, err := p.Intents(ctx)
	must(t, err)
	if len(all) != 1 || all[0].Tag != in.Tag || all[0].Expect != 4 || all[0].Via != in.Via ||
		!slices.Equal(all[0].Listed, in.Listed) ||
		!bytes.Equal(all[0].Change.Append(nil), a.Append(nil)) {
		t.Errorf("intents %+v", all)
	}
	s, err := p.Object(ctx, a.Object)
	must(t, err)
	if s.Intent == nil || s.Intent.Tag != in.Tag {
		t.Errorf("state %+v", s)
	}
	must(t, p.Forget(ctx, sync.Intent{Object: a.Object, Tag: "another"}))
	wantErr(t, "one that stayed", p.Intend(ctx, exchange.Fence{}, in), store.ErrStale)
	must(t, p.Forget(ctx, in))
	must(t, p.Forget(ctx, in))
	out := sync.Receive(s, a, sync.Policy{})
	forgotten := exchange.Acceptance{Outcome: &out, Tag: in.Tag}
	wantErr(t, "what an intent ends with that was forgotten", p.Accept(ctx, exchange.Fence{}, forgotten), store.ErrStale)
	must(t, p.Intend(ctx, exchange.Fence{}, in))
	wantErr(
		t,
		"another change beside an open intent",
		p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out}),
		store.ErrStale,
	)
	must(t, p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out, Tag: in.Tag}))
	if all, err := p.Intents(ctx); err != nil || len(all) != 0 {
		t.Errorf("intents %+v, %v", all, err)
	}
}

// severalIntents are kept together or not at all.
func severalIntents(t *testing.T, p *place) {
	ctx := t.Context()
	intent := func(k int, o sync.Object) sync.Intent {
		c := made(0, k, o)
		return sync.Intent{Object: o, Tag: c.ID.String(), Change: c, Via: serverOf(1)}
	}
	a, b, c := intent(1, "s/article/a"), intent(2, "s/article/b"), intent(3, "s/article/c")
	open := func(what string, want ...sync.Object) {
		t.Helper()
		all, err := p.Intents(ctx)
		must(t, err)
		var got []sync.Object
		for _, in := range all {
			got = append(got, in.Object)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: intents of %v are open, want %v", what, got, want)
		}
	}
	must(t, p.Intend(ctx, exchange.Fence{}))
	must(t, p.Intend(ctx, exchange.Fence{}, a, b))
	open("two", a.Object, b.Object)
	wantErr(t, "one of them is open", p.Intend(ctx, exchange.Fence{}, c, b), store.ErrStale)
	wantErr(t, "one object twice", p.Intend(ctx, exchange.Fence{}, c, c), store.ErrStale)
	open("after a refusal", a.Object, b.Object)
	must(t, p.Intend(ctx, exchange.Fence{}, c))
	must(t, p.Forget(ctx, a, sync.Intent{Object: b.Object, Tag: "another"}, c))
	open("after two were forgotten", b.Object)
	must(t, p.Forget(ctx))
}

// states are those of Object, for each, also of one that nobody knows and of one that is asked for twice.
func states(t *testing.T, p *place) {
	ctx := t.Context()
	a := made(0, 1, "s/article/a")
	p.accept(a)
	p.accept(made(1, 1, "s/article/a"))
	in := sync.Intent{Object: "s/article/b", Tag: "x", Change: made(0, 2, "s/article/b")}
	must(t, p.Intend(ctx, exchange.Fence{}, in))
	names := []sync.Object{"s/article/b", "s/article/nobody", "s/article/a", "s/article/a"}
	all, err := p.States(ctx, names...)
	must(t, err)
	if len(all) != len(names) {
		t.Fatalf("%d states, want %d", len(all), len(names))
	}
	for i, s := range all {
		one, err := p.Object(ctx, names[i])
		must(t, err)
		if s.Object != names[i] || !reflect.DeepEqual(s, one) {
			t.Errorf("%s: %+v, want %+v", names[i], s, one)
		}
	}
	if len(all[2].Versions) != 2 || all[0].Intent == nil || all[1].Rev != 0 {
		t.Errorf("states %+v", all)
	}
	if all, err := p.States(ctx); err != nil || len(all) != 0 {
		t.Errorf("of none: %+v, %v", all, err)
	}
}

func have(t *testing.T, p *place) {
	for _, k := range []int{1, 3, 5, 4} {
		p.accept(made(0, k, sync.Object(fmt.Sprintf("s/article/%d", k))))
	}
	p.accept(made(1, 2, "s/article/x"))
	want := func(zero, one uint64) {
		t.Helper()
		got, err := p.Have(t.Context())
		must(t, err)
		if got[serverOf(0)] != zero || got[serverOf(1)] != one {
			t.Errorf("have %v, want %d and %d", got, zero, one)
		}
	}
	want(1, 0)
	p.accept(made(0, 2, "s/article/2"))
	want(5, 0)
	p.reopen()
	p.accept(made(1, 1, "s/article/y"))
	want(5, 2)
}

func conflicts(t *testing.T, p *place) {
	a := made(0, 1, "s/article/b")
	p.accept(a)
	p.accept(made(0, 2, "s/article/a"))
	b, c := made(1, 1, a.Object, a), made(2, 1, a.Object, a)
	p.accept(b)
	p.accept(c)
	all, err := p.Conflicts(t.Context())
	must(t, err)
	if len(all) != 1 || all[0].Object != a.Object || len(all[0].Versions) != 2 || all[0].Shown != b.ID {
		t.Errorf("conflicts %+v", all)
	}
	p.accept(made(1, 2, a.Object, b, c))
	if all, err := p.Conflicts(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("conflicts %+v, %v", all, err)
	}
}

func cursor(t *testing.T, p *place) {
	ctx := t.Context()
	for _, at := range []int64{7, 9, 8} { // it never falls
		must(t, p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Source: "engine", Cursor: at}))
	}
	p.reopen()
	if seq, err := p.Cursor(ctx, "engine"); err != nil || seq != 9 {
		t.Errorf("cursor %d, %v", seq, err)
	}
	if seq, err := p.Cursor(ctx, "another"); err != nil || seq != 0 {
		t.Errorf("cursor of another %d, %v", seq, err)
	}
}

func servers(t *testing.T, p *place) {
	ctx := t.Context()
	greet := func(n int, name string, links ...sync.ServerID) (sync.ServerID, error) {
		return p.Greet(ctx, exchange.Server{ID: serverOf(n), Name: name, Links: links})
	}
	_, err := greet(1, "live", serverOf(2), serverOf(3))
	must(t, err)
	holder, err := greet(2, "LIVE")
	wantErr(t, "a name that is taken", err, store.ErrStale)
	if holder != serverOf(1) {
		t.Errorf("holder %s", holder)
	}
	_, err = greet(1, "Live", serverOf(2))
	must(t, err)
	_, err = greet(2, "author")
	must(t, err)
	p.reopen()
	all, err := p.Servers(ctx)
	must(t, err)
	if len(all) != 2 || !slices.ContainsFunc(all, func(s exchange.Server) bool {
		return s.ID == serverOf(1) && s.Name == "Live" && slices.Equal(s.Links, []sync.ServerID{serverOf(2)}) && !s.SeenAt.IsZero()
	}) {
		t.Errorf("servers %+v", all)
	}
}

// twoAtOnce lets two judge one object from the same state: one wins, and the other is told.
func twoAtOnce(t *testing.T, p *place) {
	ctx := context.Background()
	a := made(0, 1, "s/article/a")
	p.accept(a)
	s, err := p.Object(ctx, a.Object)
	must(t, err)
	results := make(chan error)
	for n := 1; n <= 6; n++ {
		c := made(n, 1, a.Object, a)
		go func() {
			out := sync.Receive(s, c, sync.Policy{})
			results <- p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out})
		}()
	}
	won := 0
	for range 6 {
		switch err := <-results; {
		case err == nil:
			won++
		default:
			wantErr(t, "Accept", err, store.ErrStale)
		}
	}
	if s, err = p.Object(ctx, a.Object); err != nil || won != 1 || s.Rev != 2 {
		t.Errorf("%d won, rev %d, %v", won, s.Rev, err)
	}
}

// countedAtOnce: of changes of one server that are taken at the same time none is left out of what is had.
func countedAtOnce(t *testing.T, p *place) {
	const rounds, callers = 25, 4
	ctx := t.Context()
	for round := range rounds {
		results := make(chan error)
		for n := range callers {
			k := round*callers + n + 1
			one := p.acceptance(made(0, k, sync.Object(fmt.Sprint("s/article/", k))), false)
			go func() { results <- p.Accept(ctx, exchange.Fence{}, one) }()
		}
		for range callers {
			must(t, <-results)
		}
		have, err := p.Have(ctx)
		must(t, err)
		if want := uint64((round + 1) * callers); have[serverOf(0)] != want {
			t.Fatalf("round %d: %d of %d changes are had", round, have[serverOf(0)], want)
		}
	}
}

// named: a content is needed as long as a version has it, a delivery may want it, or an intent is open.
func named(t *testing.T, p *place) {
	const o = "s/article/a"
	first, second := made(0, 1, o), (*sync.Change)(nil)
	want := func(what string, needed ...bool) {
		t.Helper()
		all := []sync.Digest{first.Payload, sync.DigestOf([]byte("nobody has it")), {}}
		if second != nil {
			all = append(all, second.Payload)
		}
		wanted := append([]bool{needed[0], false, false}, needed[1:]...)
		if got, err := p.Named(t.Context(), all...); err != nil || !slices.Equal(got, wanted) {
			t.Errorf("%s: named %v, %v, want %v", what, got, err, wanted)
		}
	}
	want("before anything", false)
	must(t, p.Intend(t.Context(), exchange.Fence{}, sync.Intent{Object: o, Change: first, Tag: "t"}))
	want("an intent", true)
	must(t, p.Forget(t.Context(), sync.Intent{Object: o, Tag: "t"}))
	want("an intent that was given up", false)
	p.accept(first, serverOf(2), serverOf(3))
	want("a version", true)
	second = made(0, 2, o, first)
	p.accept(second)
	want("a delivery is open", true, true)
	settle := func(target int, state exchange.DeliveryState) {
		must(t, p.Settle(t.Context(), serverOf(target), exchange.Result{ID: first.ID, State: state}))
	}
	settle(2, exchange.Waiting)
	settle(3, exchange.Done)
	want("one of two waits", true, true)
	settle(2, exchange.Dead)
	want("a dead letter", true, true)
	_, err := p.Drop(t.Context(), exchange.Filter{Target: serverOf(2)}, "it stays")
	must(t, err)
	p.reopen()
	want("nobody is to get it", false, true)
	other := made(1, 1, o)
	p.accept(other)
	if all, err := p.Named(t.Context(), other.Payload, second.Payload); err != nil || !all[0] || !all[1] {
		t.Errorf("a conflict: named %v, %v", all, err)
	}
	if none, err := p.Named(t.Context()); err != nil || len(none) > 0 {
		t.Errorf("of no contents: %v, %v", none, err)
	}
}

// namedByApproval: a content is needed as long as a change that has it waits, or may be taken.
func namedByApproval(t *testing.T, p *place) {
	asked := made(2, 1, "s/article/h")
	waits := func(want bool, what string) {
		t.Helper()
		if all, err := p.Named(t.Context(), asked.Payload); err != nil || all[0] != want {
			t.Errorf("%s: named %v, %v", what, all, err)
		}
	}
	must(t, p.Ask(t.Context(), serverOf(2), asked))
	waits(true, "it waits for approval")
	must(t, p.Decide(t.Context(), asked.ID, exchange.Asked, exchange.Approved, "x", ""))
	waits(true, "approved")
	must(t, p.Decide(t.Context(), asked.ID, exchange.Approved, exchange.Refused, "x", ""))
	waits(false, "refused")
}
