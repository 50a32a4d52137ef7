package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"sync"

	"github.com/stagelock/stagelock/store"
)

var _ store.Transactor = (*Store)(nil)

// dialect makes SQLite's statement of a shared one.
var dialect = strings.NewReplacer("$", "?", "@.", "", "{name}", "name", "{strpos}", "instr", "{share}", "")

// statements are shared ones in SQLite's words, each made once, and those of readers prepared once.
type statements struct{ made, ready sync.Map }

// prepared is a statement for the pool of readers, whose connections it ends with.
func (s *statements) prepared(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	if known, ok := s.ready.Load(query); ok {
		return known.(*sql.Stmt), nil
	}
	st, err := db.PrepareContext(ctx, s.of(query))
	if err != nil {
		return nil, err
	}
	if first, raced := s.ready.LoadOrStore(query, st); raced {
		return first.(*sql.Stmt), st.Close()
	}
	return st, nil
}

func (s *statements) of(query string) string {
	if known, ok := s.made.Load(query); ok {
		return known.(string)
	}
	own := dialect.Replace(query)
	s.made.Store(query, own)
	return own
}

// Transact implements store.Transactor.
func (s *Store) Transact(ctx context.Context, what string, fn func(store.Tx) error) error {
	return s.write(ctx, what, func(tx *txn) error { return fn(shared{tx, &s.statements}) })
}

// shared is the writer's transaction for shared statements.
type shared struct {
	tx   *txn
	says *statements
}

func (t shared) Exec(query string, args ...any) (int64, error) {
	return t.tx.exec(t.says.of(query), args...)
}

func (t shared) Query(
	query string, args []any, each func(scan func(dest ...any) error) error,
) error {
	st, err := t.tx.stmt(t.says.of(query))
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(t.tx.ctx, args...)
	return scanAll(rows, err, each)
}

func (t shared) Now() (int64, error) { return t.tx.now() / 1000, nil }

// View implements store.Transactor.
func (s *Store) View(ctx context.Context, what string, fn func(store.Tx) error) error {
	return s.ask(ctx, what, func() error { return fn(view{ctx, s}) })
}

// view reads on the pool of readers.
type view struct {
	ctx context.Context
	s   *Store
}

func (v view) Exec(string, ...any) (int64, error) { panic("sqlite: a view writes") }

func (v view) Query(
	query string, args []any, each func(scan func(dest ...any) error) error,
) error {
	st, err := v.s.statements.prepared(v.ctx, v.s.db, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(v.ctx, args...)
	return scanAll(rows, err, each)
}

func (v view) Now() (int64, error) { return v.s.now().UnixMicro(), nil }

func scanAll(rows *sql.Rows, err error, each func(scan func(dest ...any) error) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
