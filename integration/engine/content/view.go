package content

import (
	"context"
	"database/sql"
)

// Querier is what a transaction and a database have in common.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// View reads the store.
type View struct {
	Querier
	company int64
}

// Tx reads and writes in one transaction.
type Tx struct {
	View
	tx *sql.Tx
}

// ExecContext writes tables that are not the store's own.
func (t *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, query, args...)
}

// Column returns the first column of query as strings.
func Column(ctx context.Context, q Querier, query string, args ...any) ([]string, error) {
	return Collect(ctx, q, func(r *sql.Rows) (s string, err error) { return s, r.Scan(&s) }, query, args...)
}

// Collect returns one T for every row of query.
func Collect[T any](
	ctx context.Context, q Querier, scan func(*sql.Rows) (T, error), query string, args ...any,
) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		t, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}
