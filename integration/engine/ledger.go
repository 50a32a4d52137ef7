package engine

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Execution is one line of the execution ledger: a call that was really carried out.
type Execution struct {
	Seq     int64
	At      time.Time
	Login   string
	Method  string // such as updateStagingRequest
	Site    int64  // 0 when the call names none
	Request int64  // 0 when the call names none
	Digest  string // SHA-256 of the method and its arguments; a part counts by its own SHA-256
	Outcome string // ok, or the class of the exception that it threw
}

// OK is the outcome of an execution that threw nothing.
const OK = "ok"

// Ledger returns every call that was carried out, in order. The row of a call with an effect was
// written in the transaction of the effect: both are there or neither is.
func (e *Engine) Ledger(ctx context.Context) ([]Execution, error) {
	return collect(ctx, e.db, func(r *sql.Rows) (Execution, error) {
		var x Execution
		var at string
		if err := r.Scan(&x.Seq, &at, &x.Login, &x.Method, &x.Site, &x.Request, &x.Digest, &x.Outcome); err != nil {
			return x, err
		}
		var err error
		x.At, err = time.Parse(time.RFC3339Nano, at)
		return x, err
	}, `SELECT seq, at, login, method, site, request, digest, outcome FROM ledger ORDER BY seq`)
}

// invocation is one call on its way into the ledger.
type invocation struct {
	login, method string
	site, request int64
	digest        string
}

// invoke makes the invocation of method with args; site and request are set by the caller when
// there are any.
func invoke(login, method string, args ...any) *invocation {
	b, err := json.Marshal(append([]any{method}, args...))
	if err != nil {
		panic("engine: arguments that JSON cannot carry: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return &invocation{login: login, method: method, digest: hex.EncodeToString(sum[:])}
}

func (c *invocation) onSite(site int64) *invocation { c.site = site; return c }

func (c *invocation) onRequest(id int64) *invocation { c.request = id; return c }

// execute carries out fn for the user behind c.login in one transaction with the ledger's row. An
// exception undoes what fn did and is itself recorded; any other error leaves no trace.
func (e *Engine) execute(ctx context.Context, c *invocation, fn func(*sql.Tx, User) error) error {
	err := e.change(ctx, func(tx *sql.Tx) error {
		u, err := e.user(ctx, tx, c.login)
		if err != nil {
			return err
		}
		if err := fn(tx, u); err != nil {
			return err
		}
		e.pause(c.method + ":before-commit")
		return e.record(ctx, tx, c, OK)
	})
	if err == nil {
		e.pause(c.method + ":committed")
	}
	return e.thrown(ctx, c, err)
}

// thrown records err in the ledger if it is an exception, and returns it.
func (e *Engine) thrown(ctx context.Context, c *invocation, err error) error {
	var x *Exception
	if !errors.As(err, &x) {
		return err
	}
	if rec := e.change(ctx, func(tx *sql.Tx) error { return e.record(ctx, tx, c, x.Class) }); rec != nil {
		return rec
	}
	return x
}

func (e *Engine) record(ctx context.Context, tx *sql.Tx, c *invocation, outcome string) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO ledger (at, login, method, site, request, digest, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		e.stamp(), c.login, c.method, c.site, c.request, c.digest, outcome)
	return err
}

// change runs fn in a write transaction.
func (e *Engine) change(ctx context.Context, fn func(*sql.Tx) error) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}
