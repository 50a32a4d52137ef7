package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/stagelock/stagelock/store/postgres/sqlstate"
)

// firstPause and lastPause bound the pauses between two attempts to reach a server that is away.
const firstPause, lastPause = 10 * time.Millisecond, 250 * time.Millisecond

// outage knows since when no server that takes writes can be reached.
type outage struct {
	mu    sync.Mutex
	since time.Time // zero: it can
	why   error
}

func (o *outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.why = time.Time{}, nil
}

// begin notes a failure, and returns how long the outage has lasted.
func (o *outage) begin(err error) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since = time.Now()
	}
	o.why = err
	return time.Since(o.since)
}

// Away returns since when the database cannot be reached and why, or nil if it can, as far as is known.
func (s *Store) Away() error {
	s.outage.mu.Lock()
	defer s.outage.mu.Unlock()
	if s.outage.since.IsZero() {
		return nil
	}
	return fmt.Errorf("the database is away since %s: %w", s.outage.since.UTC().Format("15:04:05 UTC"),
		sqlstate.Translate(s.outage.why, statementTime))
}

type hasty struct{}

// hastily says that what is asked with ctx is of no use later: it does not wait for a server.
func hastily(ctx context.Context) context.Context { return context.WithValue(ctx, hasty{}, true) }

// again reports whether an attempt that ended with err is followed by another one, and waits for its time.
func (s *Store) again(ctx context.Context, n int, err error) bool {
	switch {
	case sqlstate.Again(err):
		return n < attempts
	case !sqlstate.Away(err) || ctx.Err() != nil:
		return false
	}
	if sqlstate.ReadOnly(err) { // the connections lead to a server that was replaced
		s.calls.Reset()
		s.audit.Reset()
		s.lives.Reset()
	}
	lasted := s.outage.begin(err)
	if n < 3 && sqlstate.Broken(err) { // a restart leaves many connections that are gone
		return true
	}
	if ctx.Value(hasty{}) != nil || lasted >= s.cfg.Patience {
		return n < attempts && sqlstate.Broken(err)
	}
	t := time.NewTimer(min(lastPause, firstPause<<min(n, 8)))
	defer t.Stop()
	select {
	case <-t.C:
		return !s.closed.Load()
	case <-ctx.Done():
		return false
	}
}
