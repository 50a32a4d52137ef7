package once

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/stagelock/stagelock/store"
)

const (
	// lateness is how late a call may come to its turn: what it may be a duplicate of is kept for it,
	// also if it is on its way through another gateway.
	lateness = 10 * time.Minute
	// patience is how long somebody who waits for another gateway's call bears a store that fails.
	patience = 30 * time.Second
	// firstLook and lastLook bound the pauses between two looks at another gateway's call.
	firstLook, lastLook = 20 * time.Millisecond, time.Second
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

// StoreError is a store that cannot be written, or a lease that ran out; nothing was carried out.
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

// Owner is who carries calls out. *Life is one.
type Owner interface {
	Owner() (id, node string)
	Holds() bool
}

// Config is what Calls are built from.
type Config struct {
	Repeats store.Repeats
	Owner   Owner
	Now     func() time.Time
	// Keep is how long an answer is kept for duplicates.
	Keep func() time.Duration
	// Patience is how long a call waits for a lease that ran out to be taken anew.
	Patience time.Duration
}

// Calls knows the guarded calls. The store has the truth, also of other gateways; this process keeps
// in memory only what is under way in it, and what the store could not be told. It is safe for
// concurrent use.
type Calls struct {
	cfg   Config
	since time.Time // when this process began to know

	mu      sync.Mutex // guards what follows, and the fields of every flight
	flights map[store.RepeatKey]*flight
	under   Mark // a ring of every call under way, oldest first behind it
}

// flight is one guarded call of this process.
type flight struct {
	call Call
	done chan struct{} // closed when it is finished or void

	// Fixed once done is closed.
	carried  bool // the engine may have carried it out: duplicates get answer
	answer   []byte
	answered time.Time

	moved bool // its client has moved on, but the store does not know of its answer
}

// New returns Calls that know what the store has.
func New(c Config) (*Calls, error) {
	if c.Repeats == nil || c.Owner == nil || c.Now == nil || c.Keep == nil {
		return nil, errors.New("once: a part of its configuration is missing")
	}
	all := &Calls{cfg: c, since: c.Now(), flights: map[store.RepeatKey]*flight{}}
	all.under.next, all.under.before = &all.under, &all.under
	return all, nil
}

// Mark says that a call is under way. Its owner keeps it, at one place, from Enter to Leave.
type Mark struct {
	begun        time.Time
	before, next *Mark
}

// Enter notes that a call is under way, guarded or not, until Leave is called with the same mark: what it
// may be a duplicate of is kept for it.
func (c *Calls) Enter(m *Mark, begun time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*m = Mark{begun: begun, before: c.under.before, next: &c.under}
	m.before.next, c.under.before = m, m
}

// Leave takes an Enter back.
func (c *Calls) Leave(m *Mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.before.next, m.next.before = m.next, m.before
	*m = Mark{}
}

// UnderWay returns how many calls are under way.
func (c *Calls) UnderWay() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for m := c.under.next; m != &c.under; m = m.next {
		n++
	}
	return n
}

// Moved ends what was answered in the scope of call before it began: its client has moved on. A call
// that is claimed need not say so. The error is a *StoreError.
func (c *Calls) Moved(ctx context.Context, call Call) error {
	if call.Scope == "" {
		return nil
	}
	if err := c.cfg.Repeats.EndScope(ctx, call.Scope, call.Key, c.age(call)); err != nil {
		return &StoreError{err}
	}
	c.moveOn(call)
	return nil
}

// moveOn is what the store did for the answers that it could not be told.
func (c *Calls) moveOn(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, f := range c.flights {
		if f.call.Scope == call.Scope && key != call.Key && f.carried && !f.answered.After(call.Begun) {
			f.moved = true
		}
	}
}

// age is how long ago a call began.
func (c *Calls) age(call Call) time.Duration { return max(0, c.cfg.Now().Sub(call.Begun)) }

// Claim returns the turn of a call: the first of equal ones is carried out, and must be finished;
// a duplicate waits for the first one's answer, which another gateway may be about to give. While it
// waits beat is called every interval; an error of it ends the wait and is returned. Other errors
// are *UnknownError, *StoreError and the cause of ctx. What else its scope holds, a first call ends.
func (c *Calls) Claim(
	ctx context.Context, call Call, interval time.Duration, beat func() error,
) (*Turn, error) {
	b := newBeats(interval, beat)
	defer b.stop()
	for {
		f, own := c.board(call)
		if !own {
			if err := b.await(ctx, f.done); err != nil {
				return nil, err
			}
			if f.carried {
				return &Turn{calls: c, reference: f.call.Reference, answer: f.answer, waited: true}, nil
			}
			continue // it was not carried out: this one takes its turn
		}
		turn, err := c.beginUnder(ctx, f, b)
		if turn == nil && err == nil {
			if turn, err = c.follow(ctx, call, b); turn != nil {
				turn.waited = true
			}
		}
		if turn != nil || err != nil {
			return turn, err
		}
	}
}

// board returns the flight that call is a duplicate of, or a new one of its own.
func (c *Calls) board(call Call) (f *flight, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[call.Key]; f != nil && !(f.moved && call.Begun.After(f.answered)) {
		return f, false
	}
	f = &flight{call: call, done: make(chan struct{})}
	c.flights[call.Key] = f
	return f, true
}

// beginUnder is begin with signs of life, for a store may be away. A client that goes meanwhile leaves
// nothing behind.
func (c *Calls) beginUnder(ctx context.Context, f *flight, b *beats) (turn *Turn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		turn, err = c.begin(ctx, f)
	}()
	gone := b.await(context.WithoutCancel(ctx), done)
	<-done
	if gone != nil && turn != nil && turn.First() {
		return nil, errors.Join(gone, turn.Finish(ctx, Result{}))
	}
	return turn, err
}

// leasePoll is how often a call that waits for a lease looks.
const leasePoll = 50 * time.Millisecond

// awaitLease waits for the gateway to be a member again, and reports whether it is.
func (c *Calls) awaitLease(ctx context.Context) bool {
	late, poll := time.NewTimer(c.cfg.Patience), time.NewTicker(leasePoll)
	defer late.Stop()
	defer poll.Stop()
	for !c.cfg.Owner.Holds() {
		select {
		case <-poll.C:
		case <-late.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// claim keeps rep as running for this gateway. If its life has just ended, as it does when the store was
// away, it waits for the next one: nothing was carried out yet.
func (c *Calls) claim(ctx context.Context, rep store.Repeat) (store.Repeat, bool, error) {
	for {
		rep.Owner, rep.Node = c.cfg.Owner.Owner()
		known, fresh, err := c.cfg.Repeats.Begin(ctx, rep, c.keep())
		if !errors.Is(err, store.ErrStale) || c.cfg.Patience == 0 {
			return known, fresh, err
		}
		if id, _ := c.cfg.Owner.Owner(); id == rep.Owner && c.cfg.Owner.Holds() { // it has not noticed yet
			select {
			case <-time.After(leasePoll):
			case <-ctx.Done():
				return known, fresh, err
			}
		}
		if !c.awaitLease(ctx) {
			return known, fresh, err
		}
	}
}

// begin keeps a call as running, or returns what the store knows of an equal one; nothing at all if
// that one is under way elsewhere.
func (c *Calls) begin(ctx context.Context, f *flight) (*Turn, error) {
	rep := store.Repeat{
		Key: f.call.Key, Scope: f.call.Scope, Reference: f.call.Reference, Age: c.age(f.call),
	}
	known, fresh, err := c.claim(ctx, rep)
	id, _ := c.cfg.Owner.Owner()
	if err == nil && !fresh && known.State == store.RepeatRunning && known.Owner == id {
		// One of this life that is not under way: the store could not be told that it was void.
		if err = c.cfg.Repeats.Void(ctx, known.Key, known.Reference); err == nil {
			known, fresh, err = c.claim(ctx, rep)
		}
	}
	if err == nil && fresh {
		if f.call.Scope != "" {
			c.moveOn(f.call)
		}
		return &Turn{calls: c, flight: f, reference: f.call.Reference}, nil
	}
	c.finish(f, Result{}, false)
	if err != nil {
		return nil, &StoreError{err}
	}
	return c.settled(known)
}

// settled returns what a duplicate of rep gets, or nothing if rep runs.
func (c *Calls) settled(rep store.Repeat) (*Turn, error) {
	switch rep.State {
	case store.RepeatAnswered:
		return &Turn{calls: c, reference: rep.Reference, answer: rep.Answer}, nil
	case store.RepeatRunning:
		return nil, nil
	}
	return nil, &UnknownError{rep.Reference}
}

// keep is how old an answer may be. Until this process has lived that long none is too old: the clock
// may have been set while nothing ran.
func (c *Calls) keep() time.Duration {
	if keep := c.cfg.Keep(); c.cfg.Now().Sub(c.since) >= keep {
		return max(keep, 1)
	}
	return 0
}

// follow waits for a call that is under way in another gateway. It returns nothing if that one left
// nothing: it was surely not carried out.
func (c *Calls) follow(ctx context.Context, call Call, b *beats) (*Turn, error) {
	failing := time.Time{}
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		if err := b.pause(ctx, pause); err != nil {
			return nil, err
		}
		rep, err := c.cfg.Repeats.Repeat(ctx, call.Key)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil, nil
		case err == nil:
			failing = time.Time{}
			if turn, err := c.settled(rep); turn != nil || err != nil {
				return turn, err
			}
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > patience:
			return nil, &UnknownError{"of another gateway"}
		}
	}
}

// finish ends a flight. It stays in memory if the engine may have carried it out and the store does
// not have its answer.
func (c *Calls) finish(f *flight, r Result, recorded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.carried, f.answer, f.answered = r.Carried, r.Answer, c.cfg.Now()
	if !r.Carried || recorded {
		delete(c.flights, f.call.Key)
	}
	close(f.done)
}

// Prune tells the store what it could not be told, and forgets answers whose time is over and that
// no call under way can be a duplicate of. The error is a *StoreError.
func (c *Calls) Prune(ctx context.Context) error {
	late := max(c.cfg.Keep(), lateness, c.oldest())
	for f, moved := range c.untold() {
		tell := c.record
		if moved {
			tell = c.void
		}
		if moved && c.cfg.Now().Sub(f.answered) <= late {
			continue // a call that began before it was answered may still come
		}
		if err := tell(ctx, f, f.answer); err != nil {
			return &StoreError{err}
		}
		c.told(f)
	}
	if c.keep() == 0 {
		return nil // what the process before left is still waited for
	}
	if _, err := c.cfg.Repeats.PruneRepeats(ctx, late); err != nil {
		return &StoreError{err}
	}
	return nil
}

// untold returns the flights whose answer only this process has, and which of them nobody waits for.
func (c *Calls) untold() map[*flight]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[*flight]bool{}
	for _, f := range c.flights {
		if f.carried {
			all[f] = f.moved
		}
	}
	return all
}

// told forgets a flight that the store knows of.
func (c *Calls) told(f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[f.call.Key] == f {
		delete(c.flights, f.call.Key)
	}
}

// void has the store forget a call that its client has moved on from.
func (c *Calls) void(ctx context.Context, f *flight, _ []byte) error {
	err := c.cfg.Repeats.Void(context.WithoutCancel(ctx), f.call.Key, f.call.Reference)
	if errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// oldest is how long ago the first of the calls under way began.
func (c *Calls) oldest() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.under.next; m != &c.under {
		return c.cfg.Now().Sub(m.begun)
	}
	return 0
}
