package once

import (
	"context"
	"errors"

	"github.com/stagelock/stagelock/store"
)

// Turn is what Claim decided for one call.
type Turn struct {
	calls     *Calls
	flight    *flight // of a first call
	reference string
	answer    []byte
	waited    bool // for the first one
	finished  bool
	recorded  bool
}

// Result is how a first call ended.
type Result struct {
	Carried bool   // the engine may have carried it out
	Answer  []byte // what duplicates get; nil for the answer of a void call
}

// First reports whether the call is to be carried out.
func (t *Turn) First() bool { return t.flight != nil }

// Answer returns the answer of the first call, for a duplicate. It must not be changed.
func (t *Turn) Answer() []byte { return t.answer }

// Waited reports whether a duplicate waited for the first call to end; else the answer was there.
func (t *Turn) Waited() bool { return t.waited }

// Reference returns the id of the first call.
func (t *Turn) Reference() string { return t.reference }

// Holds reports whether the call may still be carried out: others may take it for lost once the
// lease of this process ran out.
func (t *Turn) Holds() bool { return t.calls.cfg.Owner.Holds() }

// ErrLease is returned by Again for a gateway that others may take for dead.
var ErrLease = errors.New("the lease of the store ran out, and was not taken anew in time")

// Again begins a first call anew whose gateway's lease ran out before it was carried out, as one does while
// the store is away: under the gateway's next life, if that begins in time and nobody has claimed an equal
// call meanwhile. The error is ErrLease, or a *StoreError.
func (t *Turn) Again(ctx context.Context) error {
	c, call := t.calls, t.flight.call
	if !c.awaitLease(ctx) {
		return ErrLease
	}
	if err := c.cfg.Repeats.Void(ctx, call.Key, t.reference); err != nil {
		return &StoreError{err}
	}
	_, fresh, err := c.claim(ctx, store.Repeat{
		Key: call.Key, Scope: call.Scope, Reference: t.reference, Age: c.age(call),
	})
	if err != nil {
		return &StoreError{err}
	}
	if !fresh {
		return ErrLease
	}
	return nil
}

// Record keeps the answer on disk before it leaves, so that it survives the process. The error is a
// *StoreError.
func (t *Turn) Record(ctx context.Context, answer []byte) error {
	if err := t.calls.record(ctx, t.flight, answer); err != nil {
		return &StoreError{err}
	}
	t.recorded = true
	return nil
}

// RecordWith is Record by keep, which keeps the answer in one commit with what the call did. An error is
// keep's own.
func (t *Turn) RecordWith(
	ctx context.Context, answer []byte, keep func(ctx context.Context, answers ...store.Answer) error,
) error {
	call := t.flight.call
	if err := keep(context.WithoutCancel(ctx), store.Answer{Key: call.Key, Reference: call.Reference, Body: answer}); err != nil {
		return err
	}
	t.recorded = true
	return nil
}

// record is no error if the key belongs to a newer call: others took this one for lost.
func (c *Calls) record(ctx context.Context, f *flight, answer []byte) error {
	err := c.cfg.Repeats.Answer(context.WithoutCancel(ctx), f.call.Key, f.call.Reference, answer)
	if errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Finish ends a first call, before its answer is written: what its client does next must find it
// ended. It does nothing for a duplicate, or a second time. The error is a *StoreError: the row of
// a call that was not carried out stays, and makes its duplicates unknown after a restart.
func (t *Turn) Finish(ctx context.Context, r Result) error {
	if t.flight == nil || t.finished {
		return nil
	}
	t.finished = true
	var err error
	if !r.Carried {
		err = t.calls.cfg.Repeats.Void(context.WithoutCancel(ctx), t.flight.call.Key, t.reference)
	}
	t.calls.finish(t.flight, r, t.recorded)
	if err != nil {
		return &StoreError{err}
	}
	return nil
}
