package pools

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// readNow is the store's clock, in microseconds.
const readNow = `SELECT (extract(epoch FROM {now}) * 1000000)::bigint`

// Connection carries statements: a pgx.Tx, or a connection of which each stands for itself.
type Connection interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

// Transaction is one for the statements that SQLite knows too. It implements store.Tx.
type Transaction struct {
	Ctx context.Context
	Tx  Connection
	SQL func(query string) string // makes a statement of those PostgreSQL's
}

// Reading is for queries that stand for themselves: no round trip begins or ends a transaction. It implements store.Tx.
type Reading struct{ Transaction }

// Exec changes nothing.
func (Reading) Exec(query string, _ ...any) (int64, error) {
	return 0, fmt.Errorf("pools: a view does not write: %s", query)
}

// Exec implements store.Tx.
func (t Transaction) Exec(query string, args ...any) (int64, error) {
	tag, err := t.Tx.Exec(t.Ctx, t.SQL(query), args...)
	return tag.RowsAffected(), err
}

// Query implements store.Tx.
func (t Transaction) Query(
	query string, args []any, each func(scan func(dest ...any) error) error,
) error {
	rows, err := t.Tx.Query(t.Ctx, t.SQL(query), args...)
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

// Now implements store.Tx.
func (t Transaction) Now() (now int64, err error) {
	return now, t.Tx.QueryRow(t.Ctx, t.SQL(readNow)).Scan(&now)
}
