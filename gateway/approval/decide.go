package approval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Errors of a decision.
var (
	ErrNotHeld = errors.New("no such change waits for approval: it was applied, or never came")
	ErrDigest  = errors.New("the content of the change is another one")
	ErrDecided = errors.New("somebody else has decided otherwise")
	ErrAtOnce  = errors.New("somebody else decides about the change at this moment, or it is on its way into the engine: look again")
)

// Denial is why a change is not applied although somebody approved it: the rules of now do not allow it, the
// engine refuses it, or somebody else refused it meanwhile.
type Denial struct{ Answer sync.Answer }

func (d *Denial) Error() string { return d.Answer.Text }

// Decision is what a person decided about a change that is held.
type Decision struct {
	ID     sync.ID
	Digest string // of the content that was looked at; empty: whatever it is
	Refuse bool   // else it is approved
	Login  string
	Reason string
	// Overrule decides also against what somebody decided before; else ErrDecided says who did.
	Overrule bool
}

// Decide writes a decision, and applies what was approved. The answer says what became of it: one that lacks
// something, such as the folder it lies in, is applied when that is there. It returns ErrNotHeld, ErrDigest, ErrDecided,
// ErrAtOnce, or a Denial. Of people who decide at once, also on several gateways of the server, one does: what was refused is not
// applied, and what is applied was not refused.
func (g *Gate) Decide(ctx context.Context, d Decision) (sync.Answer, error) {
	a, err := g.decide(ctx, d)
	if err != nil || d.Refuse {
		return sync.Answer{}, err
	}
	answer := g.apply(ctx, a)
	if answer.Status == sync.StatusRefused {
		return answer, &Denial{answer}
	}
	return answer, g.Release(ctx, a.Change.Object)
}

func (g *Gate) decide(ctx context.Context, d Decision) (exchange.Approval, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all, err := g.cfg.Approvals.Approval(ctx, d.ID)
	if err != nil {
		return exchange.Approval{}, err
	}
	a := all[0]
	if a.Change == nil {
		return a, fmt.Errorf("%s: %w", d.ID, ErrNotHeld)
	}
	if d.Digest != "" && d.Digest != a.Change.Payload.String() {
		return a, fmt.Errorf("%s: %w: %s", d.ID, ErrDigest, a.Change.Payload)
	}
	seen, state := a.State, exchange.Approved
	if d.Refuse {
		state = exchange.Refused
	}
	if seen != exchange.Asked && seen != state && !d.Overrule {
		return a, fmt.Errorf("%s: %w: it was %s", d.ID, ErrDecided, said(a))
	}
	a.State, a.Login, a.Reason = state, d.Login, d.Reason
	switch err := g.cfg.Approvals.Decide(ctx, d.ID, seen, a.State, a.Login, a.Reason); {
	case errors.Is(err, store.ErrNotFound):
		return a, fmt.Errorf("%s: %w", d.ID, ErrNotHeld)
	case errors.Is(err, store.ErrStale):
		return a, fmt.Errorf("%s: %w", d.ID, ErrAtOnce)
	case err != nil:
		return a, err
	}
	g.cfg.Decided(a)
	return a, nil
}

// said is what was decided before, by whom and why.
func said(a exchange.Approval) string {
	text := string(a.State)
	if a.Login != "" {
		text += " by " + a.Login
	}
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	return text
}

// apply passes on a change that was approved, or needs no approval any more, by the rules of now.
func (g *Gate) apply(ctx context.Context, a exchange.Approval) sync.Answer {
	g.mu.RLock()
	defer g.mu.RUnlock()
	c := a.Change
	now, err := g.cfg.Approvals.Approval(ctx, c.ID)
	switch {
	case err != nil:
		return away(c, err.Error())
	case now[0].State == exchange.Refused:
		return g.answer(declined, c, now[0])
	case now[0].State != a.State: // it was applied
		return away(c, "somebody else is at it")
	}
	if answer, refused := g.cfg.Refuses(a.Via, c); refused {
		if err := g.release(ctx, []sync.ID{c.ID}); err != nil {
			return away(c, err.Error())
		}
		return answer
	}
	answer := g.cfg.Receiver.Receive(ctx, a.Via, []sync.Offered{{Change: c, Asked: true}})[0]
	switch {
	case answer.Reason == ReasonDeclined:
		return g.declined(ctx, c)
	case taken(answer):
		if err := g.release(ctx, []sync.ID{c.ID}); err != nil {
			return away(c, err.Error())
		}
	case answer.Status == sync.StatusRefused: // by the engine, whenever it is tried: who sent it is told so
		if err := g.cfg.Approvals.Decide(ctx, c.ID, a.State, exchange.Refused, "", answer.Text); err != nil {
			return away(c, err.Error())
		}
	}
	return answer
}

// declined is the answer to a change that somebody refused while it was on its way to the engine.
func (g *Gate) declined(ctx context.Context, c *sync.Change) sync.Answer {
	now, err := g.cfg.Approvals.Approval(ctx, c.ID)
	if err != nil || now[0].State != exchange.Refused {
		return away(c, "somebody else is at it")
	}
	return g.answer(declined, c, now[0])
}

// List returns what is held in a state, or in any if it is empty: the oldest first. What is known by now is not held
// any more.
func (g *Gate) List(ctx context.Context, state exchange.ApprovalState) ([]exchange.Approval, error) {
	all, err := g.cfg.Approvals.Approvals(ctx, state, 2*maxHeld)
	if err != nil {
		return nil, err
	}
	var held []exchange.Approval
	var ended []sync.ID
	for _, a := range all {
		if a.Known {
			ended = append(ended, a.Change.ID)
		} else {
			held = append(held, a)
		}
	}
	return held, g.release(ctx, ended)
}

// keep is for how long it is known that something was refused.
const keep = 400 * 24 * time.Hour

// Release applies what was approved before and could not be applied then, what needs no approval by the rules of
// now, and older versions of the object, if it is not empty, that are history by now.
func (g *Gate) Release(ctx context.Context, o sync.Object) error {
	g.forget(ctx)
	for {
		all, err := g.open(ctx)
		if err != nil {
			return err
		}
		progress := false
		for _, a := range all {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			ripe, err := g.ripe(ctx, a, o)
			if err != nil {
				return err
			}
			progress = ripe && taken(g.apply(ctx, a)) || progress
		}
		if !progress {
			return nil
		}
	}
}

// ripe reports whether a change that is held may be applied now.
func (g *Gate) ripe(ctx context.Context, a exchange.Approval, o sync.Object) (bool, error) {
	switch {
	case a.State == exchange.Approved:
		return true, nil
	case a.State == exchange.Asked && !g.cfg.Asks(a.Via, a.Change.Object):
		return true, nil
	case a.State == exchange.Asked && a.Change.Object == o:
		s, err := g.cfg.Changes.Object(ctx, o)
		return s.Supersedes(a.Change), err
	}
	return false, nil
}

// open reads what is held and was not refused, however many refusals are kept, and counts it: on another gateway of
// the server people decide too.
func (g *Gate) open(ctx context.Context) ([]exchange.Approval, error) {
	asked, err := g.cfg.Approvals.Approvals(ctx, exchange.Asked, 2*maxHeld)
	if err != nil {
		return nil, err
	}
	approved, err := g.cfg.Approvals.Approvals(ctx, exchange.Approved, 2*maxHeld)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(asked, approved)
	g.waiting.Store(int64(len(all)))
	return all, nil
}

// forget forgets refusals of long ago.
func (g *Gate) forget(ctx context.Context) {
	refused, err := g.cfg.Approvals.Approvals(ctx, exchange.Refused, 2*maxHeld)
	var ids []sync.ID
	for _, a := range refused {
		if g.cfg.Now().Sub(a.At) > keep {
			ids = append(ids, a.Change.ID)
		}
	}
	if err == nil && len(ids) > 0 {
		_ = g.cfg.Approvals.Release(ctx, ids...) // they are found again
	}
}
