package content

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content/statements"
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
	Outcome string // ok, or what Config.Outcome calls the error
}

// OK is the outcome of an execution that failed in nothing.
const OK = "ok"

// Ledger returns every call that was carried out, in order. The row of a call with an effect was
// written in the transaction of the effect: both are there or neither is. Calls that only read are
// written together, before the next effect; a kill can lose those.
func (s *Store) Ledger(ctx context.Context) ([]Execution, error) { return s.LedgerAfter(ctx, 0) }

// LedgerAfter is Ledger without the calls up to the one of that Seq.
func (s *Store) LedgerAfter(ctx context.Context, seq int64) ([]Execution, error) {
	if err := s.flush(ctx); err != nil {
		return nil, err
	}
	return Collect(ctx, s.db, func(r *sql.Rows) (Execution, error) {
		var x Execution
		var at string
		if err := r.Scan(&x.Seq, &at, &x.Login, &x.Method, &x.Site, &x.Request, &x.Digest, &x.Outcome); err != nil {
			return x, err
		}
		var err error
		x.At, err = time.Parse(time.RFC3339Nano, at)
		return x, err
	}, `SELECT seq, at, login, method, site, request, digest, outcome FROM ledger WHERE seq > ? ORDER BY seq`, seq)
}

// Invocation is one call on its way into the ledger.
type Invocation struct {
	Login, Method string
	Site, Request int64 // set when they are known
	Digest        string
}

// Invoke makes the invocation of method with args, which must be what JSON can carry.
func Invoke(login, method string, args ...any) *Invocation {
	b, err := json.Marshal(append([]any{method}, args...))
	if err != nil {
		panic("content: arguments that JSON cannot carry: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return &Invocation{Login: login, Method: method, Digest: hex.EncodeToString(sum[:])}
}

// OnSite sets the site of the call.
func (c *Invocation) OnSite(site int64) *Invocation { c.Site = site; return c }

// OnRequest sets the staging request of the call.
func (c *Invocation) OnRequest(id int64) *Invocation { c.Request = id; return c }

// Execute carries out fn for the user behind c.Login in one transaction with the ledger's row. An
// Error undoes what fn did and is itself recorded; any other error leaves no trace.
func (s *Store) Execute(ctx context.Context, c *Invocation, fn func(*Tx, User) error) error {
	err := s.Change(ctx, func(tx *Tx) error {
		u, err := tx.User(ctx, c.Login)
		if err != nil {
			return err
		}
		if err := fn(tx, u); err != nil {
			return err
		}
		s.Pause(c.Method + ":before-commit")
		return s.Record(ctx, tx, c)
	})
	if err == nil {
		s.Pause(c.Method + ":committed")
	}
	return s.Refused(ctx, c, err)
}

// Consult carries out fn, which only reads, for the user behind c.Login beside whoever writes.
func (s *Store) Consult(ctx context.Context, c *Invocation, fn func(View, User) error) error {
	err := s.Read(ctx, func(v View) error {
		u, err := v.User(ctx, c.Login)
		if err != nil {
			return err
		}
		return fn(v, u)
	})
	var e *Error
	switch {
	case err == nil:
		return s.note(ctx, s.execution(c, OK))
	case errors.As(err, &e):
		if rec := s.note(ctx, s.execution(c, s.cfg.Outcome(e))); rec != nil {
			return rec
		}
	}
	return err
}

// Refused records err in the ledger if it is an Error, and returns it.
func (s *Store) Refused(ctx context.Context, c *Invocation, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	x := s.execution(c, s.cfg.Outcome(e))
	if rec := s.Change(ctx, func(tx *Tx) error { return insertExecutions(ctx, tx.kept, []Execution{x}) }); rec != nil {
		return rec
	}
	return err
}

// Record writes the ledger's row of a call that succeeds with tx.
func (s *Store) Record(ctx context.Context, tx *Tx, c *Invocation) error {
	return insertExecutions(ctx, tx.kept, []Execution{s.execution(c, OK)})
}

func (s *Store) execution(c *Invocation, outcome string) Execution {
	return Execution{At: s.Now(), Login: c.Login, Method: c.Method, Site: c.Site, Request: c.Request,
		Digest: c.Digest, Outcome: outcome}
}

func insertExecutions(ctx context.Context, tx *statements.Kept, all []Execution) error {
	for _, x := range all {
		if _, err := tx.ExecContext(ctx,
			`INSERT INTO ledger (at, login, method, site, request, digest, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			Stamp(x.At), x.Login, x.Method, x.Site, x.Request, x.Digest, x.Outcome); err != nil {
			return err
		}
	}
	return nil
}

// maxReadings is how many calls that only read wait for a write transaction.
const maxReadings = 256

// readings are the executions that only read and are not in the ledger yet.
type readings struct {
	mu   sync.Mutex
	rows []Execution // guarded by mu
}

func (r *readings) add(x Execution) (full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, x)
	return len(r.rows) >= maxReadings
}

func (r *readings) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.rows) == 0
}

func (r *readings) take() []Execution {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := r.rows
	r.rows = nil
	return rows
}

// restore puts rows back in front of what came meanwhile.
func (r *readings) restore(rows []Execution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(rows[:len(rows):len(rows)], r.rows...)
}

func (s *Store) note(ctx context.Context, x Execution) error {
	if s.read.add(x) {
		return s.flush(ctx)
	}
	return nil
}

// flush writes the executions that only read.
func (s *Store) flush(ctx context.Context) error {
	if s.read.empty() {
		return nil
	}
	return s.Change(ctx, func(*Tx) error { return nil })
}
