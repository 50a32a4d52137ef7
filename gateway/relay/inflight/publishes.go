package inflight

import (
	"context"
	"sync"
	"time"

	"github.com/stagelock/stagelock/policy/calls"
)

// Publishes knows the publishes in progress, and stops new ones while the gateway goes down: those in
// progress go on being served.
type Publishes struct {
	mu      sync.Mutex
	stopped bool
	live    map[int64]time.Time // requests not cleaned up yet, by their last call
	calls   int                 // under way
	quiet   chan struct{}       // closed when the last of both is gone, nil until somebody waits
}

// Stopped reports whether Stop was called.
func (d *Publishes) Stopped() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopped
}

// fills has the calls that belong to a publish in progress.
var fills = map[calls.Kind]bool{calls.Update: true, calls.Validate: true, calls.Publish: true}

// lull is how long a publish in progress may go without a call before it counts as given up.
const lull = 2 * time.Minute

// Begun notes that a publish is in progress.
func (d *Publishes) Begun(request int64, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(request, now)
}

// note remembers a publish in progress. The caller holds mu.
func (d *Publishes) note(request int64, now time.Time) {
	if d.live == nil {
		d.live = map[int64]time.Time{}
	}
	d.live[request] = now
}

// Again notes that a call of a publish in progress has just ended.
func (d *Publishes) Again(request int64, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, going := d.live[request]; going {
		d.note(request, now)
	}
}

// Expire gives up publishes that nobody went on with. One that is busy has a call under way.
func (d *Publishes) Expire(now time.Time, busy func(request int64) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, last := range d.live {
		if now.Sub(last) > lull && !busy(id) {
			delete(d.live, id)
		}
	}
	d.wakeIfQuiet()
}

// Ended notes that a publish was cleaned up.
func (d *Publishes) Ended(request int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.live, request)
	d.wakeIfQuiet()
}

// Enter counts a call, of whatever kind, until Leave.
func (d *Publishes) Enter() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
}

// Leave takes an Enter back.
func (d *Publishes) Leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls--
	d.wakeIfQuiet()
}

// wakeIfQuiet wakes who waits when nothing is in progress any more. The caller holds mu.
func (d *Publishes) wakeIfQuiet() {
	if d.quiet != nil && d.calls == 0 && len(d.live) == 0 {
		close(d.quiet)
		d.quiet = nil
	}
}

// Allows reports whether a call may go on: what would begin something new may not while the gateway goes
// down.
func (d *Publishes) Allows(kind calls.Kind, request int64, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, going := d.live[request]
	if fills[kind] && (going || !d.stopped) {
		d.note(request, now) // it may have been created before this process began
	}
	if !d.stopped || going || kind == calls.CleanUp || kind == calls.Event {
		return true
	}
	if kind == calls.Read && len(d.live) > 0 {
		return true
	}
	return false
}

// Stop begins the drain and returns a channel that is closed when nothing is in progress any more.
func (d *Publishes) Stop() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	quiet := make(chan struct{})
	d.quiet = quiet
	d.wakeIfQuiet()
	return quiet
}

// Drain stops what would begin something new, calls stopped, and waits until nothing is in progress any
// more or ctx ends; it returns ctx's cause then. One that is busy has a call under way.
func (d *Publishes) Drain(ctx context.Context, now func() time.Time, busy func(request int64) bool, stopped func()) error {
	d.Expire(now(), busy)
	quiet := d.Stop()
	stopped()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-quiet:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-t.C:
			d.Expire(now(), busy)
		}
	}
}

// Live returns how many publishes are in progress.
func (d *Publishes) Live() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.live)
}
