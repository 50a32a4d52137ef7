package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // the driver named sqlite
)

// pragmas hold for every connection: a commit is on disk when it returned, readers do not wait for
// the writer, and another process that writes is waited for.
var pragmas = []string{
	"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	"trusted_schema(0)",
}

// OpenDB opens the database file at path, readable for its owner only, and brings it to the newest
// of migrations, goose files at the root of that file system. Transactions that database/sql begins
// take the write lock at once. It returns ErrFull if the file cannot be written.
func OpenDB(ctx context.Context, path string, migrations fs.FS) (*sql.DB, error) {
	db, err := openDB(ctx, path, migrations)
	if err != nil {
		return nil, fmt.Errorf("open database %q: %w", path, translate(err))
	}
	return db, nil
}

func openDB(ctx context.Context, path string, migrations fs.FS) (*sql.DB, error) {
	dsn, err := dsn(path)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFile(path) // also creates it, before SQLite would with wider rights
	if err != nil {
		return nil, err
	}
	defer func() { _ = unlock() }()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, db, migrations); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// dsn returns the data source name of path with the pragmas.
func dsn(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	q := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String(), nil
}

// lockFile keeps other processes from migrating the same database: goose has no lock of its own for
// SQLite. The lock is on a file beside it, as SQLite's own locks are on the database.
func lockFile(path string) (unlock func() error, err error) {
	db, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

func migrate(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations,
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// driverError is the error type of the driver; its Code is SQLite's extended result code.
type driverError = sqlite.Error
