package replica_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/approval"
	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// looked is a book that tells of each look at an object.
type looked struct {
	book
	look func()
}

func (l looked) Object(ctx context.Context, o sync.Object) (sync.State, error) {
	l.look()
	return l.book.Object(ctx, o)
}

// gateways are two gateways of the second server, whose articles somebody must approve.
type gateways struct {
	*batched
	gates [2]*approval.Gate
	look  func()             // before the first judges a change
	pause func(point string) // of the first
}

// taker is a replica as its gate has it.
type taker struct{ *replica.Replica }

func newGateways(t *testing.T) *gateways {
	g := &gateways{batched: newBatched(t), look: func() {}, pause: func(string) {}}
	for i := range g.gates {
		changes := g.to.book
		c := replica.Config{Key: keyOf(1), Source: g.to.engine, Journal: journal, Changes: changes, Blobs: changes,
			Policy: func() sync.Policy { return g.policy }, Targets: func(sync.Object) []sync.ServerID { return nil },
			Now: g.clock(), Fence: func() (exchange.Fence, bool) { return exchange.Fence{}, i == 0 }}
		if i == 0 {
			c.Changes, c.Pause = looked{changes, func() { g.look() }}, func(point string) { g.pause(point) }
		}
		r, err := replica.New(c)
		g.must(err)
		g.gates[i], err = approval.New(approval.Config{Name: "live", Receiver: taker{r}, Changes: changes, Approvals: changes,
			Blobs: changes, Now: g.clock(), Asks: func(sync.ServerID, sync.Object) bool { return true },
			Refuses: func(sync.ServerID, *sync.Change) (sync.Answer, bool) { return sync.Answer{}, false }})
		g.must(err)
	}
	return g
}

// held is an article that waits for approval.
func (g *gateways) held(n int) *sync.Change {
	g.t.Helper()
	g.from.engine.edit(object(n), "text")
	offered := g.offer()
	last := offered[len(offered)-1:]
	if a := g.gates[1].Receive(g.t.Context(), serverOf(0), last); a[0].Reason != approval.ReasonApproval {
		g.t.Fatalf("%+v", a)
	}
	return last[0].Change
}

func (g *gateways) approve(c *sync.Change) (sync.Answer, error) {
	return g.gates[0].Decide(g.t.Context(), approval.Decision{ID: c.ID, Login: "ann"})
}

func (g *gateways) refuse(c *sync.Change, overrule bool) error {
	_, err := g.gates[1].Decide(g.t.Context(),
		approval.Decision{ID: c.ID, Refuse: true, Login: "bob", Reason: "no", Overrule: overrule})
	return err
}

// TestOneRefusesWhatAnotherGatewayIsAboutToApply: in the moment before the intent is kept the engine gets nothing, and
// who approved is told who refused; after it, who refuses is told that it is too late.
func TestOneRefusesWhatAnotherGatewayIsAboutToApply(t *testing.T) {
	g := newGateways(t)
	c := g.held(1)
	var refused error
	g.look = func() {
		g.look = func() {}
		refused = g.refuse(c, true)
	}
	var denied *approval.Denial
	if _, err := g.approve(c); refused != nil || !errors.As(err, &denied) || !strings.Contains(err.Error(), "it was refused on live by bob: no") {
		t.Errorf("refused with %v, approved with %v", refused, err)
	}
	g.must(g.gates[0].Release(t.Context(), ""))
	if len(g.to.engine.journal) > 0 {
		t.Error("what was refused reached the engine")
	}
	if a := g.gates[0].Receive(t.Context(), serverOf(0), []sync.Offered{{Change: c}}); a[0].Reason != approval.ReasonDeclined ||
		a[0].Class != sync.ClassNever {
		t.Errorf("sent again: %+v", a)
	}
	for n, point := range []string{"intended", "applied", "accepted"} {
		c, refused := g.held(n+2), error(nil)
		g.pause = func(p string) {
			if p == point {
				refused = g.refuse(c, true)
			}
		}
		if a, err := g.approve(c); err != nil || a.Status != sync.StatusDone || !errors.Is(refused, approval.ErrAtOnce) {
			t.Errorf("%s: approved with %+v, %v; refused with %v", point, a, err, refused)
		}
		if g.to.engine.text[c.Object] != "text" {
			t.Errorf("%s: it is not in the engine", point)
		}
	}
}

// TestTwoGatewaysDecideAtOnce: in any order, what somebody was told that he refused is not in the engine, and the rest
// is.
func TestTwoGatewaysDecideAtOnce(t *testing.T) {
	g := newGateways(t)
	for n := range 200 {
		c := g.held(n)
		refused := make(chan error)
		go func() { refused <- g.refuse(c, n%2 == 0) }()
		a, err := g.approve(c)
		no := <-refused
		text, there := g.to.engine.text[c.Object]
		known := no == nil || errors.Is(no, approval.ErrDecided) || errors.Is(no, approval.ErrAtOnce) || errors.Is(no, approval.ErrNotHeld)
		if !known || there == (no == nil) || there != (err == nil && a.Status == sync.StatusDone) {
			t.Fatalf("%d: approved with %+v, %v, refused with %v; the engine has %q", n, a, err, no, text)
		}
		all, err := g.to.book.Approval(t.Context(), c.ID)
		g.must(err)
		if want := map[bool]exchange.ApprovalState{false: exchange.Refused}[there]; all[0].State != want {
			t.Fatalf("%d: kept is %s", n, fmt.Sprint(all[0].State))
		}
	}
}
