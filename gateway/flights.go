package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/stagelock/stagelock/store"
)

// flight is one guarded call of this process: under way, or carried out and kept until its answer
// is known to be delivered. What of it must outlive the process stands in the store.
type flight struct {
	key   store.RepeatKey
	scope string
	ref   string
	done  chan struct{} // closed when it has landed
	gone  chan struct{} // closed when it is forgotten

	// Guarded by the mutex of flights, and fixed once done is closed.
	landed  bool
	unknown bool   // the process before had begun it
	carried bool   // the engine may have carried it out: twins get answer
	answer  []byte // as it was written, or would have been
	at      time.Time
	holder  *session // the open connection that the answer was written to; nil if it broke
	leaving bool     // it is being forgotten
}

// flights knows the guarded calls of this process.
type flights struct {
	repeats store.Repeats
	since   time.Time

	mu     sync.Mutex
	all    map[store.RepeatKey]*flight
	scopes map[string]map[*flight]struct{}
	ended  map[string]struct{} // scopes of which the store holds nothing of the process before
}

func newFlights(r store.Repeats, now time.Time) *flights {
	return &flights{
		repeats: r, since: now, all: map[store.RepeatKey]*flight{},
		scopes: map[string]map[*flight]struct{}{}, ended: map[string]struct{}{},
	}
}

// board returns the flight of key and whether it is the caller's own, to be landed by him.
func (f *flights) board(key store.RepeatKey, scope, ref string) (fl *flight, own bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl := f.all[key]; fl != nil {
		return fl, false
	}
	fl = &flight{key: key, scope: scope, ref: ref, done: make(chan struct{}), gone: make(chan struct{})}
	f.all[key] = fl
	if f.scopes[scope] == nil {
		f.scopes[scope] = map[*flight]struct{}{}
	}
	f.scopes[scope][fl] = struct{}{}
	return fl, true
}

// land ends a flight. If the engine may have carried the call out, its answer is kept for twins;
// else it is forgotten, and a twin takes its turn.
func (f *flights) land(ctx context.Context, fl *flight, left trace, holder *session, now time.Time) {
	f.mu.Lock()
	fl.landed, fl.carried, fl.unknown, fl.answer = true, left.carried, left.unknown, left.answer
	fl.holder, fl.at = holder, now
	f.mu.Unlock()
	close(fl.done)
	if !left.carried {
		f.forget(ctx, fl)
	}
}

// trace is what a landed flight left.
type trace struct {
	carried bool // its answer is a twin's too
	unknown bool // the process before may have carried it out: twins are told so
	answer  []byte
	held    bool // the connection that it was written to is open
	leaving bool // it is being forgotten, or was
}

func (f *flights) state(fl *flight) trace {
	f.mu.Lock()
	defer f.mu.Unlock()
	return trace{
		carried: fl.carried, unknown: fl.unknown, answer: fl.answer,
		held: fl.holder != nil, leaving: fl.leaving,
	}
}

// holder returns the open connection that the answer was written to, or nil.
func (f *flights) holder(fl *flight) *session {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fl.holder
}

// hold notes that the answer was written to another connection.
func (f *flights) hold(fl *flight, s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.holder = s
}

// orphan notes that the connection of an answer ended without a sign that the answer arrived.
func (f *flights) orphan(fl *flight, holder *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl.holder == holder {
		fl.holder = nil
	}
}

// forget ends a landed flight in the store and then here, so that an equal call that comes
// meanwhile waits and begins anew.
func (f *flights) forget(ctx context.Context, fl *flight) {
	f.mu.Lock()
	if !fl.landed || fl.leaving {
		f.mu.Unlock()
		return
	}
	fl.leaving = true
	f.mu.Unlock()
	_ = f.repeats.End(context.WithoutCancel(ctx), fl.key) // a row that stays runs out
	f.mu.Lock()
	delete(f.all, fl.key)
	delete(f.scopes[fl.scope], fl)
	if len(f.scopes[fl.scope]) == 0 {
		delete(f.scopes, fl.scope)
	}
	f.mu.Unlock()
	close(fl.gone)
}

// endScope forgets what was carried out in that scope before: another call of the same login on the
// same request or site shows that its client has moved on.
func (f *flights) endScope(ctx context.Context, scope string, except store.RepeatKey, young bool) error {
	f.mu.Lock()
	var over []*flight
	for fl := range f.scopes[scope] {
		if fl.landed && fl.key != except {
			over = append(over, fl)
		}
	}
	_, ended := f.ended[scope]
	if !young {
		clear(f.ended)
	}
	f.mu.Unlock()
	for _, fl := range over {
		f.forget(ctx, fl)
	}
	if ended || !young {
		return nil
	}
	if err := f.repeats.EndScope(ctx, scope, except); err != nil {
		return err
	}
	f.mu.Lock()
	f.ended[scope] = struct{}{}
	f.mu.Unlock()
	return nil
}

// prune forgets answers that nobody came back for.
func (f *flights) prune(ctx context.Context, before time.Time) {
	f.mu.Lock()
	var over []*flight
	for _, fl := range f.all {
		if fl.landed && fl.at.Before(before) {
			over = append(over, fl)
		}
	}
	f.mu.Unlock()
	for _, fl := range over {
		f.forget(ctx, fl)
	}
}
