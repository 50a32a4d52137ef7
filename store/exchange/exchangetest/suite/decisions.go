package suite

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// decidedAtOnce: of several who saw a change undecided, one decides; the others are told.
func decidedAtOnce(t *testing.T, p *place) {
	ctx := t.Context()
	c := made(0, 1, "s/page/a")
	must(t, p.Ask(ctx, serverOf(3), c))
	said := map[string]exchange.ApprovalState{}
	type result struct {
		login string
		err   error
	}
	results := make(chan result)
	for n := range 6 {
		login, to := fmt.Sprint("person ", n), exchange.Approved
		if n%2 == 0 {
			to = exchange.Refused
		}
		said[login] = to
		go func() { results <- result{login, p.Decide(ctx, c.ID, exchange.Asked, to, login, "")} }()
	}
	var won []string
	for range 6 {
		if r := <-results; r.err == nil {
			won = append(won, r.login)
		} else {
			wantErr(t, r.login, r.err, store.ErrStale)
		}
	}
	all, err := p.Approval(ctx, c.ID)
	must(t, err)
	if len(won) != 1 || all[0].Login != won[0] || all[0].State != said[won[0]] {
		t.Errorf("%q decided, kept is %+v", won, all[0])
	}
}

// intended are intents of changes of which somebody was asked.
func intended(all ...*sync.Change) (out []sync.Intent) {
	for _, c := range all {
		out = append(out, sync.Intent{Object: c.Object, Tag: c.ID.String(), Change: c, Via: serverOf(3), Asked: true})
	}
	return out
}

func (p *place) acceptance(c *sync.Change, asked bool) exchange.Acceptance {
	p.t.Helper()
	s, err := p.Object(p.t.Context(), c.Object)
	must(p.t, err)
	out := sync.Receive(s, c, sync.Policy{})
	return exchange.Acceptance{Outcome: &out, Asked: asked}
}

// refusedAndTaken: what was refused is not taken by who asked for it, and what is on its way or known is refused no
// more.
func refusedAndTaken(t *testing.T, p *place) {
	ctx := t.Context()
	a, b := made(0, 1, "s/page/a"), made(0, 2, "s/page/b")
	must(t, p.Ask(ctx, serverOf(3), a, b))
	must(t, p.Decide(ctx, a.ID, exchange.Asked, exchange.Refused, "ann", "no"))
	none := exchange.Fence{}
	wantErr(t, "an intent of a refused one", p.Intend(ctx, none, intended(b, a)...), exchange.ErrRefused)
	if open, err := p.Intents(ctx); err != nil || len(open) > 0 {
		t.Errorf("open %+v, %v", open, err)
	}
	wantErr(t, "a refused one", p.Accept(ctx, none, p.acceptance(b, true), p.acceptance(a, true)), exchange.ErrRefused)
	if known, err := p.Known(ctx, []sync.ID{a.ID, b.ID}); err != nil || known[0] || known[1] {
		t.Errorf("known %v, %v", known, err)
	}
	must(t, p.Intend(ctx, none, intended(b)...))
	p.reopen()
	wantErr(t, "refuse what is on its way", p.Decide(ctx, b.ID, exchange.Asked, exchange.Refused, "ann", ""), store.ErrStale)
	p.wantListed("still asked for", exchange.Asked, b.ID)
	must(t, p.Forget(ctx, intended(b)...))
	must(t, p.Decide(ctx, b.ID, exchange.Asked, exchange.Refused, "ann", ""))
	must(t, p.Accept(ctx, none, p.acceptance(a, false))) // as history, of which nobody is asked
	wantErr(t, "refuse what is known", p.Decide(ctx, a.ID, exchange.Refused, exchange.Refused, "bob", ""), store.ErrStale)
	c := made(0, 3, "s/page/c")
	must(t, p.Accept(ctx, none, p.acceptance(c, true))) // that is not held any more
}

// refusedOrTaken: of a refusal and who takes the change at once, one comes too late.
func refusedOrTaken(t *testing.T, p *place) {
	ctx := t.Context()
	for n := range 40 {
		c := made(0, n+1, sync.Object(fmt.Sprint("s/page/", n)))
		must(t, p.Ask(ctx, serverOf(3), c))
		must(t, p.Decide(ctx, c.ID, exchange.Asked, exchange.Approved, "ann", ""))
		one := p.acceptance(c, true)
		taken, refused := make(chan error), make(chan error)
		go func() {
			if n%2 == 0 {
				taken <- p.Intend(ctx, exchange.Fence{}, intended(c)...)
			} else {
				taken <- p.Accept(ctx, exchange.Fence{}, one)
			}
		}()
		go func() { refused <- p.Decide(ctx, c.ID, exchange.Approved, exchange.Refused, "bob", "") }()
		first, second := <-taken, <-refused
		switch {
		case first == nil && errors.Is(second, store.ErrStale), errors.Is(first, exchange.ErrRefused) && second == nil:
		default:
			t.Fatalf("round %d: taken with %v, refused with %v", n, first, second)
		}
	}
}
