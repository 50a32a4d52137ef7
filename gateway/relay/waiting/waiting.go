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

// Patiently runs f, which may wait for a store that is away, and calls beat every so often while it lasts.
// No beat goes on when it returns, and one that panics does so in the caller.
func Patiently(every time.Duration, beat func(), f func() error) error {
	var beating sync.Mutex // a sign of life ends before anything else is written
	over := false
	var fault any
	var t *time.Timer
	beating.Lock() // t is not read before it is there
	t = time.AfterFunc(every, func() {
		beating.Lock()
		defer beating.Unlock()
		defer func() { fault = recover() }() // it is the call's
		if !over {
			beat()
			t.Reset(every)
		}
	})
	beating.Unlock()
	defer func() {
		beating.Lock()
		defer beating.Unlock()
		over = true
		t.Stop()
		if fault != nil {
			panic(fault)
		}
	}()
	return f()
}
