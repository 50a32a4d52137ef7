// Package sqlite keeps requests, repeats and certificates in one SQLite file, for a gateway of one
// machine. One goroutine writes and takes all waiting writes into one transaction, so that they
// share an fsync; readers run beside it.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers bounds the connections that read at the same time.
const readers = 8

// Store is a database file. It is safe for concurrent use, and several processes may have the same
// file open.
type Store struct {
	db        *sql.DB
	now       func() time.Time
	reads     map[string]*sql.Stmt
	writes    chan *write // unbuffered: a write that was taken is answered
	quit      chan struct{}
	ended     chan struct{} // closed when the writer ended
	writerErr error         // why the writer could not be closed; valid after ended
	once      sync.Once

	statements statements
}

var (
	_ store.Database = (*Store)(nil)
)

// queries are those that the readers prepare.
var queries = []string{
	loadValue, below, statValue, readOne, readLogins, findRequest, readPart, readParts,
	readMembers, readPage, openScope,
}

// file is a Store by the name under which the contracts embed it.
type file = Store

// Option changes how a Store works.
type Option func(s *Store)

// WithClock sets the store's clock, which judges every age and every lease; without it it is that of
// the machine. Processes that share a file must have the same one.
func WithClock(now func() time.Time) Option { return func(s *Store) { s.now = now } }

// Open opens the database at path, making it if it is not there. The caller closes it.
func Open(ctx context.Context, path string, options ...Option) (*Store, error) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := OpenDB(ctx, path, sub)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers + 1)
	db.SetMaxIdleConns(readers + 1)
	s := &Store{
		db: db, now: time.Now, reads: map[string]*sql.Stmt{},
		writes: make(chan *write), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	for _, set := range options {
		set(s)
	}
	conn, err := s.prepare(ctx)
	if err != nil {
		return nil, fmt.Errorf("open database %q: %w", path,
			errors.Join(translate(err), db.Close()))
	}
	go s.run(&txn{
		ctx: context.WithoutCancel(ctx), conn: conn, stmts: map[string]*sql.Stmt{},
		now: func() int64 { return s.now().UnixNano() },
	})
	return s, nil
}

// OpenDB is schema.Open with the errors of package store: ErrFull if the file cannot be written.
func OpenDB(ctx context.Context, path string, migrations fs.FS) (*sql.DB, error) {
	db, err := schema.Open(ctx, path, migrations)
	if err != nil {
		return nil, fmt.Errorf("open database %q: %w", path, translate(err))
	}
	return db, nil
}

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

// prepare returns the writer's connection and has the pool's ones keep what they read with.
func (s *Store) prepare(ctx context.Context) (*sql.Conn, error) {
	for _, query := range queries {
		st, err := s.db.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		s.reads[query] = st
	}
	return s.db.Conn(ctx)
}

// Close waits for the writes that were taken and closes the database. It may be called again.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.quit)
		<-s.ended
		err = errors.Join(s.writerErr, s.db.Close())
	})
	return err
}

// write has apply carried out in a transaction and returns when it is on disk. Once it was taken,
// it does not return before the outcome is known, whatever becomes of ctx.
func (s *Store) write(ctx context.Context, what string, apply func(tx *txn) error) error {
	w := &write{gone: ctx.Err, apply: apply, done: make(chan error, 1)}
	err := ctx.Err()
	if err == nil {
		select {
		case s.writes <- w:
			err = <-w.done
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.quit:
			err = store.ErrClosed
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// read calls scan with query, one of those that prepare names, on the pool of readers.
func (s *Store) read(ctx context.Context, what, query string, scan func(st *sql.Stmt) error) error {
	return s.ask(ctx, what, func() error { return scan(s.reads[query]) })
}

// ask calls fn, which reads, and makes the contracts' errors of its own.
func (s *Store) ask(ctx context.Context, what string, fn func() error) error {
	err := ctx.Err()
	if err == nil {
		err = fn()
	}
	if err == nil {
		return nil
	}
	select {
	case <-s.quit:
		err = store.ErrClosed
	default:
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNotFound
	}
	return fmt.Errorf("%s: %w", what, translate(err))
}

// brief is ctx for a look at a row or a few by their key. That takes microseconds, and two goroutines would wait all
// the while to interrupt it. Whoever gave up before is told so first.
func brief(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// scanner is one row of a result.
type scanner interface{ Scan(dest ...any) error }

// rows calls fn with every row of query, one of those that prepare names.
func (s *Store) rows(
	ctx context.Context, what, query string, args []any, fn func(row scanner) error,
) error {
	return s.read(ctx, what, query, func(st *sql.Stmt) error {
		all, err := st.QueryContext(ctx, args...)
		if err != nil {
			return err
		}
		defer all.Close()
		for all.Next() {
			if err := fn(all); err != nil {
				return err
			}
		}
		return all.Err()
	})
}

// count carries out one statement and returns how many rows it changed.
func (s *Store) count(ctx context.Context, what, query string, args ...any) (int, error) {
	return s.countAt(ctx, what, func(int64) (string, []any) { return query, args })
}

// countAt carries out one statement that depends on the time, in nanoseconds, and returns how many
// rows it changed.
func (s *Store) countAt(
	ctx context.Context, what string, statement func(now int64) (query string, args []any),
) (int, error) {
	var n int64
	err := s.write(ctx, what, func(tx *txn) (err error) {
		query, args := statement(tx.now())
		n, err = tx.exec(query, args...)
		return err
	})
	return int(n), err
}

// stale makes ErrStale of a change that met no row.
func stale(n int64, err error) error {
	if err == nil && n == 0 {
		return store.ErrStale
	}
	return err
}

// found makes ErrNotFound of a change that met no row.
func found(n int64, err error) error {
	if err == nil && n == 0 {
		return store.ErrNotFound
	}
	return err
}

// fromNanos reads a time as it is kept: NULL for the zero one.
func fromNanos(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.Unix(0, n.Int64).UTC()
}
