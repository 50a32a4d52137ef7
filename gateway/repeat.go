package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// flight is a guarded call under way in this process. Its twins wait until done is closed.
type flight struct{ done chan struct{} }

// flights has the guarded calls under way, and the scopes of the repeats that the store holds.
type flights struct {
	mu     sync.Mutex
	going  map[store.RepeatKey]*flight
	scopes map[string]store.RepeatKey // scope to the last key kept for it
	since  time.Time                  // repeats older than this process may be in the store for a while
	ended  map[string]struct{}        // scopes of which none is left
}

// board returns the flight of that key and whether it is the caller's own, to be landed by him.
func (f *flights) board(key store.RepeatKey) (*flight, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl := f.going[key]; fl != nil {
		return fl, false
	}
	fl := &flight{done: make(chan struct{})}
	f.going[key] = fl
	return fl, true
}

func (f *flights) land(key store.RepeatKey, fl *flight) {
	f.mu.Lock()
	delete(f.going, key)
	f.mu.Unlock()
	close(fl.done)
}

func (f *flights) keep(scope string, key store.RepeatKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scopes[scope] = key
}

// drop takes back what keep did.
func (f *flights) drop(d debt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.scopes[d.scope] == d.key {
		delete(f.scopes, d.scope)
	}
}

// other says whether the store may hold a repeat of that scope besides key's: one kept by this
// process, or, while it is young, one of the process before it.
func (f *flights) other(scope string, key store.RepeatKey, young bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !young {
		f.ended = nil
	}
	last, kept := f.scopes[scope]
	_, ended := f.ended[scope]
	return kept && last != key || young && !ended
}

// cleared notes that the store holds no repeat of that scope any more besides key's.
func (f *flights) cleared(scope string, key store.RepeatKey, young bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.scopes[scope] != key {
		delete(f.scopes, scope)
	}
	if young && f.ended == nil {
		f.ended = map[string]struct{}{}
	}
	if young {
		f.ended[scope] = struct{}{}
	}
}

// repeat lets the first of equal calls pass and gives its twins its answer: Java's client sends a
// POST again when the connection closed before a byte of the answer, and four calls must not be
// carried out twice (call rules section 6).
func (c *call) repeat(ctx context.Context) error {
	if c.decision != calls.Forward {
		return nil
	}
	c.key = store.RepeatKey{
		Login: c.id.Login, KeyID: c.id.KeyID, Method: c.wire.Method.Signature(), Digest: c.digest(),
	}
	if err := c.endOthers(ctx); err != nil {
		return err
	}
	for c.rule.Guarded {
		fl, own := c.gateway.flights.board(c.key)
		if own {
			c.flight = fl
			return c.begin(ctx)
		}
		if err := c.await(ctx, fl); err != nil {
			return err
		}
	}
	return nil
}

// debt is an answer that is not known to be delivered.
type debt struct {
	key   store.RepeatKey
	scope string
}

func (c *call) owe() { c.owed = debt{c.key, c.scope()} }

// forget ends the repeat of a delivered answer, behind the calls that follow: an equal one waits for
// it. If one is under way already, the repeat is its own by now.
func (g *Gateway) forget(ctx context.Context, d debt) {
	fl, own := g.flights.board(d.key)
	if !own {
		return
	}
	g.flights.drop(d)
	g.behind.do(func() {
		defer g.flights.land(d.key, fl)
		if err := g.repeats.End(ctx, d.key); err != nil {
			g.flights.keep(d.scope, d.key)
			g.entry.WithError(err).Warn("a delivered answer cannot be forgotten")
		}
	})
}

func (c *call) digest() string {
	if c.part {
		return c.body.streamed()
	}
	return whole(c.in.Held())
}

// scope is what a repeat belongs to: another call of the same login on the same request or site
// ends it.
func (c *call) scope() string {
	scope := c.rule.Scope(c.facts)
	if scope == "" {
		return ""
	}
	return scope + "\n" + c.id.Login
}

func (c *call) endOthers(ctx context.Context) error {
	scope := c.scope()
	young := c.begun.Sub(c.gateway.flights.since) < c.policy.RepeatKeep
	if scope == "" || !c.gateway.flights.other(scope, c.key, young) {
		return nil
	}
	if err := c.gateway.repeats.EndScope(ctx, scope, c.key); err != nil {
		return unwritable(err)
	}
	c.gateway.flights.cleared(scope, c.key, young)
	return nil
}

// begin keeps the call as running, or takes over what is known of it.
func (c *call) begin(ctx context.Context) error {
	rep := store.Repeat{
		Key: c.key, Scope: c.scope(), Reference: c.ref, State: store.RepeatRunning, StartedAt: c.begun,
	}
	known, fresh, err := c.gateway.repeats.Begin(ctx, rep)
	if err != nil {
		return c.gateway.unwritten(err)
	}
	c.gateway.flights.keep(rep.Scope, c.key)
	if fresh {
		return nil
	}
	if since := known.AnsweredAt; known.State == store.RepeatAnswered && c.begun.Sub(since) > c.policy.RepeatKeep {
		return c.anew(ctx)
	}
	return c.replayOf(known)
}

// anew forgets an answer that waited too long: this is a call of its own.
func (c *call) anew(ctx context.Context) error {
	if err := c.gateway.repeats.End(ctx, c.key); err != nil {
		return c.gateway.unwritten(err)
	}
	return c.begin(ctx)
}

func (c *call) replayOf(known store.Repeat) error {
	if known.State != store.RepeatAnswered {
		return problem(tunnel.Uncertain, ReasonUnknown, "the same call was under way when the gateway stopped: "+
			"it may have been carried out. Look at the live site before you publish again (first call: "+known.Reference+")", nil)
	}
	c.replay, c.answer, c.end = true, known.Answer, "repeat of "+known.Reference
	c.owe()
	return nil
}

// await waits for the first of equal calls, with heartbeats.
func (c *call) await(ctx context.Context, fl *flight) error {
	t := time.NewTicker(c.policy.Heartbeat)
	defer t.Stop()
	for {
		select {
		case <-fl.done:
			return nil
		case <-ctx.Done():
			return problem(tunnel.Uncertain, ReasonDraining, "the gateway is stopping while the first of two equal calls runs", nil)
		case <-t.C:
			if err := c.beat(); err != nil {
				return problem(tunnel.BadRequest, ReasonCut, "the client went away", err)
			}
		}
	}
}

// keepRefusal keeps the refusal of a call that the engine may have carried out, for its twin.
func (c *call) keepRefusal(ctx context.Context, answer []byte) {
	if c.flight == nil || c.replay || !c.released {
		return
	}
	if err := c.gateway.repeats.Answer(ctx, c.key, answer, c.gateway.now()); err != nil {
		c.gateway.entry.WithError(err).WithField("req", c.ref).Error("an answer cannot be kept for a repeat")
		return
	}
	c.owe()
}

// landed ends the call's flight. A call that the engine cannot have begun leaves nothing to repeat.
func (c *call) landed(ctx context.Context) {
	if c.flight == nil {
		return
	}
	if !c.replay && !c.released {
		_ = c.gateway.repeats.End(ctx, c.key) // a leftover is found as running, and runs out
	}
	c.gateway.flights.land(c.key, c.flight)
	c.flight = nil
}

// unwritable tells a publisher that nothing can be written down, so nothing is carried out.
func unwritable(err error) error {
	if errors.Is(err, store.ErrFull) {
		return unavailable(ReasonStore, "the gateway's disk is full", err)
	}
	return unavailable(ReasonStore, "the gateway cannot write its store", err)
}
