package schema

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver named sqlite
)

// pragmas hold for every connection: a commit is on disk when it returned, readers do not wait for
// the writer, and another process that writes is waited for.
var pragmas = []string{
	"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	"trusted_schema(0)",
}

// Open opens the database file at path, readable for its owner only, and brings it to the newest
// of migrations, goose files at the root of that file system. Transactions that database/sql begins
// take the write lock at once. A file that is not there yet appears whole, or not at all.
func Open(ctx context.Context, path string, migrations fs.FS) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unlock() }()
	if absent(path) {
		if err := create(ctx, path, migrations); err != nil {
			return nil, err
		}
		return opened(path, pragmas, (*sql.DB).Ping)
	}
	if err := touch(path, 0); err != nil { // before SQLite would with wider rights
		return nil, err
	}
	return opened(path, pragmas, func(db *sql.DB) error { return migrate(ctx, db, migrations) })
}

// opened opens the file at path, which is absolute, with what holds for its connections, and does first with it.
func opened(path string, pragmas []string, first func(db *sql.DB) error) (*sql.DB, error) {
	q := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, err
	}
	if err := first(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// touch makes an empty file at path that only its owner may read, or leaves the one that is there.
func touch(path string, flags int) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|flags, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// lockFile keeps other processes from migrating the same database: goose has no lock of its own for
// SQLite. The lock is on a file beside it, as SQLite's own locks are on the database.
func lockFile(path string) (unlock func() error, err error) {
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
