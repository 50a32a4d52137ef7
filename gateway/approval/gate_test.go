package approval_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/approval"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/tunnel/sync"
)

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func serverOf(n byte) sync.ServerID { return sync.IDOf(keyOf(n).Public().(ed25519.PublicKey)) }

// receiver takes what passes, by the rules, into the book: an engine that has what changes need is not there, but
// for what it is told to lack.
type receiver struct {
	p     *place
	lacks map[sync.Object]bool // of which changes wait
	says  *sync.Answer         // to every change
	took  []sync.ID
}

func (r *receiver) Wanted(ctx context.Context, offered []sync.Offered) (all []sync.Answer, err error) {
	for _, o := range offered {
		known, err := r.p.Known(ctx, []sync.ID{o.Change.ID})
		if err != nil {
			return nil, err
		}
		status := sync.StatusWant
		if known[0] {
			status = sync.StatusDone
		}
		all = append(all, sync.Answer{ID: o.Change.ID, Status: status})
	}
	return all, nil
}

func (r *receiver) Receive(ctx context.Context, via sync.ServerID, offered []sync.Offered) (all []sync.Answer) {
	for _, o := range offered {
		a := r.one(ctx, via, o.Change)
		a.ID = o.Change.ID
		all = append(all, a)
	}
	return all
}

func (r *receiver) one(ctx context.Context, via sync.ServerID, c *sync.Change) sync.Answer {
	if r.says != nil {
		return *r.says
	}
	known, err := r.p.Known(ctx, []sync.ID{c.ID})
	r.p.must(err)
	if known[0] {
		return sync.Answer{Status: sync.StatusDone}
	}
	if slices.ContainsFunc(c.Needs, func(o sync.Object) bool { return r.lacks[o] }) {
		return sync.Answer{Status: sync.StatusWait, Class: sync.ClassWaiting, Reason: "exchange.needs", Text: "its folder is not there"}
	}
	s, err := r.p.Object(ctx, c.Object)
	r.p.must(err)
	out := sync.Receive(s, c, sync.Policy{})
	r.p.must(r.p.Accept(ctx, exchange.Fence{}, exchange.Acceptance{Outcome: &out, Via: via}))
	r.took = append(r.took, c.ID)
	delete(r.lacks, c.Object)
	if out.After.Conflict() && !out.Superseded {
		return sync.Answer{Status: sync.StatusHeld}
	}
	return sync.Answer{Status: sync.StatusDone}
}

// place is the gate of server 1: pages of server 2 are to be approved.
type place struct {
	*exchangetest.Memory
	t        *testing.T
	now      time.Time
	asks     []string // kinds
	refuses  *sync.Answer
	receiver *receiver
	gate     *approval.Gate
	told     []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, now: time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC), asks: []string{"page"}}
	p.Memory = exchangetest.NewMemory(func() time.Time { return p.now })
	p.receiver = &receiver{p: p, lacks: map[sync.Object]bool{}}
	p.start()
	return p
}

// start starts the process on what is kept.
func (p *place) start() {
	p.t.Helper()
	var err error
	p.gate, err = approval.New(approval.Config{
		Name: "live", Receiver: p.receiver, Changes: p, Approvals: p, Blobs: p, Now: func() time.Time { return p.now },
		Asks: func(via sync.ServerID, o sync.Object) bool {
			return via == serverOf(2) && slices.Contains(p.asks, o.Kind())
		},
		Refuses: func(_ sync.ServerID, c *sync.Change) (sync.Answer, bool) {
			if p.refuses == nil {
				return sync.Answer{}, false
			}
			a := *p.refuses
			a.ID = c.ID
			return a, true
		},
		Held:    func(_ sync.ServerID, c *sync.Change) { p.told = append(p.told, "held "+c.Title) },
		Decided: func(a exchange.Approval) { p.told = append(p.told, string(a.State)+" "+a.Change.Title+" by "+a.Login) },
	})
	p.must(err)
}

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// made is the kth change of server 2.
func (p *place) made(k uint64, o sync.Object, on ...*sync.Change) *sync.Change {
	b := fmt.Append(nil, "content ", k)
	c := &sync.Change{ID: sync.ID{Origin: serverOf(2), Counter: k}, Object: o, Op: sync.Put, Payload: sync.DigestOf(b), Size: int64(len(b)),
		Stamp: sync.Stamp{Milli: p.now.UnixMilli() + int64(k)}, Title: fmt.Sprint(k)}
	c.Follow(on)
	c.Sign(keyOf(2))
	return c
}

// send has a neighbour bring changes, and returns the answers.
func (p *place) send(via byte, all ...*sync.Change) []sync.Answer {
	p.t.Helper()
	var offered []sync.Offered
	for _, c := range all {
		offered = append(offered, sync.Offered{Change: c})
	}
	first, err := p.gate.Wanted(p.t.Context(), serverOf(via), offered)
	p.must(err)
	var wanted []sync.Offered
	for i, a := range first {
		if a.Status != sync.StatusWant {
			continue
		}
		if c := offered[i].Change; c.Op == sync.Put && !sync.Contained(offered, i) {
			p.must(p.PutAll(p.t.Context(), fmt.Append(nil, "content ", c.ID.Counter)))
		}
		wanted = append(wanted, offered[i])
	}
	if len(wanted) == 0 {
		return first
	}
	k := 0
	got := p.gate.Receive(p.t.Context(), serverOf(via), wanted)
	for i, a := range first {
		if a.Status == sync.StatusWant {
			first[i] = got[k]
			k++
		}
		if first[i].ID != all[i].ID {
			p.t.Errorf("the answer to %s is about %s", all[i].ID, first[i].ID)
		}
	}
	return first
}

func (p *place) decide(c *sync.Change, refuse bool) (sync.Answer, error) {
	return p.gate.Decide(p.t.Context(), approval.Decision{ID: c.ID, Refuse: refuse, Login: "ann", Reason: "because"})
}

// waiting counts what nobody has decided about.
func (p *place) waiting() (int, error) {
	all, err := p.gate.List(p.t.Context(), exchange.Asked)
	return len(all), err
}

func (p *place) shown(o sync.Object) string {
	p.t.Helper()
	s, err := p.Object(p.t.Context(), o)
	p.must(err)
	if v := s.Show(); v != nil {
		return v.Title
	}
	return ""
}

func (p *place) wantWaits(what string, a sync.Answer) {
	p.t.Helper()
	if a.Status != sync.StatusWait || a.Class != sync.ClassWaiting || a.Reason != approval.ReasonApproval ||
		!strings.Contains(a.Text, "on live: stagelock sync approve "+a.ID.String()) {
		p.t.Errorf("%s: %+v", what, a)
	}
}

func (p *place) wantShown(what string, o sync.Object, want string) {
	p.t.Helper()
	if got := p.shown(o); got != want {
		p.t.Errorf("%s: shown is %q, want %q", what, got, want)
	}
}

// TestWhatIsApprovedIsApplied, and nothing before, also after a restart; others do not wait for it.
func TestWhatIsApprovedIsApplied(t *testing.T) {
	p := newPlace(t)
	page, article := p.made(1, "s/page/a"), p.made(2, "s/article/a")
	got := p.send(2, page, article)
	p.wantWaits("the page", got[0])
	if got[1].Status != sync.StatusDone {
		t.Errorf("the article beside it: %+v", got[1])
	}
	p.wantWaits("sent again", p.send(2, page)[0])
	p.wantShown("before", "s/page/a", "")
	p.start()
	if n, err := p.waiting(); err != nil || n != 1 {
		t.Errorf("%d wait, %v", n, err)
	}
	if _, err := p.gate.Decide(t.Context(), approval.Decision{ID: page.ID, Digest: sync.DigestOf([]byte("x")).String()}); !errors.Is(err, approval.ErrDigest) {
		t.Errorf("of another digest: %v", err)
	}
	p.wantShown("of another digest", "s/page/a", "")
	a, err := p.gate.Decide(t.Context(), approval.Decision{ID: page.ID, Digest: page.Payload.String(), Login: "ann"})
	if err != nil || a.Status != sync.StatusDone {
		t.Errorf("approved: %+v, %v", a, err)
	}
	p.wantShown("approved", "s/page/a", "1")
	if got := p.send(2, page)[0]; got.Status != sync.StatusDone {
		t.Errorf("sent once more: %+v", got)
	}
	if n, err := p.waiting(); err != nil || n != 0 {
		t.Errorf("%d wait, %v", n, err)
	}
	if _, err := p.decide(page, false); !errors.Is(err, approval.ErrNotHeld) {
		t.Errorf("a second time: %v", err)
	}
	if want := "[held 1 approved 1 by ann]"; fmt.Sprint(p.told) != want {
		t.Errorf("told %v, want %s", p.told, want)
	}
}

// TestANewerVersionNeedsAnApprovalOfItsOwn: what was approved is one content, whatever follows.
func TestANewerVersionNeedsAnApprovalOfItsOwn(t *testing.T) {
	p := newPlace(t)
	one := p.made(1, "s/page/a")
	two := p.made(2, "s/page/a", one)
	p.send(2, one)
	p.wantWaits("the newer one", p.send(2, two)[0])
	if _, err := p.decide(one, false); err != nil {
		t.Fatal(err)
	}
	p.wantShown("the first approved", "s/page/a", "1")
	p.wantWaits("the newer one still", p.send(2, two)[0])
	three := p.made(3, "s/page/a", two)
	p.send(2, three)
	if _, err := p.decide(three, false); err != nil {
		t.Fatal(err)
	}
	p.wantShown("the newest approved", "s/page/a", "3")
	if n, err := p.waiting(); err != nil || n != 0 {
		t.Errorf("%d wait behind what contains them, %v", n, err)
	}
	if got := p.send(2, two)[0]; got.Status != sync.StatusDone {
		t.Errorf("what is history: %+v", got)
	}
	p.wantShown("history", "s/page/a", "3")
	if !slices.Equal(p.receiver.took, []sync.ID{one.ID, three.ID, two.ID}) {
		t.Errorf("took %v", p.receiver.took)
	}
}

// TestHistoryNeedsNoApproval: what arrives behind a version that contains it is never shown.
func TestHistoryNeedsNoApproval(t *testing.T) {
	p := newPlace(t)
	one := p.made(1, "s/page/a")
	two := p.made(2, "s/page/a", one)
	p.send(2, two)
	if _, err := p.decide(two, false); err != nil {
		t.Fatal(err)
	}
	if got := p.send(2, one)[0]; got.Status != sync.StatusDone {
		t.Errorf("history: %+v", got)
	}
	p.wantShown("history", "s/page/a", "2")
}

// TestOneMessageOfTwoVersions asks for the newer one; the older one is not applied without anybody's word, whatever
// becomes of the newer.
func TestOneMessageOfTwoVersions(t *testing.T) {
	p := newPlace(t)
	one := p.made(1, "s/page/a")
	two := p.made(2, "s/page/a", one)
	for i, a := range p.send(2, one, two) {
		p.wantWaits(fmt.Sprint(i), a)
	}
	if all, err := p.gate.List(t.Context(), exchange.Asked); err != nil || len(all) != 1 || all[0].Change.ID != two.ID {
		t.Fatalf("asked for %+v, %v", all, err)
	}
	if _, err := p.decide(two, true); err != nil {
		t.Fatal(err)
	}
	p.wantWaits("the older one, when the newer was refused", p.send(2, one)[0])
	p.wantShown("nothing", "s/page/a", "")
	if _, err := p.decide(one, false); err != nil {
		t.Fatal(err)
	}
	p.wantShown("the older one approved", "s/page/a", "1")
	if got := p.send(2, two)[0]; got.Class != sync.ClassNever {
		t.Errorf("the refused one: %+v", got)
	}
}

// TestWhatIsRefusedIsADeadLetter where it came from, with the words; who thinks again approves it.
func TestWhatIsRefusedIsADeadLetter(t *testing.T) {
	p := newPlace(t)
	c := p.made(1, "s/page/a")
	p.send(2, c)
	if _, err := p.decide(c, true); err != nil {
		t.Fatal(err)
	}
	p.start()
	got := p.send(2, c)[0]
	if got.Status != sync.StatusRefused || got.Class != sync.ClassNever || got.Reason != approval.ReasonDeclined || got.Text != "it was refused on live by ann: because" {
		t.Errorf("%+v", got)
	}
	p.wantShown("refused", "s/page/a", "")
	p.must(p.gate.Release(t.Context(), ""))
	p.wantShown("looked at again", "s/page/a", "")
	if _, err := p.decide(c, false); !errors.Is(err, approval.ErrDecided) || !strings.Contains(err.Error(), "it was refused by ann: because") {
		t.Errorf("approved by who did not know: %v", err)
	}
	p.wantShown("nobody was overruled", "s/page/a", "")
	after, err := p.gate.Decide(t.Context(), approval.Decision{ID: c.ID, Login: "ann", Overrule: true})
	if err != nil || after.Status != sync.StatusDone {
		t.Errorf("approved after all: %+v, %v", after, err)
	}
	p.wantShown("approved after all", "s/page/a", "1")
	d := p.made(2, "s/page/b")
	p.send(2, d)
	p.must(p.Memory.Decide(t.Context(), d.ID, exchange.Asked, exchange.Refused, "ann", ""))
	p.now = p.now.Add(401 * 24 * time.Hour)
	p.must(p.gate.Release(t.Context(), ""))
	if all, err := p.gate.List(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("held after a year and more: %+v, %v", all, err)
	}
}

// TestAnotherChangeOfAnIDIsNotApproved: a server that signs two changes with one id gets neither past who approved one.
func TestAnotherChangeOfAnIDIsNotApproved(t *testing.T) {
	p := newPlace(t)
	c := p.made(1, "s/page/a")
	p.send(2, c)
	forged := p.made(1, "s/page/a")
	forged.Title = "another"
	forged.Sign(keyOf(2))
	for _, state := range []exchange.ApprovalState{exchange.Asked, exchange.Approved} {
		p.must(p.Memory.Decide(t.Context(), c.ID, exchange.Asked, state, "", ""))
		if got := p.send(2, forged)[0]; got.Status != sync.StatusRefused || got.Class != sync.ClassNever || got.Reason != "exchange.forged" {
			t.Errorf("%s: %+v", state, got)
		}
		p.wantShown(string(state), "s/page/a", "")
	}
	if got := p.send(2, c)[0]; got.Status != sync.StatusDone {
		t.Errorf("the approved one: %+v", got)
	}
}

// TestParentsFirst: what is approved before the folder it lies in waits for that, and follows it.
func TestParentsFirst(t *testing.T) {
	p := newPlace(t)
	p.receiver.lacks["s/page/folder"] = true
	folder, child, grandchild := p.made(3, "s/page/folder"), p.made(2, "s/page/child"), p.made(1, "s/page/grandchild")
	child.Needs = []sync.Object{"s/page/folder"}
	child.Sign(keyOf(2))
	p.receiver.lacks["s/page/child"] = true
	grandchild.Needs = []sync.Object{"s/page/child"}
	grandchild.Sign(keyOf(2))
	p.send(2, grandchild, child, folder)
	for _, c := range []*sync.Change{grandchild, child} {
		if a, err := p.decide(c, false); err != nil || a.Status != sync.StatusWait || a.Text != "its folder is not there" {
			t.Errorf("%s before its folder: %+v, %v", c.Object, a, err)
		}
	}
	p.start()
	if a, err := p.decide(folder, false); err != nil || a.Status != sync.StatusDone {
		t.Errorf("the folder: %+v, %v", a, err)
	}
	if want := []sync.ID{folder.ID, child.ID, grandchild.ID}; !slices.Equal(p.receiver.took, want) {
		t.Errorf("took %v, want %v", p.receiver.took, want)
	}
}

// TestWhatIsDecidedElsewhereMakesRoom: on another gateway of the server people decide too.
func TestWhatIsDecidedElsewhereMakesRoom(t *testing.T) {
	p := newPlace(t)
	var ids []sync.ID
	for k := uint64(1); k <= 5000; k += 200 {
		var some []*sync.Change
		for i := range uint64(200) {
			some = append(some, p.made(k+i, sync.Object(fmt.Sprint("s/page/", k+i))))
			ids = append(ids, some[i].ID)
		}
		p.wantWaits("as long as there is room", p.send(2, some...)[199])
	}
	more := p.made(5001, "s/page/more")
	if a := p.send(2, more)[0]; a.Status != sync.StatusLater || !strings.HasPrefix(a.Text, "5000 changes wait for approval") {
		t.Errorf("one more than may wait: %+v", a)
	}
	p.must(p.Release(t.Context(), ids[0]))
	p.wantWaits("when there is room again", p.send(2, more)[0])
}

// TestManyRefusalsHideNothing: they are kept for a year, and what was approved since is still tried again.
func TestManyRefusalsHideNothing(t *testing.T) {
	p := newPlace(t)
	for k := uint64(1); k <= 10_000; k++ {
		c := &sync.Change{ID: sync.ID{Origin: serverOf(2), Counter: k}, Object: "s/page/refused", Op: sync.Delete}
		p.must(p.Ask(t.Context(), serverOf(2), c))
		p.must(p.Decide(t.Context(), c.ID, exchange.Asked, exchange.Refused, "ann", "no"))
	}
	p.now = p.now.Add(time.Hour)
	p.receiver.lacks["s/page/folder"] = true
	child := p.made(10_001, "s/page/child")
	child.Needs = []sync.Object{"s/page/folder"}
	child.Sign(keyOf(2))
	p.send(2, child)
	if a, err := p.decide(child, false); err != nil || a.Status != sync.StatusWait {
		t.Fatalf("before its folder: %+v, %v", a, err)
	}
	clear(p.receiver.lacks)
	p.must(p.gate.Release(t.Context(), ""))
	if got := p.shown("s/page/child"); got != child.Title {
		t.Errorf("what was approved is not applied: %q is shown", got)
	}
}

// TestTheRulesOfNow: what needs no approval any more is applied, what is not allowed any more is not, whoever approved it.
func TestTheRulesOfNow(t *testing.T) {
	p := newPlace(t)
	one, two := p.made(1, "s/page/a"), p.made(2, "s/page/b")
	p.send(2, one)
	p.asks = nil
	p.must(p.gate.Release(t.Context(), ""))
	p.wantShown("without approvals", "s/page/a", "1")
	p.asks = []string{"page"}
	p.send(2, two)
	p.refuses = &sync.Answer{Status: sync.StatusRefused, Class: sync.ClassNever, Reason: "exchange.kind", Text: "no pages any more"}
	var denied *approval.Denial
	if _, err := p.decide(two, false); !errors.As(err, &denied) || denied.Answer.Reason != "exchange.kind" || denied.Answer.ID != two.ID {
		t.Errorf("not allowed any more: %v", err)
	}
	p.wantShown("not allowed any more", "s/page/b", "")
	if all, err := p.gate.List(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("held %+v, %v", all, err)
	}
}

// TestOfWhomNothingIsAsked passes as if there were no gate.
func TestOfWhomNothingIsAsked(t *testing.T) {
	p := newPlace(t)
	if got := p.send(3, p.made(1, "s/page/a"))[0]; got.Status != sync.StatusDone {
		t.Errorf("by way of another neighbour: %+v", got)
	}
	two := p.made(2, "s/page/b")
	p.wantWaits("by way of the first", p.send(2, two)[0])
	if got := p.send(3, two)[0]; got.Status != sync.StatusDone {
		t.Errorf("and then of another: %+v", got)
	}
	if n, err := p.waiting(); err != nil || n != 0 {
		t.Errorf("%d wait for what is known, %v", n, err)
	}
}

// TestWhatTheEngineRefuses when it is approved is told to who sent it.
func TestWhatTheEngineRefuses(t *testing.T) {
	p := newPlace(t)
	c := p.made(1, "s/page/a")
	p.send(2, c)
	p.receiver.says = &sync.Answer{Status: sync.StatusLater, Class: sync.ClassLater, Text: "the engine is away"}
	if a, err := p.decide(c, false); err != nil || a.Status != sync.StatusLater {
		t.Errorf("while the engine is away: %+v, %v", a, err)
	}
	p.receiver.says = &sync.Answer{Status: sync.StatusRefused, Class: sync.ClassNever, Text: "no such layout"}
	p.must(p.gate.Release(t.Context(), ""))
	if got := p.send(2, c)[0]; got.Class != sync.ClassNever || got.Text != "it was refused on live: no such layout" {
		t.Errorf("%+v", got)
	}
}
