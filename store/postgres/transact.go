package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
)

var _ store.Transactor = (*Store)(nil)

// readNow is the store's clock, in microseconds.
const readNow = `SELECT (extract(epoch FROM {now}) * 1000000)::bigint`

// Transact implements store.Transactor.
func (s *Store) Transact(ctx context.Context, what string, fn func(store.Tx) error) error {
	return s.write(ctx, what, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.pools.Calls, func(tx pgx.Tx) error { return fn(shared{ctx, s, tx}) })
	})
}

// View implements store.Transactor.
func (s *Store) View(ctx context.Context, what string, fn func(store.Tx) error) error {
	return s.read(ctx, what, func(ctx context.Context) error {
		opt := pgx.TxOptions{AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, s.pools.Calls, opt, func(tx pgx.Tx) error { return fn(shared{ctx, s, tx}) })
	})
}

// shared is a transaction for the statements that SQLite knows too.
type shared struct {
	ctx context.Context
	s   *Store
	tx  pgx.Tx
}

func (t shared) Exec(query string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(t.ctx, t.s.sql(query), args...)
	return tag.RowsAffected(), err
}

func (t shared) Query(
	query string, args []any, each func(scan func(dest ...any) error) error,
) error {
	rows, err := t.tx.Query(t.ctx, t.s.sql(query), args...)
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

func (t shared) Now() (now int64, err error) {
	return now, t.tx.QueryRow(t.ctx, t.s.sql(readNow)).Scan(&now)
}
