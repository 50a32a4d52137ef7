package once

import (
	"context"
	"errors"

	"github.com/stagelock/stagelock/store"
)

// Turn is what Claim decided for one call.
type Turn struct {
	calls    *Calls
	entry    *entry
	first    bool
	finished bool
}

// Result is how a first call ended.
type Result struct {
	Carried bool   // the engine may have carried it out
	Answer  []byte // what duplicates get; nil for the answer of a void call
}

// First reports whether the call is to be carried out.
func (t *Turn) First() bool { return t.first }

// Answer returns the answer of the first call, for a duplicate. It must not be changed.
func (t *Turn) Answer() []byte { return t.entry.answer }

// Reference returns the id of the first call.
func (t *Turn) Reference() string { return t.entry.call.Reference }

// Record keeps the answer on disk before it leaves, so that it survives the process. The error is a
// *StoreError.
func (t *Turn) Record(ctx context.Context, answer []byte) error {
	err := t.calls.cfg.Repeats.Answer(
		context.WithoutCancel(ctx), t.entry.call.Key, answer, t.calls.cfg.Now())
	if err != nil && !errors.Is(err, store.ErrStale) { // stale: it was recorded already
		return &StoreError{err}
	}
	return nil
}

// Finish ends a first call, before its answer is written: what its client does next must find it
// ended. It does nothing for a duplicate, or a second time. The error is a *StoreError: the row of
// a call that was not carried out stays, and makes its duplicates unknown after a restart.
func (t *Turn) Finish(ctx context.Context, r Result) error {
	if !t.first || t.finished {
		return nil
	}
	t.finished = true
	var err error
	if !r.Carried {
		err = t.calls.cfg.Repeats.End(context.WithoutCancel(ctx), t.entry.call.Key)
	}
	t.calls.finish(t.entry, r, t.calls.cfg.Now())
	if err != nil {
		return &StoreError{err}
	}
	return nil
}
