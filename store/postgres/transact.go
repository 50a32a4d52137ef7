package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/pools"
)

var _ store.Transactor = (*Store)(nil)

// Transact implements store.Transactor.
func (s *Store) Transact(ctx context.Context, what string, fn func(store.Tx) error) error {
	return s.run.Write(ctx, what, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.run.Calls, func(tx pgx.Tx) error { return fn(s.in(ctx, tx)) })
	})
}

// View implements store.Transactor.
func (s *Store) View(ctx context.Context, what string, fn func(store.Tx) error) error {
	return s.run.Read(ctx, what, func(ctx context.Context) error {
		opt := pgx.TxOptions{AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, s.run.Calls, opt, func(tx pgx.Tx) error { return fn(s.in(ctx, tx)) })
	})
}

// in returns tx for the statements that SQLite knows too.
func (s *Store) in(ctx context.Context, tx pgx.Tx) pools.Transaction {
	return pools.Transaction{Ctx: ctx, Tx: tx, SQL: s.run.SQL}
}
