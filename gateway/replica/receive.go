package replica

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Reasons of an answer that is no success.
const (
	ReasonNeeds  = "exchange.needs"
	ReasonKept   = "exchange.kept"
	ReasonMoved  = "exchange.moved"
	ReasonEngine = "exchange.engine"
	ReasonAway   = "exchange.away"
	ReasonSchema = "exchange.schema"
	// ReasonDeclined is that of a change which somebody refused while it was on its way to the engine.
	ReasonDeclined = "exchange.declined"
)

// attempts bounds how often one change is judged anew because somebody was faster.
const attempts = 5

// Wanted returns what becomes of changes that are offered, without taking any: those that are known are
// done, of the others the content is wanted.
func (r *Replica) Wanted(ctx context.Context, offered []sync.Offered) ([]sync.Answer, error) {
	ids := make([]sync.ID, len(offered))
	for i, o := range offered {
		ids[i] = o.Change.ID
	}
	known, err := r.cfg.Changes.Known(ctx, ids)
	if err != nil {
		return nil, err
	}
	all := make([]sync.Answer, len(offered))
	for i := range offered {
		all[i] = sync.Answer{ID: ids[i], Status: sync.StatusWant}
		if known[i] {
			all[i].Status = sync.StatusDone
		}
	}
	return all, nil
}

// Receive takes changes that a neighbour sends and says what became of each, in their order. Contents
// are in the blobs, but for those that another of the changes makes history.
func (r *Replica) Receive(ctx context.Context, via sync.ServerID, offered []sync.Offered) []sync.Answer {
	all := make([]sync.Answer, len(offered))
	one := func(i int) {
		c := offered[i].Change
		all[i] = r.receive(ctx, c, sync.Intent{Change: c, Via: via, Listed: offered[i].Processed, Asked: offered[i].Asked})
		all[i].ID = c.ID
	}
	free, rest := order(offered)
	free = r.together(ctx, via, offered, free, all)
	for i, a := range all {
		if a.Status != "" {
			all[i].ID = offered[i].Change.ID
		}
	}
	if r.cfg.Workers > 1 {
		var at errgroup.Group
		at.SetLimit(r.cfg.Workers)
		for _, i := range free {
			at.Go(func() error { one(i); return nil })
		}
		_ = at.Wait() // each has its answer
	} else {
		rest = append(free, rest...)
	}
	for _, i := range rest {
		one(i)
	}
	return all
}

// order tells changes that stand for themselves from those that come behind others: what needs another
// object of the batch, and what another change of the batch contains.
func order(offered []sync.Offered) (free, rest []int) {
	here := map[sync.Object]bool{}
	for _, o := range offered {
		here[o.Change.Object] = true
	}
	needs := func(o sync.Object) bool { return here[o] }
	var last []int
	for i, o := range offered {
		switch {
		case sync.Contained(offered, i):
			last = append(last, i)
		case slices.ContainsFunc(o.Change.Needs, needs), o.Change.Op == sync.Delete: // a parent goes behind its children
			rest = append(rest, i)
		default:
			free = append(free, i)
		}
	}
	return free, append(rest, last...)
}

func (r *Replica) receive(ctx context.Context, c *sync.Change, in sync.Intent) sync.Answer {
	var err error
	for range attempts {
		if r.unsettled.Load() {
			if _, err := r.Pull(ctx); err != nil {
				return away(err)
			}
		}
		var a sync.Answer
		if a, err = r.once(ctx, c, in); err == nil {
			return a
		}
		if errors.Is(err, source.ErrMoved) { // a person's edit is a change first, and may be a conflict then
			if _, err := r.Pull(ctx); err != nil {
				return away(err)
			}
			continue
		}
		if !errors.Is(err, store.ErrStale) {
			break
		}
	}
	return failure(err)
}

// away is the answer where an error says nothing of the change.
func away(err error) sync.Answer {
	return sync.Answer{Status: sync.StatusLater, Class: sync.ClassLater, Reason: ReasonAway, Text: err.Error()}
}

// failure says in which class an error is.
func failure(err error) sync.Answer {
	var missing *source.Missing
	var kept *source.Kept
	var invalid *source.Invalid
	a := away(err)
	switch {
	case errors.As(err, &missing):
		a.Status, a.Class, a.Reason = sync.StatusWait, sync.ClassWaiting, ReasonNeeds
	case errors.As(err, &kept):
		a.Status, a.Class, a.Reason = sync.StatusWait, sync.ClassWaiting, ReasonKept
	case errors.As(err, &invalid):
		a.Status, a.Class, a.Reason = sync.StatusRefused, sync.ClassNever, ReasonSchema
	case errors.Is(err, exchange.ErrRefused):
		a.Reason = ReasonDeclined
	case errors.Is(err, source.ErrMoved), errors.Is(err, store.ErrStale):
		a.Reason = ReasonMoved
	case errors.Is(err, source.ErrFailed):
		a.Reason = ReasonEngine
	}
	return a
}

// once judges a change on what is known now, and carries it out.
func (r *Replica) once(ctx context.Context, c *sync.Change, in sync.Intent) (sync.Answer, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	l := r.lock(c.Object)
	l.Lock()
	defer l.Unlock()
	known, err := r.cfg.Changes.Known(ctx, []sync.ID{c.ID})
	if err != nil {
		return sync.Answer{}, err
	}
	if known[0] {
		return sync.Answer{Status: sync.StatusDone}, nil
	}
	s, err := r.cfg.Changes.Object(ctx, c.Object)
	if err != nil {
		return sync.Answer{}, err
	}
	if s.Intent != nil {
		r.unsettled.Store(true)
		return sync.Answer{}, store.ErrStale
	}
	out := sync.Receive(s, c, r.cfg.Policy())
	if !out.Superseded {
		if here, err := r.has(ctx, c); err != nil || !here {
			return sync.Answer{Status: sync.StatusWant}, err
		}
	}
	if err := r.carry(ctx, s, out, in); err != nil {
		return sync.Answer{}, err
	}
	return answerOf(out), nil
}

// answerOf is what is said of a change that was accepted.
func answerOf(out sync.Outcome) sync.Answer {
	if out.After.Conflict() && !out.Superseded && !out.Ruled {
		return sync.Answer{Status: sync.StatusHeld}
	}
	return sync.Answer{Status: sync.StatusDone}
}
