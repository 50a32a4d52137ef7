// Package waiting is how a call waits: for its pace, for another call, for a store that is away. Whoever
// waits long gives its publisher signs of life, and ends with the gateway.
package waiting

import (
	"context"
	"sync"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/problems"
)

// For waits for d, not at all if it is 0 or less. It returns a problem if ctx ends before.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return problems.Stopping(context.Cause(ctx))
	}
}

// Until waits until done is closed and calls beat every so often, whose error is a publisher that is gone.
func Until(ctx context.Context, done <-chan struct{}, every time.Duration, beat func() error) error {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return problems.Stopping(context.Cause(ctx))
		case <-t.C:
			if err := beat(); err != nil {
				return problems.Abandoned(err)
			}
		}
	}
}

// Patience runs what may wait for a store that is away, one after another. It is ready to use as it is and belongs
// to one goroutine.
type Patience struct{ spare *wait }

// wait is one run with its signs of life.
type wait struct {
	mu    sync.Mutex // a sign of life ends before anything else is written
	every time.Duration
	beat  func()
	timer *time.Timer
	over  bool
	fault any
}

// With runs f and calls beat every so often while it lasts. No beat goes on when it returns, and one that panics
// does so in the caller.
func (p *Patience) With(every time.Duration, beat func(), f func() error) error {
	w := p.spare
	if w == nil {
		w = &wait{}
	}
	p.spare = nil
	w.begin(every, beat)
	defer func() {
		unused, fault := w.end()
		if unused { // else its timer may still be about to ask whether it is over
			p.spare = w
		}
		if fault != nil {
			panic(fault)
		}
	}()
	return f()
}

func (w *wait) begin(every time.Duration, beat func()) {
	w.mu.Lock() // the timer is not read before it is there
	defer w.mu.Unlock()
	w.every, w.beat, w.over = every, beat, false
	if w.timer == nil {
		w.timer = time.AfterFunc(every, w.tick)
		return
	}
	w.timer.Reset(every)
}

func (w *wait) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.fault = recover() }() // it is the call's
	if !w.over {
		w.beat()
		w.timer.Reset(w.every)
	}
}

// end reports whether the timer will not ask again.
func (w *wait) end() (unused bool, fault any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over, w.beat = true, nil
	return w.timer.Stop(), w.fault
}
