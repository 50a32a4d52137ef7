package replica

import (
	"context"
	"errors"
	"math"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// settle finishes or drops every open intent. mu is held for writing.
func (r *Replica) settle(ctx context.Context) error {
	if !r.unsettled.Load() {
		return nil
	}
	all, err := r.cfg.Changes.Intents(ctx)
	if err != nil {
		return err
	}
	rows, err := r.firsts(ctx, all)
	if err != nil {
		return err
	}
	open := false
	for _, in := range all {
		err := r.settleOne(ctx, in, rows[in.Object])
		if errors.Is(err, source.ErrUnderWay) { // it ends the intent itself, or leaves it to be carried out again
			open = true
			continue
		}
		if err != nil {
			return err
		}
	}
	r.unsettled.Store(open)
	return nil
}

// settleOne judges by the first row of the object after what was expected: it is ours, or a person's,
// or there is none.
func (r *Replica) settleOne(ctx context.Context, in sync.Intent, row source.Row) error {
	switch {
	case row.Seq == 0:
		return r.again(ctx, in)
	case row.Tag != in.Tag:
		return r.cfg.Changes.Forget(ctx, in)
	}
	return r.finish(ctx, in, row.Seq)
}

// again has the engine carry out an intent of which it says nothing. The first Apply may still be on its way
// there, from a process that died: were the intent given up, it would look like a person's edit. Of two with
// one tag the engine carries out one.
func (r *Replica) again(ctx context.Context, in sync.Intent) error {
	s, err := r.cfg.Changes.Object(ctx, in.Object)
	if err != nil {
		return err
	}
	s.Seq = in.Expect
	out := r.outcome(s, in)
	if out.Show == nil {
		return r.cfg.Changes.Forget(ctx, in)
	}
	seq, err := r.write(ctx, s, out.Show, in)
	if errors.Is(err, source.ErrUnderWay) {
		return err
	}
	if err != nil {
		told := source.Unchanged(err) || errors.Is(err, source.ErrFailed) || errors.Is(err, store.ErrNotFound)
		if told || r.tried == in.Tag { // one object must not hold up all others: it is judged anew when it comes again
			return r.cfg.Changes.Forget(ctx, in)
		}
		r.tried = in.Tag
		return err
	}
	r.cfg.Pause("applied")
	out.After.Seq = seq
	return r.accept(ctx, out, in)
}

// outcome is what the rules make of the change of an intent, once more.
func (r *Replica) outcome(s sync.State, in sync.Intent) sync.Outcome {
	if undoes(in) {
		return undone(s)
	}
	if in.Via == "" {
		return decided(s, in.Change)
	}
	return sync.Receive(s, in.Change, r.cfg.Policy())
}

// firsts returns the first row of each intent's object after what was expected. It looks once through the journal, if
// that cannot be asked for one object: a batch leaves many, and what is new is expected behind the very beginning.
func (r *Replica) firsts(ctx context.Context, all []sync.Intent) (map[sync.Object]source.Row, error) {
	const page = 500
	found, expect, after := map[sync.Object]source.Row{}, map[sync.Object]int64{}, int64(math.MaxInt64)
	if recorder, able := r.cfg.Source.(source.Recorder); able {
		for _, in := range all {
			row, err := recorder.First(ctx, in.Object, in.Expect)
			if err != nil {
				return nil, err
			}
			found[in.Object] = row
		}
		return found, nil
	}
	for _, in := range all {
		expect[in.Object], after = in.Expect, min(after, in.Expect)
	}
	for len(expect) > 0 {
		rows, err := r.cfg.Source.Changes(ctx, after, page)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if seq, open := expect[row.Object]; open && row.Seq > seq {
				found[row.Object] = row
				delete(expect, row.Object)
			}
			after = row.Seq
		}
		if len(rows) < page {
			break
		}
	}
	return found, nil
}

// finish accepts the change of an intent that the engine has carried out.
func (r *Replica) finish(ctx context.Context, in sync.Intent, seq int64) error {
	s, err := r.cfg.Changes.Object(ctx, in.Object)
	if err != nil {
		return err
	}
	out := r.outcome(s, in)
	out.After.Seq = seq
	return r.accept(ctx, out, in)
}
