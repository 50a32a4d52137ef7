package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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

// View implements store.Transactor. Each query sees what is committed when it begins, as in a transaction of the
// server's default, so none is begun: of a view of one query that saves two round trips of three.
func (s *Store) View(ctx context.Context, what string, fn func(store.Tx) error) error {
	return s.run.Read(ctx, what, func(ctx context.Context) error {
		return s.run.Calls.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return fn(pools.Reading{Transaction: s.in(ctx, c)}) })
	})
}

// in returns tx for the statements that SQLite knows too.
func (s *Store) in(ctx context.Context, tx pools.Connection) pools.Transaction {
	return pools.Transaction{Ctx: ctx, Tx: tx, SQL: s.run.SQL}
}
