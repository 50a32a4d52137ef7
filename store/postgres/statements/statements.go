// Package statements carries what the contracts ask to the database: it writes the schema into a statement,
// gives each attempt its time, tries again what met another transaction or a connection that had gone away,
// waits for a server that is away, and makes the contracts' errors of the server's.
package statements

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/outage"
	"github.com/stagelock/stagelock/store/postgres/pools"
	"github.com/stagelock/stagelock/store/postgres/sqlstate"
)

const (
	// Time is how long the server may take for one attempt.
	Time = 5 * time.Second
	// LongTime is how long where a round trip takes seconds.
	LongTime = 30 * time.Second
	// Attempts bounds how often a transaction begins anew: that met another one, or whose connection
	// had gone away, of which a pool may have many after a restart of the server.
	Attempts = 20
)

// Config says what the statements are written for.
type Config struct {
	Schema   string               // in which the tables are
	Patience time.Duration        // with a server that is away
	Offset   func() time.Duration // is added to the server's clock; only tests set it
}

// Runner carries statements. It is safe for concurrent use.
type Runner struct {
	*pools.Pools
	cfg    Config
	closed atomic.Bool
	outage *outage.Outage
	pace   *outage.Pace

	mu      sync.RWMutex      // guards written
	written map[string]string // statements for this schema, if the clock is the server's own
}

// maxWritten bounds how many statements are kept as they were written.
const maxWritten = 1000

// New returns what runs statements on the connections of all, which it closes with Close.
func New(all *pools.Pools, cfg Config) *Runner {
	r := &Runner{Pools: all, cfg: cfg, pace: outage.NewPace(Time, LongTime)}
	r.outage = outage.New(outage.Config{Attempts: Attempts, Patience: cfg.Patience, Reset: all.Reset, Closed: r.closed.Load})
	return r
}

// Close waits for the statements under way and closes the connections. It may be called again.
func (r *Runner) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	return r.Pools.Close()
}

// Away returns since when the database cannot be reached and why, or nil if it can, as far as is known.
func (r *Runner) Away() error {
	since, why := r.outage.Since()
	if since.IsZero() {
		return nil
	}
	return fmt.Errorf("the database is away since %s: %w", since.UTC().Format("15:04:05 UTC"), sqlstate.Translate(why))
}

// SQL writes the schema and the clock into a statement: @. stands before a table, {now} for the time.
func (r *Runner) SQL(query string) string {
	if r.cfg.Offset != nil {
		us := strconv.FormatInt(r.cfg.Offset().Microseconds(), 10)
		return r.write(query, "(clock_timestamp() + interval '"+us+" microseconds')")
	}
	r.mu.RLock()
	done, ok := r.written[query]
	r.mu.RUnlock()
	if ok {
		return done
	}
	done = r.write(query, "clock_timestamp()")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.written == nil {
		r.written = map[string]string{}
	}
	if len(r.written) < maxWritten {
		r.written[query] = done
	}
	return done
}

func (r *Runner) write(query, now string) string {
	return strings.NewReplacer("@.", r.cfg.Schema+".", "{now}", now,
		"{name}", "convert_from(name, 'UTF8')", "{strpos}", "strpos", "{share}", "FOR SHARE").Replace(query)
}

// Read runs fn, which changes nothing.
func (r *Runner) Read(ctx context.Context, what string, fn func(ctx context.Context) error) error {
	return r.run(ctx, what, fn)
}

// Write runs fn, which is one transaction that may be carried out twice. Once it began it does not end
// before the outcome is known, or the server's time is over, whatever becomes of ctx.
func (r *Runner) Write(ctx context.Context, what string, fn func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return r.run(context.WithoutCancel(ctx), what, fn)
}

// run calls fn until it met no other transaction and no connection that had gone away, waits for a server
// that is away, and makes the contracts' errors of its own.
func (r *Runner) run(ctx context.Context, what string, fn func(ctx context.Context) error) error {
	err := ctx.Err()
	for n := 0; err == nil || n > 0 && r.outage.Again(ctx, n, err); n++ {
		if r.closed.Load() {
			return fmt.Errorf("%s: %w", what, store.ErrClosed)
		}
		if err = r.attempt(ctx, fn); err == nil {
			return nil
		}
	}
	if r.closed.Load() {
		return fmt.Errorf("%s: %w", what, store.ErrClosed)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return fmt.Errorf("%s: %w", what, sqlstate.Translate(err))
}

// attempt calls fn, which has as much time as attempts take now. Whatever the server says, it answers; who gave up
// waiting for it knows nothing.
func (r *Runner) attempt(ctx context.Context, fn func(ctx context.Context) error) error {
	limit := r.pace.Limit()
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begun := time.Now()
	err := fn(timed)
	took := time.Since(begun)
	if err == nil || !sqlstate.Away(err) && ctx.Err() == nil {
		r.pace.Took(took, nil)
		r.outage.Over()
		return err
	}
	r.pace.Took(took, err)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = fmt.Errorf("no answer of the database within %v: %w", limit, err)
	}
	return err
}

// Count runs one statement on the calls' connections and returns how many rows it changed.
func (r *Runner) Count(ctx context.Context, what, query string, args ...any) (int, error) {
	n := 0
	err := r.Write(ctx, what, func(ctx context.Context) error {
		tag, err := r.Calls.Exec(ctx, r.SQL(query), args...)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}

// Batch is statements that one round trip carries and one transaction keeps.
type Batch struct {
	pgx.Batch
	r *Runner
}

// NewBatch returns one without statements.
func (r *Runner) NewBatch() *Batch { return &Batch{r: r} }

// Add adds a statement.
func (b *Batch) Add(query string, args ...any) { b.Queue(b.r.SQL(query), args...) }

// Send returns how many rows the last statement changed.
func (b *Batch) Send(ctx context.Context) (last int64, err error) {
	res := b.r.Calls.SendBatch(ctx, &b.Batch)
	for range b.Len() {
		tag, err := res.Exec()
		if err != nil {
			return 0, errors.Join(err, res.Close())
		}
		last = tag.RowsAffected()
	}
	return last, res.Close()
}

// Stale makes store.ErrStale of a change that met no row.
func Stale(n int, err error) error {
	if err == nil && n == 0 {
		return store.ErrStale
	}
	return err
}
