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

// Pull makes changes of what people edited since the last time, and returns how many rows it read.
func (r *Replica) Pull(ctx context.Context) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pull(ctx)
}

func (r *Replica) pull(ctx context.Context) (int, error) {
	if err := r.settle(ctx); err != nil {
		return 0, err
	}
	for total := 0; ; {
		n, err := r.page(ctx)
		if total += n; err != nil || n < pullPage {
			return total, err
		}
	}
}

// batch is one page of the journal on its way into one transaction.
type batch struct {
	states  map[sync.Object]sync.State // as they will be
	counter uint64
	all     []exchange.Acceptance
	notes   []Note
}

func (r *Replica) page(ctx context.Context) (int, error) {
	at, err := r.cfg.Changes.Cursor(ctx, r.cfg.Name)
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
	b := &batch{states: map[sync.Object]sync.State{}, counter: have[r.self]}
	for _, row := range rows {
		if err := r.row(ctx, b, row); err != nil {
			return 0, fmt.Errorf("row %d of the engine's journal: %w", row.Seq, err)
		}
	}
	b.all = append(b.all, exchange.Acceptance{Source: r.cfg.Name, Cursor: rows[len(rows)-1].Seq})
	r.cfg.Pause("pulled")
	if err := r.cfg.Changes.Accept(ctx, r.cfg.Fence(), b.all...); err != nil {
		return 0, err
	}
	r.cfg.Pause("pull accepted")
	for _, n := range b.notes {
		r.cfg.Noted(n)
	}
	return len(rows), nil
}

// row judges one row. Rows that the object's state has seen already are past: it was applied by us, or
// a later content was read. What is left is a person's, or has the tag of a change that nobody accepted:
// one that the engine carried out after its intent was given up. That is an edit too, as it is there.
func (r *Replica) row(ctx context.Context, b *batch, row source.Row) error {
	if !r.cfg.Travels(row.Object.Kind()) {
		return nil
	}
	s, known := b.states[row.Object]
	if !known {
		var err error
		if s, err = r.cfg.Changes.Object(ctx, row.Object); err != nil {
			return err
		}
	}
	if row.Seq <= s.Seq {
		return nil
	}
	if s.Intent != nil { // another gateway is at it
		r.unsettled.Store(true)
		return store.ErrStale
	}
	c, seq, err := r.edited(ctx, s, row)
	if err != nil {
		return err
	}
	out := sync.Outcome{After: s}
	out.After.Seq = seq
	switch shown := s.Show(); {
	case shown == nil && c.Op == sync.Delete: // it came and went before anybody looked: only the row counts
	case shown != nil && shown.Content() == c.Content():
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

// edited reads what the engine has now, which may be newer than the row.
func (r *Replica) edited(ctx context.Context, s sync.State, row source.Row) (*sync.Change, int64, error) {
	content, f, err := r.cfg.Source.Content(ctx, row.Object)
	if err != nil {
		return nil, 0, err
	}
	c := &sync.Change{Object: row.Object, Op: sync.Delete, Author: sync.Line(row.Author), Title: sync.Line(f.Title)}
	if !f.Deleted {
		c.Op, c.Needs = sync.Put, f.Needs
		if c.Payload, c.Size, err = r.keep(ctx, content); err != nil {
			return nil, 0, err
		}
	} else if shown := s.Show(); shown != nil && c.Title == "" {
		c.Title = shown.Title
	}
	return c, max(f.Seq, row.Seq), nil
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
