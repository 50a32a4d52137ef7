package replica

import (
	"context"
	"errors"
	"strings"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// undo begins the tag of an intent that has the engine show again what it showed before a late change.
const undo = "undo:"

func undoes(in sync.Intent) bool { return strings.HasPrefix(in.Tag, undo) }

// late settles changes that came into the engine after their intents were given up: a gateway froze before its Apply,
// another one of the server settled what was open, and then the first woke. The engine knows nothing of leases, so
// that this cannot be kept from happening; its journal tells of it. What somebody approved is taken as what it is, and
// everything else that waits for an approval, or was refused, is taken out again. It reports whether there was one.
func (r *Replica) late(ctx context.Context, rows []source.Row, states []sync.State) (found bool, err error) {
	for _, s := range states {
		row, last := unseen(rows, s)
		id, err := sync.ParseID(row.Tag)
		if err != nil || s.Intent != nil {
			continue
		}
		held, err := r.cfg.Held(ctx, id)
		if err != nil {
			return found, err
		}
		if a := held[0]; a.Change != nil && a.Change.Object == s.Object {
			found = true
			if err := r.lateOne(ctx, s, row, last, a); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// unseen returns the first and the last row of the object that its state has not seen.
func unseen(rows []source.Row, s sync.State) (first, last source.Row) {
	for _, row := range rows {
		if row.Object != s.Object || row.Seq <= s.Seq {
			continue
		}
		if last = row; first.Seq == 0 {
			first = row
		}
	}
	return first, last
}

func (r *Replica) lateOne(ctx context.Context, s sync.State, row, last source.Row, a exchange.Approval) error {
	in := sync.Intent{Object: s.Object, Tag: row.Tag, Expect: s.Seq, Change: a.Change, Via: a.Via, Asked: true}
	if a.State == exchange.Approved && !a.Known && sync.Receive(s, a.Change, r.cfg.Policy()).Show == a.Change {
		err := r.cfg.Changes.Intend(ctx, r.fence, in)
		if err == nil {
			err = r.finish(ctx, in, row.Seq)
		}
		if !errors.Is(err, exchange.ErrRefused) { // else somebody refused it at this moment
			return err
		}
	}
	unsure := s.Show() == nil && len(s.Versions) > 0
	if last.Seq > row.Seq || unsure { // somebody has edited it since, and his edit stands; or nobody knows what was shown
		r.note(Note{"late", a.Change, a.Via})
		return nil
	}
	return r.undo(ctx, sync.Intent{Object: s.Object, Tag: undo + row.Tag, Expect: row.Seq, Change: a.Change, Via: a.Via})
}

// undo has the engine show what it showed before, if nobody edits it meanwhile and the engine lets it.
func (r *Replica) undo(ctx context.Context, in sync.Intent) error {
	if err := r.cfg.Changes.Intend(ctx, r.fence, in); err != nil {
		return err
	}
	if err := r.again(ctx, in); err != nil {
		r.unsettled.Store(true)
		return err
	}
	s, err := r.cfg.Changes.Object(ctx, in.Object)
	if err == nil && s.Seq <= in.Expect { // it stays, as an edit
		r.note(Note{"late", in.Change, in.Via})
	}
	return err
}

// undone is what s is when the engine shows again what it showed.
func undone(s sync.State) sync.Outcome {
	show := s.Show()
	if show == nil {
		show = &sync.Change{Object: s.Object, Op: sync.Delete}
	}
	return sync.Outcome{After: s, Show: show}
}
