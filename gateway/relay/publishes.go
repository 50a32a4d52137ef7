package relay

import (
	"context"
	"sync"
	"time"

	"github.com/stagelock/stagelock/policy/calls"
)

// publishes knows the publishes in progress, and stops new ones while the gateway goes down: those in
// progress go on being served.
type publishes struct {
	mu      sync.Mutex
	stopped bool
	live    map[int64]time.Time // requests not cleaned up yet, by their last call
	calls   int                 // under way
	quiet   chan struct{}       // closed when the last of both is gone, nil until somebody waits
}

func (d *publishes) on() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopped
}

// fills has the calls that belong to a publish in progress.
var fills = map[calls.Kind]bool{calls.Update: true, calls.Validate: true, calls.Publish: true}

// lull is how long a publish in progress may go without a call before it counts as given up.
const lull = 2 * time.Minute

func (d *publishes) begun(request int64, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(request, now)
}

// note remembers a publish in progress. The caller holds mu.
func (d *publishes) note(request int64, now time.Time) {
	if d.live == nil {
		d.live = map[int64]time.Time{}
	}
	d.live[request] = now
}

// again notes that a call of a publish in progress has just ended.
func (d *publishes) again(request int64, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, going := d.live[request]; going {
		d.note(request, now)
	}
}

// expire gives up publishes that nobody went on with. One that is busy has a call under way.
func (d *publishes) expire(now time.Time, busy func(request int64) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, last := range d.live {
		if now.Sub(last) > lull && !busy(id) {
			delete(d.live, id)
		}
	}
	d.wakeIfQuiet()
}

func (d *publishes) ended(request int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.live, request)
	d.wakeIfQuiet()
}

func (d *publishes) enter() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
}

func (d *publishes) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls--
	d.wakeIfQuiet()
}

// wakeIfQuiet wakes who waits when nothing is in progress any more. The caller holds mu.
func (d *publishes) wakeIfQuiet() {
	if d.quiet != nil && d.calls == 0 && len(d.live) == 0 {
		close(d.quiet)
		d.quiet = nil
	}
}

// allows refuses what would begin something new while the gateway goes down.
func (d *publishes) allows(kind calls.Kind, request int64, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, going := d.live[request]
	if fills[kind] && (going || !d.stopped) {
		d.note(request, now) // it may have been created before this process began
	}
	if !d.stopped || going || kind == calls.CleanUp || kind == calls.Event {
		return nil
	}
	if kind == calls.Read && len(d.live) > 0 {
		return nil
	}
	return unavailable(ReasonDraining, "the gateway is stopping", nil)
}

// stop begins the drain and returns a channel that is closed when nothing is in progress any more.
func (d *publishes) stop() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	quiet := make(chan struct{})
	d.quiet = quiet
	d.wakeIfQuiet()
	return quiet
}

// Drain refuses new publishes and serves those in progress until they are cleaned up or ctx ends;
// it returns ctx's cause then. Once it refuses it calls stopped, which closes what rests. The
// listeners should be kept open meanwhile: publishers come back for each call.
func (r *Relay) Drain(ctx context.Context, stopped func()) error {
	r.publishes.expire(r.cfg.Visits.Now(), r.busy)
	quiet := r.publishes.stop()
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
			r.publishes.expire(r.cfg.Visits.Now(), r.busy)
		}
	}
}

// Draining reports whether Drain was called.
func (r *Relay) Draining() bool { return r.publishes.on() }
