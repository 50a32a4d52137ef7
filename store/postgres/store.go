// Package postgres keeps the contracts of store in a PostgreSQL database of version 15 or later, for
// several gateways. It works through a pooler in transaction mode: no session state, no advisory
// locks, no notifications, and every name is written with its schema.
package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/fitness"
	"github.com/stagelock/stagelock/store/postgres/outage"
	"github.com/stagelock/stagelock/store/postgres/pools"
	"github.com/stagelock/stagelock/store/postgres/sqlstate"
)

const (
	// statementTime is how long the server may take for one attempt, longTime for one where a round trip takes
	// seconds.
	statementTime, longTime = 5 * time.Second, 30 * time.Second
	// attempts bounds how often a transaction begins anew: that met another one, or whose connection
	// had gone away, of which a pool may have many after a restart of the server.
	attempts = 20
	// defaultSchema holds the tables.
	defaultSchema = "stagelock"
)

// Config says where the database is.
type Config struct {
	URL         string // postgres://user:password@host/database?sslmode=verify-full
	Schema      string // default stagelock
	Cluster     string // name of the cluster; the first gateway writes it, the others must say the same
	Connections int    // for calls, default 16, at least 4; the audit log has two more, the member's lease one
	Pooler      bool   // a pooler in transaction mode is in front: no prepared statements
	Manual      bool   // migrations are applied by Migrate only
	// Patience is how long what is asked of the database waits for one that is away, or failing over, from
	// when it went away: what comes later is refused at once.
	Patience time.Duration
	// Offset is added to the server's clock. Only tests set it.
	Offset func() time.Duration
}

// Report is what a check found of the server.
type Report = fitness.Report

// Store is a database. It is safe for concurrent use, and so are several processes.
type Store struct {
	cfg      Config
	pools    *pools.Pools
	closed   atomic.Bool
	outage   *outage.Outage
	pace     *outage.Pace
	warnings []string
}

var _ store.Database = (*Store)(nil)

// db is a Store by the name under which the contracts embed it.
type db = Store

// schemaName is what needs no quotes.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Open connects, checks the server's settings, brings the schema up to date unless that is manual,
// and holds the name of the cluster against the database's. The caller closes the store.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// connect makes the pools; it reaches no server yet.
func connect(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Schema == "" {
		cfg.Schema = defaultSchema
	}
	if !schemaName.MatchString(cfg.Schema) {
		return nil, fmt.Errorf("schema %q: use lower-case letters, digits and underscores", cfg.Schema)
	}
	all, err := pools.Open(ctx, pools.Config{URL: cfg.URL, Connections: cfg.Connections, Pooler: cfg.Pooler,
		Dial: statementTime, Connect: longTime})
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, pools: all, pace: outage.NewPace(statementTime, longTime)}
	s.outage = outage.New(outage.Config{Attempts: attempts, Patience: cfg.Patience, Reset: all.Reset, Closed: s.closed.Load})
	return s, nil
}

// Close waits for the statements under way and closes the connections. It may be called again.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.pools.Close()
}

// Inspect connects and checks, and changes nothing.
func Inspect(ctx context.Context, cfg Config) (Report, error) {
	s, err := connect(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	r, err := fitness.Of(ctx, s.ask)
	return r, errors.Join(err, s.Close())
}

// ask answers a query of a check.
func (s *Store) ask(ctx context.Context, query string, into ...any) error {
	return s.read(ctx, "check the database", func(ctx context.Context) error {
		return s.pools.Calls.QueryRow(ctx, s.sql(query)).Scan(into...)
	})
}

// Away returns since when the database cannot be reached and why, or nil if it can, as far as is known.
func (s *Store) Away() error {
	since, why := s.outage.Since()
	if since.IsZero() {
		return nil
	}
	return fmt.Errorf("the database is away since %s: %w", since.UTC().Format("15:04:05 UTC"), sqlstate.Translate(why))
}

// Warnings returns what the operator should know of the server, as Open found it.
func (s *Store) Warnings() []string { return s.warnings }

// Members implements store.Database.
func (s *Store) Members() store.Members { return members{s} }

// Requests implements store.Database.
func (s *Store) Requests() store.Requests { return requests{s} }

// Repeats implements store.Database.
func (s *Store) Repeats() store.Repeats { return repeats{s} }

// Leases implements store.Database.
func (s *Store) Leases() store.Leases { return leases{s} }

// Values implements store.Database.
func (s *Store) Values() store.Values { return values{s} }

// Pages implements store.Database.
func (s *Store) Pages() store.Pages { return pages{s} }

// Nonces implements store.Database.
func (s *Store) Nonces() store.Nonces { return nonces{s} }

// Logs returns the audit logs of the gateways that share the database.
func (s *Store) Logs() store.Logs { return logs{s} }

// sql writes the schema and the clock into a statement: @. stands before a table, {now} for the time.
func (s *Store) sql(query string) string {
	now := "clock_timestamp()"
	if s.cfg.Offset != nil {
		us := strconv.FormatInt(s.cfg.Offset().Microseconds(), 10)
		now = "(clock_timestamp() + interval '" + us + " microseconds')"
	}
	return strings.NewReplacer("@.", s.cfg.Schema+".", "{now}", now,
		"{name}", "convert_from(name, 'UTF8')", "{strpos}", "strpos").Replace(query)
}

// read runs fn on the calls' pool.
func (s *Store) read(ctx context.Context, what string, fn func(ctx context.Context) error) error {
	return s.run(ctx, what, fn)
}

// write runs fn, which is one transaction that may be carried out twice. Once it began it does not end
// before the outcome is known, or the server's time is over, whatever becomes of ctx.
func (s *Store) write(ctx context.Context, what string, fn func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return s.run(context.WithoutCancel(ctx), what, fn)
}

// run calls fn until it met no other transaction and no connection that had gone away, waits for a server
// that is away, and makes the contracts' errors of its own.
func (s *Store) run(ctx context.Context, what string, fn func(ctx context.Context) error) error {
	err := ctx.Err()
	for n := 0; err == nil || n > 0 && s.outage.Again(ctx, n, err); n++ {
		if s.closed.Load() {
			return fmt.Errorf("%s: %w", what, store.ErrClosed)
		}
		if err = s.attempt(ctx, fn); err == nil {
			return nil
		}
	}
	if s.closed.Load() {
		return fmt.Errorf("%s: %w", what, store.ErrClosed)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return fmt.Errorf("%s: %w", what, sqlstate.Translate(err))
}

// attempt calls fn, which has as much time as attempts take now. Whatever the server says, it answers; who gave up
// waiting for it knows nothing.
func (s *Store) attempt(ctx context.Context, fn func(ctx context.Context) error) error {
	limit := s.pace.Limit()
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begun := time.Now()
	err := fn(timed)
	took := time.Since(begun)
	if err == nil || !sqlstate.Away(err) && ctx.Err() == nil {
		s.pace.Took(took, nil)
		s.outage.Over()
		return err
	}
	s.pace.Took(took, err)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = fmt.Errorf("no answer of the database within %v: %w", limit, err)
	}
	return err
}

// count runs one statement and returns how many rows it changed.
func (s *Store) count(ctx context.Context, what, query string, args ...any) (int, error) {
	n := 0
	err := s.write(ctx, what, func(ctx context.Context) error {
		tag, err := s.pools.Calls.Exec(ctx, s.sql(query), args...)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}

// batch is statements that one round trip carries and one transaction keeps.
type batch struct {
	pgx.Batch
	s *Store
}

func (s *Store) newBatch() *batch { return &batch{s: s} }

func (b *batch) add(query string, args ...any) { b.Queue(b.s.sql(query), args...) }

// send returns how many rows the last statement changed.
func (b *batch) send(ctx context.Context) (last int64, err error) {
	res := b.s.pools.Calls.SendBatch(ctx, &b.Batch)
	for range b.Len() {
		tag, err := res.Exec()
		if err != nil {
			return 0, errors.Join(err, res.Close())
		}
		last = tag.RowsAffected()
	}
	return last, res.Close()
}

// stale makes ErrStale of a change that met no row.
func stale(n int, err error) error {
	if err == nil && n == 0 {
		return store.ErrStale
	}
	return err
}

// micros is how a duration is given to a statement.
func micros(d time.Duration) int64 { return d.Microseconds() }

// raw is a text as bytea; never NULL.
func raw(s string) []byte { return []byte(s) }

// hashed is the key of texts that may be long: their SHA-256, each text with its length.
func hashed(texts ...string) []byte {
	h := sha256.New()
	var n [8]byte
	for _, t := range texts {
		binary.BigEndian.PutUint64(n[:], uint64(len(t)))
		h.Write(n[:])
		h.Write([]byte(t))
	}
	return h.Sum(nil)
}

// utc is a time that may be NULL.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
