package replica

import (
	"context"
	"fmt"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// pullPage is how many rows of the journal are taken together.
const pullPage = 200

// Pull makes changes of what people edited since the last time, and returns how many rows it read: none while
// another gateway of the same server reads the journal.
func (r *Replica) Pull(ctx context.Context) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pull(ctx)
}

// pull settles what is open, and reads the journal if that is this gateway's to do: one that begins to settles first
// what another had begun, so that no number is given twice.
func (r *Replica) pull(ctx context.Context) (int, error) {
	fence, mine := r.cfg.Fence()
	if mine && fence != r.fence {
		r.unsettled.Store(true)
	}
	if err := r.settle(ctx); err != nil || !mine {
		return 0, err
	}
	r.fence = fence
	for total := 0; ; {
		n, err := r.page(ctx)
		if total += n; err != nil || n < pullPage {
			return total, err
		}
	}
}

// batch is one page of the journal on its way into one transaction.
type batch struct {
	travels func(kind string) bool
	states  map[sync.Object]sync.State // as they will be
	now     map[sync.Object]edited     // what the engine has, of those that were written
	counter uint64
	all     []exchange.Acceptance
	notes   []Note
}

func (r *Replica) page(ctx context.Context) (int, error) {
	name, travels := r.cfg.Journal()
	at, err := r.cfg.Changes.Cursor(ctx, name)
	if err != nil {
		return 0, err
	}
	rows, err := r.cfg.Source.Changes(ctx, at, pullPage)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	have, err := r.cfg.Changes.Have(ctx)
	if err != nil {
		return 0, err
	}
	b := &batch{counter: have[r.self], travels: travels}
	if err := r.read(ctx, b, rows); err != nil {
		return 0, err
	}
	for _, row := range rows {
		if err := r.row(b, row); err != nil {
			return 0, fmt.Errorf("row %d of the engine's journal: %w", row.Seq, err)
		}
	}
	b.all = append(b.all, exchange.Acceptance{Source: name, Cursor: rows[len(rows)-1].Seq})
	r.cfg.Pause("pulled")
	if err := r.cfg.Changes.Accept(ctx, r.fence, b.all...); err != nil {
		return 0, err
	}
	r.cfg.Pause("pull accepted")
	if len(b.notes) > 0 {
		r.note(b.notes...)
	}
	return len(rows), nil
}

// row judges one row. Rows that the object's state has seen already are past: it was applied by us, or
// a later content was read. What is left is a person's, or has the tag of a change that nobody accepted:
// one that the engine carried out after its intent was given up. That is an edit too, as it is there.
func (r *Replica) row(b *batch, row source.Row) error {
	s, travels := b.states[row.Object]
	if !travels || row.Seq <= s.Seq {
		return nil
	}
	if s.Intent != nil { // another gateway is at it
		r.unsettled.Store(true)
		return store.ErrStale
	}
	at := b.now[row.Object]
	c, seq := at.change, max(at.seq, row.Seq)
	out := sync.Outcome{After: s}
	out.After.Seq = seq
	switch shown := s.Show(); {
	case shown == nil && c.Op == sync.Delete: // it came and went before anybody looked: only the row counts
	case shown != nil && shown.Content() == c.Content():
		b.notes = append(b.notes, Note{"echo", shown, ""})
	default:
		b.counter++
		r.author(c, s, b.counter)
		out = sync.Edit(s, c, seq)
		b.notes = append(b.notes, Note{"made", c, ""})
	}
	a := exchange.Acceptance{Outcome: &out}
	if out.Change != nil {
		a.Targets = r.targets(c, "", nil)
	}
	b.all = append(b.all, a)
	next := out.After
	next.Rev++
	b.states[row.Object] = next
	return nil
}

// read reads what is known of the objects of rows, and of each that was written what the engine has now.
func (r *Replica) read(ctx context.Context, b *batch, rows []source.Row) error {
	var names []sync.Object
	newest := map[sync.Object]source.Row{}
	for _, row := range rows {
		if _, seen := newest[row.Object]; !seen && b.travels(row.Object.Kind()) {
			names = append(names, row.Object)
		}
		newest[row.Object] = row
	}
	states, err := r.cfg.Changes.States(ctx, names...)
	if err != nil {
		return err
	}
	b.states, b.now = map[sync.Object]sync.State{}, map[sync.Object]edited{}
	var written []sync.State
	for i, s := range states {
		b.states[names[i]] = s
		if newest[names[i]].Seq > s.Seq && s.Intent == nil {
			written = append(written, s)
		}
	}
	return r.contents(ctx, b, written, newest)
}

// author makes c this server's change of that number, on top of what its author saw.
func (r *Replica) author(c *sync.Change, s sync.State, counter uint64) {
	r.on(c, s, counter, sync.Seen(s, r.self, r.cfg.Policy()))
}

func (r *Replica) on(c *sync.Change, s sync.State, counter uint64, seen []*sync.Change) {
	c.ID = sync.ID{Origin: r.self, Counter: counter}
	c.Follow(seen)
	last := s.FirstStamp
	for _, v := range s.Versions {
		if v.Stamp.Compare(last) > 0 {
			last = v.Stamp
		}
	}
	c.Stamp = last.Next(r.cfg.Now())
	c.Sign(r.cfg.Key)
}
