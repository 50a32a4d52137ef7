package exchange

import (
	"context"
	"slices"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Comparison is what two servers show of the objects that are exchanged between them.
type Comparison struct {
	Target      string       `json:"target"`
	Same        int          `json:"same"`
	Differences []Difference `json:"differences"`
	More        bool         `json:"more,omitempty"` // not all differences are listed
}

// Difference is one object of which two servers show not the same.
type Difference struct {
	Object sync.Object `json:"object"`
	Here   string      `json:"here,omitempty"`  // digest of what is shown; empty: nothing
	There  string      `json:"there,omitempty"` // the same of the other
	Why    string      `json:"why"`             // conflict, on its way, only here, only there, differs
}

// maxDifferences is how many are listed.
const maxDifferences = 1000

// page is what this server shows of objects of those kinds.
func (x *Exchange) page(ctx context.Context, kinds []string, c sync.Compare) (p sync.Page, err error) {
	p = sync.Page{Shown: []sync.Shown{}, Last: c.After}
	limit := max(1, min(c.Limit, sync.MaxCompare))
	names, err := x.cfg.Book.Objects(ctx, c.After, limit)
	if err != nil || len(names) == 0 {
		return p, err
	}
	p.Last, p.More = names[len(names)-1], len(names) == limit
	names = slices.DeleteFunc(names, func(o sync.Object) bool { return !slices.Contains(kinds, o.Kind()) })
	states, err := x.cfg.Book.States(ctx, names...)
	for _, s := range states {
		if v := s.Show(); v != nil && v.Op == sync.Put {
			p.Shown = append(p.Shown, sync.Shown{Object: s.Object, Payload: v.Payload, Conflict: s.Conflict()})
		}
	}
	return p, err
}

// side is what one of two servers shows, read page by page.
type side struct {
	read func(ctx context.Context, c sync.Compare) (sync.Page, error)
	left []sync.Shown
	last sync.Object
	more bool
}

// next returns the first object that was not taken yet, and false behind the last one.
func (s *side) next(ctx context.Context) (sync.Shown, bool, error) {
	for len(s.left) == 0 && s.more {
		p, err := s.read(ctx, sync.Compare{After: s.last, Limit: sync.MaxCompare})
		if err != nil {
			return sync.Shown{}, false, err
		}
		s.left, s.more = p.Shown, p.More && p.Last > s.last
		s.last = p.Last
	}
	if len(s.left) == 0 {
		return sync.Shown{}, false, nil
	}
	return s.left[0], true, nil
}

// compare holds what a target shows against what is shown here.
func (x *Exchange) compare(ctx context.Context, o Order) (any, error) {
	p, err := x.target(ctx, o)
	if err != nil {
		return nil, err
	}
	n, err := x.names(ctx)
	if err != nil {
		return nil, err
	}
	out := Comparison{Target: n.of(p.ID), Differences: []Difference{}}
	here := side{more: true, read: func(ctx context.Context, c sync.Compare) (sync.Page, error) { return x.page(ctx, p.Kinds, c) }}
	there := side{more: true, read: x.clients[p.ID].Compare}
	for {
		h, inHere, err := here.next(ctx)
		if err != nil {
			return nil, err
		}
		t, inThere, err := there.next(ctx)
		if err != nil {
			return nil, &Failure{Code: "peer", Message: err.Error()}
		}
		if !inHere && !inThere {
			return out, nil
		}
		if inHere && inThere && h.Object != t.Object {
			inHere, inThere = h.Object < t.Object, t.Object < h.Object
		}
		if err := x.tell(ctx, &out, p.ID, found(h, inHere), found(t, inThere)); err != nil {
			return nil, err
		}
		if inHere {
			here.left = here.left[1:]
		}
		if inThere {
			there.left = there.left[1:]
		}
	}
}

// found is nil for what is not there.
func found(s sync.Shown, there bool) *sync.Shown {
	if !there {
		return nil
	}
	return &s
}

// differenceOf says how two differ, of which one may be missing.
func differenceOf(here, there *sync.Shown) Difference {
	d := Difference{Why: "differs"}
	if here == nil {
		d.Why = "only there"
	} else {
		d.Object, d.Here = here.Object, here.Payload.String()
	}
	if there == nil {
		d.Why = "only here"
	} else {
		d.Object, d.There = there.Object, there.Payload.String()
	}
	if here != nil && here.Conflict || there != nil && there.Conflict {
		d.Why = "conflict"
	}
	return d
}

// tell notes one object, which at least one of the two shows.
func (x *Exchange) tell(ctx context.Context, out *Comparison, target sync.ServerID, here, there *sync.Shown) error {
	if here != nil && there != nil && here.Payload == there.Payload {
		out.Same++
		return nil
	}
	if out.More = len(out.Differences) >= maxDifferences; out.More {
		return nil
	}
	d := differenceOf(here, there)
	for _, state := range []exchange.DeliveryState{exchange.Pending, exchange.Waiting} {
		open, err := x.cfg.Book.Deliveries(ctx, exchange.Filter{Target: target, Object: d.Object, State: state, Limit: 1})
		if err != nil {
			return err
		}
		if len(open) > 0 && d.Why != "conflict" {
			d.Why = "on its way"
		}
	}
	out.Differences = append(out.Differences, d)
	return nil
}
