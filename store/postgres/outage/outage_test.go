package outage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/stagelock/stagelock/store/postgres/outage"
)

// Failures as the driver tells of them.
var (
	errMet      = &pgconn.PgError{Code: "40001"}                                  // another transaction was in the way
	errGone     = fmt.Errorf("write: %w", &net.OpError{Op: "write", Err: io.EOF}) // the connection broke
	errStarting = &pgconn.PgError{Code: "57P03"}                                  // the server comes up
	errReplaced = &pgconn.PgError{Code: "25006"}                                  // it follows another one now
	errSyntax   = &pgconn.PgError{Code: "42601"}                                  // a statement that nobody understands
	errFull     = &pgconn.PgError{Code: "53100"}
)

const attempts = 20

// made is an outage and what it did.
type made struct {
	*outage.Outage
	resets int
	closed atomic.Bool
}

func newOutage(patience time.Duration) *made {
	m := &made{}
	m.Outage = outage.New(outage.Config{Attempts: attempts, Patience: patience, Reset: func() { m.resets++ },
		Closed: m.closed.Load})
	return m
}

// tries counts how often something is tried that always ends with err, and how long that takes.
func (m *made) tries(ctx context.Context, err error) (n int, lasted time.Duration) {
	begun := time.Now()
	for n = 1; m.Again(ctx, n, err); n++ {
		if n > 100_000 {
			return n, time.Since(begun)
		}
	}
	return n, time.Since(begun)
}

func TestHowLongIsTried(t *testing.T) {
	for _, tt := range []struct {
		name     string
		err      error
		patience time.Duration
		hasty    bool
		least    int // attempts
		most     int
		shortest time.Duration
		longest  time.Duration
		away     bool
	}{
		{"what nobody understands, once", errSyntax, time.Minute, false, 1, 1, 0, 0, false},
		{"a full disk, once", errFull, time.Minute, false, 1, 1, 0, 0, false},
		{"what met another transaction, at once and not for ever", errMet, 0, false, attempts, attempts, 0, 0, false},
		{"the same in haste", errMet, 0, true, attempts, attempts, 0, 0, false},
		{"a server that comes up, as long as there is patience", errStarting, 30 * time.Second, false, 100, 200, 30 * time.Second, 31 * time.Second, true},
		{"a server that comes up, without patience", errStarting, 0, false, 1, 1, 0, 0, true},
		{"a server that comes up, in haste", errStarting, 30 * time.Second, true, 1, 1, 0, 0, true},
		{"connections that are gone, without patience", errGone, 0, false, attempts, attempts, 0, 0, true},
		{"connections that are gone, in haste", errGone, time.Minute, true, attempts, attempts, 0, 0, true},
		{"connections that are gone, with patience", errGone, 10 * time.Second, false, 40, 80, 10 * time.Second, 11 * time.Second, true},
		{"no answer in time, with patience", context.DeadlineExceeded, 5 * time.Second, false, 20, 40, 5 * time.Second, 6 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, ctx := newOutage(tt.patience), t.Context()
				if tt.hasty {
					ctx = outage.Hastily(ctx)
				}
				n, lasted := m.tries(ctx, tt.err)
				if n < tt.least || n > tt.most || lasted < tt.shortest || lasted > tt.longest {
					t.Errorf("%d attempts in %s, want %d to %d in %s to %s", n, lasted, tt.least, tt.most, tt.shortest, tt.longest)
				}
				if since, why := m.Since(); since.IsZero() == tt.away || tt.away && !errors.Is(why, tt.err) {
					t.Errorf("away since %s: %v, want %t", since, why, tt.away)
				}
			})
		})
	}
}

// Patience counts from when the server went away: who comes later is refused at once.
func TestPatienceIsThatOfTheOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newOutage(10 * time.Second)
		first, _ := m.tries(t.Context(), errStarting)
		n, lasted := m.tries(t.Context(), errStarting)
		if first < 10 || n != 1 || lasted != 0 {
			t.Errorf("%d attempts, then %d in %s", first, n, lasted)
		}
		m.Over()
		if since, why := m.Since(); !since.IsZero() || why != nil {
			t.Errorf("it is over, and away since %s: %v", since, why)
		}
		if n, lasted := m.tries(t.Context(), errStarting); n < 10 || lasted < 10*time.Second {
			t.Errorf("the next outage: %d attempts in %s", n, lasted)
		}
	})
}

func TestAnOutageBeginsWithItsFirstFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newOutage(time.Minute)
		begun := time.Now()
		m.Again(t.Context(), 1, errStarting)
		m.Again(t.Context(), 2, errGone)
		if since, why := m.Since(); !since.Equal(begun) || !errors.Is(why, errGone) {
			t.Errorf("since %s (%v), want %s and the last failure", since, why, begun)
		}
	})
}

// A server that was replaced is left: the connections lead to the one that takes no writes.
func TestConnectionsToAReplacedServerAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			name string
			err  error
			want int
		}{{"replaced", errReplaced, 1}, {"coming up", errStarting, 0}, {"met", errMet, 0}, {"not understood", errSyntax, 0}} {
			m := newOutage(time.Minute)
			if m.Again(t.Context(), 1, tt.err); m.resets != tt.want {
				t.Errorf("%s: %d resets, want %d", tt.name, m.resets, tt.want)
			}
		}
	})
}

func TestWaitingEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(m *made, cancel func())
		want time.Duration
	}{
		{"with who asks", func(_ *made, cancel func()) { cancel() }, 3 * time.Second},
		{"with the store", func(m *made, _ func()) { m.closed.Store(true) }, 3*time.Second + 250*time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newOutage(time.Hour)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(3*time.Second, func() { tt.end(m, cancel) })
				if _, lasted := m.tries(ctx, errStarting); lasted > tt.want || lasted < 3*time.Second-250*time.Millisecond {
					t.Errorf("it lasted %s, want at most %s", lasted, tt.want)
				}
			})
		})
	}
}

// Who has gone already is not waited for, and is no sign of an outage.
func TestNobodyAsks(t *testing.T) {
	m := newOutage(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if m.Again(ctx, 1, errStarting) {
		t.Error("tried again for nobody")
	}
	if since, _ := m.Since(); !since.IsZero() {
		t.Error("it counts as an outage")
	}
}
