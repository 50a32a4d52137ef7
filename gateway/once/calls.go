package once

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stagelock/stagelock/store"
)

// UnknownError is returned for a duplicate of a call that was under way when its process ended:
// nobody knows whether it was carried out.
type UnknownError struct {
	Reference string // of the first call
}

// Error names the first call.
func (e *UnknownError) Error() string {
	return "the same call was under way when the gateway stopped (first call: " + e.Reference + ")"
}

// StoreError is a store that cannot be written; nothing was carried out.
type StoreError struct{ Err error }

// Error returns what the store failed with.
func (e *StoreError) Error() string { return "repeats: " + e.Err.Error() }

// Unwrap returns what the store failed with.
func (e *StoreError) Unwrap() error { return e.Err }

// Call is a call as Claim sees it.
type Call struct {
	Key       store.RepeatKey
	Scope     string // what it belongs to; another call of the same scope ends its entry. Empty: nothing
	Reference string // its id
	Begun     time.Time
}

// Config is what Calls are built from.
type Config struct {
	Repeats store.Repeats
	Now     func() time.Time
	// Keep is how long an answer is kept for duplicates; zero keeps none.
	Keep func() time.Duration
}

// Calls knows the guarded calls: those under way, and those whose answer is kept. It is safe for
// concurrent use.
type Calls struct {
	cfg   Config
	since time.Time // when this process began to know

	mu      sync.Mutex // guards what follows, and the fields of every entry
	entries map[store.RepeatKey]*entry
	scopes  map[string]map[*entry]struct{}
	clean   map[string]struct{} // scopes of which the store holds nothing of the process before
	under   *list.List          // begin of every call under way, oldest first
}

// entry is one guarded call.
type entry struct {
	call Call
	done chan struct{} // closed when it is finished or void

	// Fixed once done is closed.
	carried  bool // the engine may have carried it out: duplicates get answer
	unknown  bool // the process before had begun it
	answer   []byte
	answered time.Time

	ended   bool          // only calls that began before its answer are its duplicates any more
	leaving chan struct{} // closed when the store has forgotten it too; nil until it is ended
}

// New returns Calls that know what the process before left in the store. Its calls under way become
// unknown; n is how many.
func New(ctx context.Context, c Config) (calls *Calls, n int, err error) {
	if c.Repeats == nil || c.Now == nil || c.Keep == nil {
		return nil, 0, errors.New("once: a part of its configuration is missing")
	}
	if n, err = c.Repeats.Interrupt(ctx); err != nil {
		return nil, 0, fmt.Errorf("mark interrupted calls: %w", err)
	}
	return &Calls{
		cfg: c, since: c.Now(), entries: map[store.RepeatKey]*entry{},
		scopes: map[string]map[*entry]struct{}{}, clean: map[string]struct{}{}, under: list.New(),
	}, n, nil
}

// Enter notes that a call is under way, guarded or not, until leave is called: what it may be a
// duplicate of is kept for it.
func (c *Calls) Enter(begun time.Time) (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.under.PushBack(begun)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.under.Remove(at)
	}
}

// Moved ends what was answered in the scope of call before it began: its client has moved on. The
// error is a *StoreError.
func (c *Calls) Moved(ctx context.Context, call Call) error {
	if call.Scope == "" {
		return nil
	}
	over, asked := c.overtaken(call)
	if err := c.forget(ctx, over); err != nil {
		return err
	}
	if asked {
		return nil
	}
	if err := c.cfg.Repeats.EndScope(ctx, call.Scope, call.Key); err != nil {
		return &StoreError{err}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clean[call.Scope] = struct{}{}
	return nil
}

// overtaken ends the entries of the scope of call that were answered before it began, and reports
// whether the store holds no others of that scope.
func (c *Calls) overtaken(call Call) (over []*entry, asked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := range c.scopes[call.Scope] {
		if e.carried && !e.ended && e.call.Key != call.Key && call.Begun.After(e.answered) {
			e.end()
			over = append(over, e)
		}
	}
	if c.cfg.Now().Sub(c.since) >= c.cfg.Keep() { // nothing of the process before counts any more
		clear(c.clean)
		return over, true
	}
	_, asked = c.clean[call.Scope]
	return over, asked
}

// Claim returns the turn of a call: the first of equal ones is carried out, and must be finished;
// a duplicate waits for the first one's answer. While it waits beat is called every interval; an
// error of it ends the wait and is returned. Other errors are *UnknownError, *StoreError and the
// cause of ctx.
func (c *Calls) Claim(
	ctx context.Context, call Call, interval time.Duration, beat func() error,
) (*Turn, error) {
	for {
		e, own, wait := c.board(call)
		if own {
			return c.begin(ctx, e)
		}
		if err := await(ctx, wait, interval, beat); err != nil {
			return nil, err
		}
		switch {
		case wait != e.done || !e.carried:
		case e.unknown:
			return nil, &UnknownError{e.call.Reference}
		default:
			return &Turn{calls: c, entry: e}, nil
		}
	}
}

// board returns the entry that call is a duplicate of, or a new one of its own. One that is not its
// own is to be waited for, until it is finished or the store has forgotten it.
func (c *Calls) board(call Call) (e *entry, own bool, wait <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[call.Key]; e != nil {
		switch over := c.over(e, call); {
		case !over:
			return e, false, e.done
		case e.leaving != nil && !closed(e.leaving):
			return e, false, e.leaving
		}
	}
	e = &entry{call: call, done: make(chan struct{})}
	c.add(e)
	return e, true, nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// end leaves an entry to calls that began before its answer. The caller holds the mutex of Calls
// and makes the store forget it.
func (e *entry) end() { e.ended, e.leaving = true, make(chan struct{}) }

// forget makes the store forget entries that were ended.
func (c *Calls) forget(ctx context.Context, all []*entry) error {
	var failed error
	for _, e := range all {
		if err := c.cfg.Repeats.End(context.WithoutCancel(ctx), e.call.Key); err != nil && failed == nil {
			failed = &StoreError{err} // a row that stays runs out
		}
		close(e.leaving)
	}
	return failed
}

// over reports whether call is one of its own in spite of e. The caller holds mu.
func (c *Calls) over(e *entry, call Call) bool {
	if !e.carried || !call.Begun.After(e.answered) {
		return false
	}
	return e.ended || c.cfg.Now().Sub(e.answered) > c.cfg.Keep()
}

// add puts e in place of what its key had. The caller holds mu.
func (c *Calls) add(e *entry) {
	if old := c.entries[e.call.Key]; old != nil {
		c.remove(old)
	}
	c.entries[e.call.Key] = e
	if c.scopes[e.call.Scope] == nil {
		c.scopes[e.call.Scope] = map[*entry]struct{}{}
	}
	c.scopes[e.call.Scope][e] = struct{}{}
}

// remove forgets e. The caller holds mu.
func (c *Calls) remove(e *entry) {
	if c.entries[e.call.Key] == e {
		delete(c.entries, e.call.Key)
	}
	delete(c.scopes[e.call.Scope], e)
	if len(c.scopes[e.call.Scope]) == 0 {
		delete(c.scopes, e.call.Scope)
	}
}

// begin keeps a call as running, or takes over what the store knows of the process before.
func (c *Calls) begin(ctx context.Context, e *entry) (*Turn, error) {
	t := &Turn{calls: c, entry: e, first: true}
	known, fresh, err := c.cfg.Repeats.Begin(ctx, store.Repeat{
		Key: e.call.Key, Scope: e.call.Scope, Reference: e.call.Reference, State: store.RepeatRunning,
		StartedAt: e.call.Begun,
	})
	switch {
	case err != nil:
		c.finish(e, Result{}, time.Time{})
		return nil, &StoreError{err}
	case fresh:
		return t, nil
	case known.State == store.RepeatAnswered && c.stale(e.call, known):
		if err := c.cfg.Repeats.End(ctx, e.call.Key); err != nil {
			c.finish(e, Result{}, time.Time{})
			return nil, &StoreError{err}
		}
		return c.begin(ctx, e)
	}
	e.call.Reference = known.Reference
	if known.State == store.RepeatAnswered {
		c.finish(e, Result{Carried: true, Answer: known.Answer}, known.AnsweredAt)
		return &Turn{calls: c, entry: e}, nil
	}
	e.unknown = true
	c.finish(e, Result{Carried: true}, c.cfg.Now())
	return nil, &UnknownError{known.Reference}
}

// stale reports whether a row of the store is no answer to call any more: another call of this
// process ended it, or its time is over.
func (c *Calls) stale(call Call, known store.Repeat) bool {
	return c.cfg.Now().Sub(known.AnsweredAt) > c.cfg.Keep() && call.Begun.After(known.AnsweredAt)
}

// await waits for another call, with signs of life.
func await(
	ctx context.Context, done <-chan struct{}, interval time.Duration, beat func() error,
) error {
	select {
	case <-done:
		return nil
	default:
	}
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
			if err := beat(); err != nil {
				return err
			}
		}
	}
}

// finish ends an entry. One that was surely not carried out is forgotten, and a duplicate takes its
// turn.
func (c *Calls) finish(e *entry, r Result, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.carried, e.answer, e.answered = r.Carried, r.Answer, at
	if !r.Carried {
		c.remove(e)
	}
	close(e.done)
}

// Prune forgets answers whose time is over and that no call under way can be a duplicate of.
func (c *Calls) Prune(ctx context.Context) error {
	now, keep := c.cfg.Now(), c.cfg.Keep()
	if err := c.forget(ctx, c.outdated(now.Add(-keep))); err != nil {
		return err
	}
	if now.Sub(c.since) < keep {
		return nil // what the process before left is still waited for
	}
	if _, err := c.cfg.Repeats.PruneRepeats(ctx, now.Add(-keep)); err != nil {
		return &StoreError{err}
	}
	return nil
}

// outdated ends the entries answered before that time, removes those that no call under way can be a
// duplicate of, and returns the ones that the store still has.
func (c *Calls) outdated(before time.Time) (all []*entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := before
	if e := c.under.Front(); e != nil {
		if begun := e.Value.(time.Time); begun.Before(oldest) {
			oldest = begun
		}
	}
	for _, e := range c.entries {
		if !e.carried || !e.answered.Before(before) {
			continue
		}
		if !e.ended {
			e.end()
			all = append(all, e)
		}
		if e.answered.Before(oldest) {
			c.remove(e)
		}
	}
	return all
}
