package engine

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"

	"github.com/stagelock/stagelock/store/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// querier is what a transaction and the database have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// openDB opens the database at path and brings it to the last schema.
func openDB(ctx context.Context, path string) (*sql.DB, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return sqlite.OpenDB(ctx, path, files)
}

// column returns the first column of query as strings.
func column(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
	return collect(ctx, q, func(r *sql.Rows) (s string, err error) { return s, r.Scan(&s) }, query, args...)
}

// collect returns one T for every row of query.
func collect[T any](
	ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any,
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
