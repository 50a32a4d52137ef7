package suite

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// listed are the changes that are held in a state, oldest first.
func (p *place) listed(state exchange.ApprovalState, limit int) (all []sync.ID) {
	p.t.Helper()
	held, err := p.Approvals.Approvals(p.t.Context(), state, limit)
	must(p.t, err)
	for _, a := range held {
		all = append(all, a.Change.ID)
	}
	return all
}

func (p *place) wantListed(what string, state exchange.ApprovalState, want ...sync.ID) {
	p.t.Helper()
	if got := p.listed(state, 100); !slices.Equal(got, want) {
		p.t.Errorf("%s: held %v, want %v", what, got, want)
	}
}

// held are changes that wait for a person: what is kept is byte for byte what came, also after a restart.
func held(t *testing.T, p *place) {
	ctx := t.Context()
	a, b := made(0, 1, "s/page/Größe '"), made(1, 1, "s/page/b")
	must(t, p.Ask(ctx, serverOf(3), a))
	p.clock.Pass(time.Second)
	must(t, p.Ask(ctx, serverOf(4), b, a))
	must(t, p.Ask(ctx, serverOf(4)))
	p.reopen()
	all, err := p.Approval(ctx, b.ID, sync.ID{Origin: serverOf(9), Counter: 1}, a.ID)
	must(t, err)
	if len(all) != 3 || all[1].Change != nil || all[1].State != "" {
		t.Fatalf("held %+v", all)
	}
	for i, want := range map[int]struct {
		c   *sync.Change
		via int
	}{0: {b, 4}, 2: {a, 3}} {
		got := all[i]
		if !bytes.Equal(got.Change.Append(nil), want.c.Append(nil)) || got.Via != serverOf(want.via) || got.State != exchange.Asked ||
			got.Login != "" || got.At.IsZero() {
			t.Errorf("held %+v, want %s by way of %d", got, want.c.ID, want.via)
		}
	}
	p.wantListed("all", "", a.ID, b.ID)
	if got := p.listed(exchange.Asked, 1); !slices.Equal(got, []sync.ID{a.ID}) {
		t.Errorf("the oldest is %v", got)
	}
	if none, err := p.Approval(ctx); err != nil || len(none) != 0 {
		t.Errorf("of none: %+v, %v", none, err)
	}
}

// decided is what a person says of them, which may change; a second change of an id takes nothing over.
func decided(t *testing.T, p *place) {
	ctx := t.Context()
	a, b := made(0, 1, "s/page/a"), made(0, 2, "s/page/b")
	must(t, p.Ask(ctx, serverOf(3), a, b))
	none := sync.ID{Origin: serverOf(0), Counter: 3}
	wantErr(t, "of what is not held", p.Decide(ctx, none, exchange.Asked, exchange.Approved, "ann", ""), store.ErrNotFound)
	must(t, p.Decide(ctx, a.ID, exchange.Asked, exchange.Refused, "ann", "not 'yet'"))
	p.reopen()
	p.wantListed("refused", exchange.Refused, a.ID)
	p.wantListed("asked", exchange.Asked, b.ID)
	p.wantListed("approved", exchange.Approved)
	other := made(0, 1, "s/page/another")
	must(t, p.Ask(ctx, serverOf(4), other))
	all, err := p.Approval(ctx, a.ID)
	must(t, err)
	if got := all[0]; got.State != exchange.Refused || got.Login != "ann" || got.Reason != "not 'yet'" || got.Via != serverOf(3) ||
		got.Change.Object != a.Object {
		t.Errorf("held %+v", got)
	}
	must(t, p.Decide(ctx, a.ID, exchange.Refused, exchange.Approved, "bob", ""))
	p.wantListed("approved after all", exchange.Approved, a.ID)
	must(t, p.Release(ctx, a.ID, sync.ID{Origin: serverOf(9), Counter: 9}))
	must(t, p.Release(ctx))
	p.wantListed("released", "", b.ID)
	must(t, p.Accept(ctx, exchange.Fence{}, p.acceptance(b, false)))
	one, err := p.Approval(ctx, b.ID)
	must(t, err)
	listed, err := p.Approvals.Approvals(ctx, "", 100)
	must(t, err)
	if !one[0].Known || len(listed) != 1 || !listed[0].Known || all[0].Known {
		t.Errorf("known: %v and %+v, before %v", one[0].Known, listed, all[0].Known)
	}
	wantErr(t, "of what was released", p.Decide(ctx, a.ID, exchange.Approved, exchange.Refused, "bob", ""), store.ErrNotFound)
	must(t, p.Ask(ctx, serverOf(4), other))
	p.wantListed("held anew", exchange.Asked, b.ID, other.ID)
}

// heldBehindNobody: a delivery that the target holds for a person is no reason to wait, and is not looked at
// whenever another arrives: there may be many.
func heldBehindNobody(_ *testing.T, p *place) {
	p.queue("a", "b", "a", "c")
	wait := func(k int, class string) {
		must(p.t, p.Settle(p.t.Context(), serverOf(9), exchange.Result{ID: sync.ID{Origin: serverOf(0), Counter: uint64(k)},
			State: exchange.Waiting, Class: class, Reason: fmt.Sprint("as ", class), After: time.Hour}))
	}
	wait(1, exchange.ForApproval)
	wait(2, "waiting")
	p.wantDue("the newer one of an object is offered too", 3, 4)
	p.settle(4, exchange.Done, 0)
	p.wantDue("what lacked something is tried again, what waits for a person is not", 2, 3)
	p.clock.Pass(time.Hour + time.Second)
	p.wantDue("an hour later", 1, 2, 3)
}
