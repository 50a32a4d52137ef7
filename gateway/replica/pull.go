package replica

import (
	"context"
	"fmt"
	"slices"

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
		n, more, err := r.page(ctx)
		if total += n; err != nil || !more {
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

// page takes one page of the journal, and returns how many rows that were and whether there may be more.
func (r *Replica) page(ctx context.Context) (n int, more bool, err error) {
	name, travels := r.cfg.Journal()
	at, err := r.cfg.Changes.Cursor(ctx, name)
	if err != nil {
		return 0, false, err
	}
	rows, err := r.cfg.Source.Changes(ctx, at, pullPage)
	if err != nil || len(rows) == 0 {
		return 0, false, err
	}
	more = len(rows) == pullPage
	if _, able := r.cfg.Source.(source.Recorder); able {
		first := once(rows)
		rows, more = first, more || len(first) < len(rows)
	}
	have, err := r.cfg.Changes.Have(ctx)
	if err != nil {
		return 0, false, err
	}
	b := &batch{counter: have[r.self], travels: travels}
	if err := r.read(ctx, b, rows); err != nil {
		return 0, false, err
	}
	for _, row := range rows {
		if err := r.row(ctx, b, row); err != nil {
			return 0, false, fmt.Errorf("row %d of the engine's journal: %w", row.Seq, err)
		}
	}
	b.all = append(b.all, exchange.Acceptance{Source: name, Cursor: rows[len(rows)-1].Seq})
	r.cfg.Pause("pulled")
	if err := r.cfg.Changes.Accept(ctx, r.fence, b.all...); err != nil {
		return 0, false, err
	}
	r.cfg.Pause("pull accepted")
	if len(b.notes) > 0 {
		r.note(b.notes...)
	}
	return len(rows), more, nil
}

// once returns the rows before the first one of an object that is among them already: each is a change of its own.
func once(rows []source.Row) []source.Row {
	seen := map[sync.Object]bool{}
	for i, row := range rows {
		if seen[row.Object] {
			return rows[:i]
		}
		seen[row.Object] = true
	}
	return rows
}

// row judges one row. Rows that the object's state has seen already are past: it was applied by us, or
// a later content was read. What is left is a person's, or has the tag of a change that nobody accepted
// and that needed no approval: one that the engine carried out after its intent was given up. That is an edit too, as it
// is there.
func (r *Replica) row(ctx context.Context, b *batch, row source.Row) error {
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
	case len(s.Versions) == 0 && c.Op == sync.Delete: // it came and went before anybody looked: only the row counts
	case shown != nil && shown.Content() == c.Content():
		b.notes = append(b.notes, Note{"echo", shown, ""})
	default:
		b.counter++
		var err error
		if out, err = r.edit(ctx, s, c, b.counter, row); err != nil {
			return err
		}
		out.After.Seq = seq
		what := "made"
		if row.Missed != "" && out.After.Conflict() {
			what = "missed"
		}
		b.notes = append(b.notes, Note{what, c, ""})
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
	if late, err := r.late(ctx, rows, states); err != nil {
		return err
	} else if late {
		if states, err = r.cfg.Changes.States(ctx, names...); err != nil {
			return err
		}
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

// edit makes c this server's change of that number, on top of what its author saw. What he missed stands beside it: what
// the engine has stays shown, and nothing is if nobody knows that.
func (r *Replica) edit(ctx context.Context, s sync.State, c *sync.Change, counter uint64, row source.Row) (sync.Outcome, error) {
	seen := sync.Seen(s, r.self, r.cfg.Policy())
	missed, err := sync.ParseID(row.Missed)
	if err == nil {
		if seen, err = r.without(ctx, s, seen, missed); err != nil {
			return sync.Outcome{}, err
		}
	}
	r.on(c, s, counter, seen)
	out := sync.Edit(s, c, row.Seq)
	if shown := s.Show(); shown != nil && slices.Contains(out.After.Versions, shown) { // it was missed
		out.After.Shown = shown.ID
	}
	if row.Unsure {
		out.After.Shown = sync.ID{}
	}
	return out, nil
}

// without returns those of seen that do not contain what was missed, and the newest change of this server, which the
// next one contains with all that it contains.
func (r *Replica) without(ctx context.Context, s sync.State, seen []*sync.Change, missed sync.ID) ([]*sync.Change, error) {
	var last uint64
	for _, v := range s.Versions {
		last = max(last, v.Vector[r.self])
	}
	all := slices.DeleteFunc(slices.Clone(seen), func(v *sync.Change) bool { return v.Vector.Contains(missed) })
	if last > 0 {
		e, err := r.cfg.Changes.Change(ctx, sync.ID{Origin: r.self, Counter: last})
		if err != nil {
			return nil, err
		}
		all = append(all, e.Change)
	}
	return all, nil
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
