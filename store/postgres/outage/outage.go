// Package outage is how a store waits for a server that is away or failing over: what may wait tries again
// until patience is over, counted from when the server went away, and what comes later is refused at once.
package outage

import (
	"context"
	"sync"
	"time"

	"github.com/stagelock/stagelock/store/postgres/sqlstate"
)

// firstPause and lastPause bound the pauses between two attempts to reach a server that is away.
const firstPause, lastPause = 10 * time.Millisecond, 250 * time.Millisecond

// Config says how long is waited, and with what.
type Config struct {
	Attempts int           // of what met a connection that is gone, or another transaction
	Patience time.Duration // with a server that is away
	Reset    func()        // closes the connections: they lead to a server that was replaced
	Closed   func() bool   // nobody waits any longer
}

// Outage knows since when no server that takes writes can be reached. It is safe for concurrent use.
type Outage struct {
	cfg   Config
	mu    sync.Mutex
	since time.Time // zero: it can
	why   error
}

// New returns an Outage that has not begun.
func New(cfg Config) *Outage { return &Outage{cfg: cfg} }

// Over notes that the server answers.
func (o *Outage) Over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.why = time.Time{}, nil
}

// begin notes a failure, and returns how long the outage has lasted.
func (o *Outage) begin(err error) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since = time.Now()
	}
	o.why = err
	return time.Since(o.since)
}

// Since returns since when the server is away, and the last failure; the zero time if it is not, as far as
// is known.
func (o *Outage) Since() (since time.Time, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.since, o.why
}

type hasty struct{}

// Hastily says that what is asked with ctx is of no use later: it does not wait for a server.
func Hastily(ctx context.Context) context.Context { return context.WithValue(ctx, hasty{}, true) }

// Again reports whether the attempt n, which ended with err, is followed by another one, and waits for its
// time.
func (o *Outage) Again(ctx context.Context, n int, err error) bool {
	switch {
	case sqlstate.Again(err):
		return n < o.cfg.Attempts
	case !sqlstate.Away(err) || ctx.Err() != nil:
		return false
	}
	if sqlstate.ReadOnly(err) {
		o.cfg.Reset()
	}
	lasted := o.begin(err)
	if n < 3 && sqlstate.Broken(err) { // a restart leaves many connections that are gone
		return true
	}
	if ctx.Value(hasty{}) != nil || lasted >= o.cfg.Patience {
		return n < o.cfg.Attempts && sqlstate.Broken(err)
	}
	t := time.NewTimer(min(lastPause, firstPause<<min(n, 8)))
	defer t.Stop()
	select {
	case <-t.C:
		return !o.cfg.Closed()
	case <-ctx.Done():
		return false
	}
}
