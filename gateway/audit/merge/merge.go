// Package merge reads the audit logs of several gateways as one.
package merge

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/store"
)

// Named is the log of one gateway.
type Named struct {
	Name   string
	Events store.Events
}

// Reader calls fn with events, oldest first, and stops at fn's first error, which it returns.
type Reader func(ctx context.Context, fn func(audit.Event) error) error

// Reader returns what lists the events of the log that f shows, as List does.
func (n Named) Reader(f audit.Filter) Reader {
	return func(ctx context.Context, fn func(audit.Event) error) error {
		return audit.List(ctx, n.Events, f, func(ev audit.Event) error {
			if ev.Node == "" { // of a line that is no event
				ev.Node = n.Name
			}
			return fn(ev)
		})
	}
}

// Events calls fn with the events of all readers, by their time, and stops at fn's first error, which it
// returns. The events of one reader keep their order, whatever its clock said.
func Events(ctx context.Context, readers []Reader, fn func(audit.Event) error) error {
	if len(readers) == 1 {
		return readers[0](ctx, fn)
	}
	heads := make([]head, len(readers))
	for i, read := range readers {
		h := &heads[i]
		h.pull, h.stop = iter.Pull2(pulled(ctx, read))
		defer h.stop()
		if err := h.next(); err != nil {
			return err
		}
	}
	for {
		first := -1
		for i := range heads {
			if heads[i].ok && (first < 0 || heads[i].at.Before(heads[first].at)) {
				first = i
			}
		}
		if first < 0 {
			return nil
		}
		if err := fn(heads[first].ev); err != nil {
			return err
		}
		if err := heads[first].next(); err != nil {
			return err
		}
	}
}

// head is the next event of a reader.
type head struct {
	ev   audit.Event
	ok   bool
	at   time.Time // of the event, or of one before it that has a later one
	pull func() (audit.Event, error, bool)
	stop func()
}

func (h *head) next() (err error) {
	h.ev, err, h.ok = h.pull()
	if h.ok && h.ev.Time.After(h.at) { // a line that could not be read has none
		h.at = h.ev.Time
	}
	return err
}

// errStopped ends a reader that nobody listens to any more.
var errStopped = errors.New("stopped")

// pulled makes a sequence of a reader.
func pulled(ctx context.Context, read Reader) iter.Seq2[audit.Event, error] {
	return func(yield func(audit.Event, error) bool) {
		err := read(ctx, func(ev audit.Event) error {
			if !yield(ev, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(audit.Event{}, err)
		}
	}
}
