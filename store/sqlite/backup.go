package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// Backup writes the database at path as it is at one moment into a new file, while others use it. The
// file is on disk and readable for its owner only when Backup returns. It returns ErrFull if there is
// no room for it, and an error that is fs.ErrExist if there is a file already.
func Backup(ctx context.Context, path, to string) error {
	if err := backup(ctx, path, to); err != nil {
		return fmt.Errorf("back up database %q: %w", path, translate(err))
	}
	return nil
}

func backup(ctx context.Context, path, to string) (err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(abs); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // before SQLite would with wider rights
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)", "trusted_schema(0)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return err
	}
	return f.Sync()
}
