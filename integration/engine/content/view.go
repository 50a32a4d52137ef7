package content

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"github.com/stagelock/stagelock/integration/engine/content/statements"
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
	kept *statements.Kept
}

// ExecContext writes tables that are not the store's own.
func (t *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.kept.ExecContext(ctx, query, args...)
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

// JSON keeps a value V in a column as JSON. What is read is read into a pointer.
type JSON struct{ V any }

// Value returns the JSON text.
func (j JSON) Value() (driver.Value, error) {
	b, err := json.Marshal(j.V)
	return string(b), err
}

// Scan reads a text that Value wrote.
func (j JSON) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("a column of JSON holds a %T", src)
	}
	return json.Unmarshal([]byte(s), j.V)
}
