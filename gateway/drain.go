package gateway

import (
	"context"
	"sync"

	"github.com/stagelock/stagelock/policy/calls"
)

// drain knows the publishes in progress, and stops new ones while the gateway goes down: those in
// progress go on being served.
type drain struct {
	mu      sync.Mutex
	stopped bool
	live    map[int64]struct{} // requests created here and not cleaned up yet
	calls   int                // under way
	quiet   chan struct{}      // closed when the last of both is gone, nil until somebody waits
}

func (d *drain) on() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopped
}

// fills has the calls that belong to a publish in progress.
var fills = map[calls.Kind]bool{calls.Update: true, calls.Validate: true, calls.Publish: true}

func (d *drain) begun(request int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(request)
}

// note remembers a publish in progress. The caller holds mu.
func (d *drain) note(request int64) {
	if d.live == nil {
		d.live = map[int64]struct{}{}
	}
	d.live[request] = struct{}{}
}

func (d *drain) ended(request int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.live, request)
}

func (d *drain) enter() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
}

func (d *drain) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls--
	d.settle()
}

// settle wakes who waits when nothing is in progress any more. The caller holds mu.
func (d *drain) settle() {
	if d.quiet != nil && d.calls == 0 && len(d.live) == 0 {
		close(d.quiet)
		d.quiet = nil
	}
}

// allows refuses what would begin something new while the gateway goes down.
func (d *drain) allows(kind calls.Kind, request int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopped && fills[kind] {
		d.note(request) // it may have been created before this process began
	}
	if _, going := d.live[request]; !d.stopped || going || kind == calls.CleanUp || kind == calls.Event {
		return nil
	}
	if kind == calls.Read && len(d.live) > 0 {
		return nil
	}
	return unavailable(ReasonDraining, "the gateway is stopping", nil)
}

// stop begins the drain and returns a channel that is closed when nothing is in progress any more.
func (d *drain) stop() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	quiet := make(chan struct{})
	d.quiet = quiet
	d.settle()
	return quiet
}

// Drain refuses new publishes and serves those in progress until they are cleaned up or ctx ends;
// it returns ctx's cause then. Idle connections are closed. The listeners should be kept open
// meanwhile: publishers come back for each call.
func (g *Gateway) Drain(ctx context.Context) error {
	quiet := g.drain.stop()
	g.open.closeIdle()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
