package schema

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// draftPragmas write no commit to disk: until a draft is in its place, nobody looks for what is in it.
var draftPragmas = []string{"journal_mode(MEMORY)", "synchronous(OFF)", "foreign_keys(1)", "trusted_schema(0)"}

// besides are the names that SQLite gives to what belongs to a database file.
var besides = []string{"-journal", "-wal", "-shm"}

// absent reports whether there is nothing at path, and nothing of a former file there that SQLite would take for a
// part of the new one.
func absent(path string) bool {
	for _, name := range append([]string{""}, besides...) {
		if _, err := os.Lstat(path + name); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// create makes the database at path, where nothing is: all migrations for one wait for the disk, and a second for
// the folder. The caller holds the lock, so what lies at the place of the draft is of a start that was killed.
func create(ctx context.Context, path string, migrations fs.FS) (err error) {
	draft := path + ".new"
	if err := discard(draft); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, discard(draft))
		}
	}()
	if err := touch(draft, os.O_EXCL); err != nil {
		return err
	}
	if err := write(ctx, draft, migrations); err != nil {
		return err
	}
	if err := sync(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return sync(filepath.Dir(path))
}

// write carries the migrations out on the file at path. The mode comes last: in it SQLite keeps commits in a second
// file, and whoever opens the first alone misses them.
func write(ctx context.Context, path string, migrations fs.FS) error {
	db, err := opened(path, draftPragmas, func(db *sql.DB) error { return migrate(ctx, db, migrations) })
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
	return errors.Join(err, db.Close())
}

// sync returns when the file or folder at path is on disk.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// discard removes the database at path with what belongs to it, if it is there.
func discard(path string) error {
	var all []error
	for _, name := range append([]string{""}, besides...) {
		if err := os.Remove(path + name); !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
