package statements

import (
	"context"
	"database/sql"
)

// most is how many statements are kept prepared in one transaction.
const most = 32

// Kept is a transaction whose statements are prepared from their second time on. It is for one
// goroutine; what it prepared ends with the transaction.
type Kept struct {
	*sql.Tx
	said map[string]*sql.Stmt // nil for one that was said once
}

// Of returns tx with its statements kept.
func Of(tx *sql.Tx) *Kept { return &Kept{Tx: tx, said: map[string]*sql.Stmt{}} }

// ExecContext carries out a statement that returns no rows.
func (k *Kept) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := k.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return k.Tx.ExecContext(ctx, query, args...)
	}
	return s.ExecContext(ctx, args...)
}

// QueryRowContext asks for one row. The caller scans it before it asks for another one.
func (k *Kept) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := k.prepared(ctx, query)
	if err != nil || s == nil {
		return k.Tx.QueryRowContext(ctx, query, args...) // a statement that cannot be prepared says so here
	}
	return s.QueryRowContext(ctx, args...)
}

// prepared returns the statement if it was said before, nil if it was not.
func (k *Kept) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	s, again := k.said[query]
	if !again && len(k.said) < most {
		k.said[query] = nil
	}
	if !again || s != nil {
		return s, nil
	}
	s, err := k.PrepareContext(ctx, query)
	if err == nil {
		k.said[query] = s
	}
	return s, err
}
