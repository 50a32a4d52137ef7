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

// page is what this server shows of those objects.
func (x *Exchange) page(ctx context.Context, covers func(o sync.Object) bool, c sync.Compare) (p sync.Page, err error) {
	p = sync.Page{Shown: []sync.Shown{}, Last: c.After}
	limit := max(1, min(c.Limit, sync.MaxCompare))
	names, err := x.cfg.Book.Objects(ctx, c.After, limit)
	if err != nil || len(names) == 0 {
		return p, err
	}
	p.Last, p.More = names[len(names)-1], len(names) == limit
	names = slices.DeleteFunc(names, func(o sync.Object) bool { return !covers(o) })
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

// compare holds what a target shows against what is shown here. What was on its way there when it began may have
// arrived behind the page that was read, and what is now may have been made behind it: neither differs.
func (x *Exchange) compare(ctx context.Context, o Order) (any, error) {
	p, err := x.target(ctx, o)
	if err != nil {
		return nil, err
	}
	n, err := x.names(ctx)
	if err != nil {
		return nil, err
	}
	moving := map[sync.Object]bool{}
	if err := x.moving(ctx, p.ID, moving); err != nil {
		return nil, err
	}
	out := Comparison{Target: n.of(p.ID), Differences: []Difference{}}
	here := side{more: true, read: func(ctx context.Context, c sync.Compare) (sync.Page, error) { return x.page(ctx, p.Covers, c) }}
	there := side{more: true, read: x.clients[p.ID].Compare}
	if err := out.hold(ctx, here, there); err != nil {
		return nil, err
	}
	if err := x.moving(ctx, p.ID, moving); err != nil {
		return nil, err
	}
	for i, d := range out.Differences {
		if moving[d.Object] && d.Why != "conflict" {
			out.Differences[i].Why = "on its way"
		}
	}
	return out, nil
}

// maxMoving is of how many deliveries is known that they are on their way.
const maxMoving = 100_000

// moving adds the objects that are on their way to a target.
func (x *Exchange) moving(ctx context.Context, target sync.ServerID, all map[sync.Object]bool) error {
	for _, state := range []exchange.DeliveryState{exchange.Pending, exchange.Waiting} {
		open, err := x.cfg.Book.Deliveries(ctx, exchange.Filter{Target: target, State: state, Limit: maxMoving})
		if err != nil {
			return err
		}
		for _, d := range open {
			all[d.Object] = true
		}
	}
	return nil
}

// hold notes every object that one of two sides shows.
func (c *Comparison) hold(ctx context.Context, here, there side) error {
	for {
		h, inHere, err := here.next(ctx)
		if err != nil {
			return err
		}
		t, inThere, err := there.next(ctx)
		if err != nil {
			return &Failure{Code: "peer", Message: err.Error()}
		}
		if !inHere && !inThere {
			return nil
		}
		if inHere && inThere && h.Object != t.Object {
			inHere, inThere = h.Object < t.Object, t.Object < h.Object
		}
		c.note(found(h, inHere), found(t, inThere))
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

// note counts one object, which at least one of the two shows.
func (c *Comparison) note(here, there *sync.Shown) {
	if here != nil && there != nil && here.Payload == there.Payload {
		c.Same++
		return
	}
	if c.More = len(c.Differences) >= maxDifferences; !c.More {
		c.Differences = append(c.Differences, differenceOf(here, there))
	}
}
