package suite

import (
	"slices"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// ids are the counters of what is due for server 9.
func (p *place) due(limit int) (all []uint64) {
	p.t.Helper()
	due, err := p.Due(p.t.Context(), serverOf(9), limit)
	must(p.t, err)
	for _, d := range due {
		all = append(all, d.ID.Counter)
	}
	return all
}

func (p *place) wantDue(what string, want ...uint64) {
	p.t.Helper()
	if got := p.due(100); !slices.Equal(got, want) {
		p.t.Errorf("%s: due %v, want %v", what, got, want)
	}
}

func (p *place) settle(k int, state exchange.DeliveryState, after time.Duration) {
	p.t.Helper()
	must(p.t, p.Settle(p.t.Context(), serverOf(9), exchange.Result{ID: sync.ID{Origin: serverOf(0), Counter: uint64(k)},
		State: state, Class: "later", Reason: "connection refused", After: after, Bytes: 3}))
}

// queue accepts changes 1 to n of server 0 for server 9, of those objects.
func (p *place) queue(objects ...string) {
	p.t.Helper()
	last := map[string]*sync.Change{}
	for i, name := range objects {
		var on []*sync.Change
		if c := last[name]; c != nil {
			on = append(on, c)
		}
		c := made(0, i+1, sync.Object("s/article/"+name), on...)
		p.accept(c, serverOf(9), serverOf(8))
		last[name] = c
	}
}

func dueInOrder(t *testing.T, p *place) {
	p.queue("c", "a", "b", "a")
	p.wantDue("all", 1, 2, 3, 4)
	if got := p.due(2); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("two of them: %v", got)
	}
	p.reopen()
	p.wantDue("after a restart", 1, 2, 3, 4)
	if other, err := p.Due(t.Context(), serverOf(7), 10); err != nil || len(other) != 0 {
		t.Errorf("another's: %v, %v", other, err)
	}
}

func dueBehind(_ *testing.T, p *place) {
	p.queue("a", "b", "a", "c", "b")
	p.settle(1, exchange.Pending, time.Minute)
	p.wantDue("one of them failed", 2, 4, 5)
	p.clock.Pass(time.Minute + time.Second)
	p.wantDue("its time came", 1, 2, 3, 4, 5)
	p.settle(1, exchange.Dead, 0)
	p.wantDue("a dead letter holds nobody", 2, 3, 4, 5)
}

func settle(t *testing.T, p *place) {
	ctx := t.Context()
	p.queue("a", "b", "c")
	p.settle(1, exchange.Waiting, time.Hour)
	p.settle(3, exchange.Pending, time.Hour)
	p.wantDue("both put off", 2)
	p.settle(2, exchange.Done, 0)
	p.wantDue("what waits is looked at when something arrived", 1)
	p.settle(2, exchange.Dead, 0) // it has ended
	newest, err := p.Deliveries.Deliveries(ctx, exchange.Filter{Target: serverOf(9), Limit: 2})
	must(t, err)
	if len(newest) != 2 || newest[0].ID.Counter != 3 || newest[1].ID.Counter != 2 {
		t.Errorf("the newest two are %+v", newest)
	}
	all, err := p.Deliveries.Deliveries(ctx, exchange.Filter{Target: serverOf(9)})
	must(t, err)
	if len(all) != 3 || all[1].State != exchange.Done || all[1].EndedAt.IsZero() || all[1].Tries != 1 || all[1].Bytes != 3 ||
		all[0].Reason != "connection refused" || all[0].Class != "later" || !all[0].EndedAt.IsZero() {
		t.Errorf("deliveries %+v", all)
	}
	e, err := p.Change(ctx, sync.ID{Origin: serverOf(0), Counter: 2})
	must(t, err)
	if !slices.Contains(e.Listed, serverOf(9)) {
		t.Errorf("listed %v", e.Listed)
	}
	must(
		t,
		p.Settle(
			ctx,
			serverOf(9),
			exchange.Result{ID: sync.ID{Origin: serverOf(0), Counter: 1}, State: exchange.Dead, Reason: "\x00\xff"},
		),
	)
}

func acknowledge(t *testing.T, p *place) {
	ctx := t.Context()
	p.queue("a", "b", "c")
	p.settle(1, exchange.Dead, 0)
	n, err := p.Acknowledge(ctx, serverOf(9), map[sync.ServerID]uint64{serverOf(0): 2, serverOf(5): 9})
	must(t, err)
	if n != 1 {
		t.Errorf("%d were open up to the second, want 1", n)
	}
	p.wantDue("the rest", 3)
	if other, err := p.Due(ctx, serverOf(8), 10); err != nil || len(other) != 3 {
		t.Errorf("another's: %d, %v", len(other), err)
	}
}

func baseline(t *testing.T, p *place) {
	ctx := t.Context()
	p.queue("a", "b", "a", "b")
	p.accept(made(7, 1, "s/article/x")) // queued for nobody
	p.accept(made(8, 1, "s/page/article/x"))
	articles, all := []string{"document", "article"}, func(sync.Object) bool { return true }
	want := func(what string, target int, kinds []string, covers func(sync.Object) bool, want int) {
		t.Helper()
		if n, err := p.Baseline(ctx, serverOf(target), kinds, covers); err != nil || n != want {
			t.Errorf("%s: %d, %v, want %d", what, n, err, want)
		}
	}
	want("of no kind", 7, nil, all, 0)
	want("of no object", 7, articles, func(sync.Object) bool { return false }, 0)
	want("current versions that it has not made itself", 7, articles, all, 2)
	want("what was never queued", 9, articles, all, 1)
	want("again", 7, articles, all, 0)
	due, err := p.Due(ctx, serverOf(7), 10)
	must(t, err)
	if len(due) != 2 || due[0].ID.Counter != 3 || due[1].ID.Counter != 4 {
		t.Errorf("due %+v", due)
	}
	want("of another kind", 7, []string{"page"}, all, 1)
}

func targets(t *testing.T, p *place) {
	ctx := t.Context()
	p.queue("a", "b", "c", "d")
	p.settle(1, exchange.Done, 0)
	p.settle(2, exchange.Waiting, time.Minute)
	p.settle(3, exchange.Dead, 0)
	p.settle(4, exchange.Pending, time.Hour)
	must(t, p.SetTarget(ctx, serverOf(9), exchange.Held, "a freeze", time.Hour))
	p.reopen()
	all, err := p.Targets(ctx, serverOf(9), serverOf(6))
	must(t, err)
	got := all[0]
	for what, at := range map[string]*time.Time{"until": &got.Until, "oldest": &got.Oldest, "last": &got.Last, "next": &got.Next} {
		if at.IsZero() {
			t.Errorf("no time: %s", what)
		}
		*at = time.Time{}
	}
	want := exchange.Target{
		ID:      serverOf(9),
		State:   exchange.Held,
		Reason:  "a freeze",
		Open:    2,
		Waiting: 1,
		Dead:    1,
		Tries:   1,
		Failure: "connection refused",
	}
	if got != want {
		t.Errorf("target %+v, want %+v", got, want)
	}
	if want := (exchange.Target{ID: serverOf(6)}); all[1] != want {
		t.Errorf("a target without anything: %+v", all[1])
	}
	p.clock.Pass(2 * time.Hour)
	if all, err = p.Targets(ctx, serverOf(9)); err != nil || all[0].State != exchange.Open {
		t.Errorf("after its time: %+v, %v", all, err)
	}
	must(t, p.SetTarget(ctx, serverOf(9), exchange.Stopped, "its clock", 0))
	p.clock.Pass(1000 * time.Hour)
	if all, err = p.Targets(ctx, serverOf(9)); err != nil || all[0].State != exchange.Stopped {
		t.Errorf("what an operator must mend: %+v, %v", all, err)
	}
}

func retryAndDrop(t *testing.T, p *place) {
	ctx := t.Context()
	p.queue("a", "b", "c")
	p.settle(1, exchange.Dead, 0)
	p.settle(2, exchange.Pending, time.Hour)
	p.wantDue("one", 3)
	if n, err := p.Retry(ctx, exchange.Filter{Target: serverOf(9), ID: sync.ID{Origin: serverOf(0), Counter: 1}}); err != nil ||
		n != 1 {
		t.Errorf("retried %d, %v", n, err)
	}
	p.wantDue("the dead one again", 1, 3)
	if n, err := p.Retry(ctx, exchange.Filter{Target: serverOf(9)}); err != nil || n != 3 {
		t.Errorf("retried %d, %v", n, err)
	}
	p.wantDue("all", 1, 2, 3)
	if n, err := p.Drop(ctx, exchange.Filter{Target: serverOf(9), Object: "s/article/b"}, "not wanted"); err != nil || n != 1 {
		t.Errorf("dropped %d, %v", n, err)
	}
	p.wantDue("without it", 1, 3)
	if n, err := p.Retry(ctx, exchange.Filter{Object: "s/article/b"}); err != nil || n != 1 {
		t.Errorf("retried %d of it, %v, want the one for the other target", n, err)
	}
	all, err := p.Deliveries.Deliveries(ctx, exchange.Filter{State: exchange.Dropped})
	must(t, err)
	if len(all) != 1 || all[0].Reason != "not wanted" || all[0].Target != serverOf(9) {
		t.Errorf("dropped %+v", all)
	}
}

func prune(t *testing.T, p *place) {
	p.queue("a", "b", "c")
	p.settle(1, exchange.Done, 0)
	p.settle(2, exchange.Dead, 0)
	p.clock.Pass(time.Hour)
	if n, err := p.Prune(t.Context(), 2*time.Hour); err != nil || n != 0 {
		t.Errorf("too early: %d, %v", n, err)
	}
	if n, err := p.Prune(t.Context(), time.Minute); err != nil || n != 1 {
		t.Errorf("pruned %d, %v, want the done one", n, err)
	}
}
