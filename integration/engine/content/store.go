package content

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content/statements"
	"github.com/stagelock/stagelock/integration/engine/content/vault"
	"github.com/stagelock/stagelock/store/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config says where a Store lies. Dir, CompanyID and Now are needed.
type Config struct {
	Dir       string
	CompanyID int64 // of users and sites that name none
	Now       func() time.Time
	Rand      io.Reader           // source of uuids; nil means crypto/rand
	Outcome   func(*Error) string // what the ledger calls an error; nil means its code
	Pause     func(point string)  // called before and after every commit; tests hold or kill there
}

// Store is the content of one environment. It is safe for concurrent use, also by another process.
type Store struct {
	View // of every statement by itself

	cfg  Config
	db   *sql.DB
	dir  string // of the packs
	lock *vault.Lock

	writing sync.Mutex // held around every write transaction: SQLite has one writer, and waiting here has no deadline
	read    readings
	closing sync.Once
	closed  error
}

// Open opens the store in cfg.Dir, which it makes when it is missing. Until Share is called no other
// process can open it, unless one already has: then Alone reports false.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Outcome == nil {
		cfg.Outcome = func(e *Error) string { return string(e.Code) }
	}
	dir := filepath.Join(cfg.Dir, "content")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := vault.LockFolder(filepath.Join(cfg.Dir, "engine.lock"))
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	db, err := sqlite.OpenDB(ctx, filepath.Join(cfg.Dir, "engine.db"), files)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s := &Store{View: View{Querier: db, company: cfg.CompanyID}, cfg: cfg, db: db, dir: dir, lock: lock}
	if err := s.Sweep(ctx, dir, `SELECT DISTINCT pack FROM blobs`); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close releases the store after it wrote what the ledger still misses. It is idempotent; calls that
// are under way end with an error.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.closed = errors.Join(s.flush(context.Background()), s.db.Close(), s.lock.Close())
	})
	return s.closed
}

// Share lets other processes open the folder. Nothing may be swept afterwards.
func (s *Store) Share() error { return s.lock.Share() }

// Alone reports whether no other process can have the folder open, which ends with Share.
func (s *Store) Alone() bool { return s.lock.Alone() }

// Sweep removes the files in dir that no row of query names, if no other process has the folder
// open: what an interrupted call left behind.
func (s *Store) Sweep(ctx context.Context, dir, query string) error {
	if !s.Alone() {
		return nil
	}
	keep, err := Column(ctx, s.db, query)
	if err != nil {
		return err
	}
	return vault.RemoveOthers(dir, keep)
}

// Pause calls the configured func.
func (s *Store) Pause(point string) {
	if s.cfg.Pause != nil {
		s.cfg.Pause(point)
	}
}

// Now returns the time in UTC.
func (s *Store) Now() time.Time { return s.cfg.Now().UTC() }

// Stamp returns the form in which the database keeps t.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// NewUUID returns a random identifier of version 4.
func (s *Store) NewUUID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.cfg.Rand, b[:]); err != nil {
		return "", fmt.Errorf("uuid: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// Change runs fn in a write transaction.
func (s *Store) Change(ctx context.Context, fn func(*Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	rows, kept := s.read.take(), statements.Of(tx)
	err = insertExecutions(ctx, kept, rows)
	if err == nil {
		err = fn(&Tx{View: View{Querier: kept, company: s.cfg.CompanyID}, kept: kept})
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		s.read.restore(rows)
	}
	return err
}

// Read runs fn on the store as it is at one moment, beside whoever writes.
func (s *Store) Read(ctx context.Context, fn func(View) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to lose
	return fn(View{Querier: tx, company: s.cfg.CompanyID})
}
