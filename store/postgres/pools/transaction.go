package pools

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// readNow is the store's clock, in microseconds.
const readNow = `SELECT (extract(epoch FROM {now}) * 1000000)::bigint`

// Transaction is one for the statements that SQLite knows too. It implements store.Tx.
type Transaction struct {
	Ctx context.Context
	Tx  pgx.Tx
	SQL func(query string) string // makes a statement of those PostgreSQL's
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
