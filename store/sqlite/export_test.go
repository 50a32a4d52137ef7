package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Translate is tested on its own.
var Translate = translate

// Exec has the writer carry out query, as a write of its own.
func (s *Store) Exec(ctx context.Context, query string) error {
	return s.write(ctx, "test", func(tx *txn) error {
		_, err := tx.exec(query)
		return err
	})
}

// MaxPages limits the file as a full disk would.
func (s *Store) MaxPages(ctx context.Context, n int) error {
	return s.write(ctx, "test", func(tx *txn) error {
		var got int
		return tx.query(fmt.Sprintf("PRAGMA max_page_count(%d)", n), nil, &got)
	})
}

// Held keeps the writer busy until the returned func is called, so that writes gather behind it.
func (s *Store) Held(ctx context.Context) (release func() error) {
	taken, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.write(ctx, "test", func(*txn) error {
			close(taken)
			<-free
			return nil
		})
	}()
	<-taken
	return func() error {
		close(free)
		return <-done
	}
}

// Failing writes a value and then fails.
func (s *Store) Failing(ctx context.Context, key string) error {
	return s.write(ctx, "test", func(tx *txn) error {
		if _, err := tx.exec(storeValue, key, []byte("half"), tx.now()); err != nil {
			return err
		}
		return ErrFailing
	})
}

// ErrFailing is what Failing fails with.
var ErrFailing = errors.New("failing")

// Down takes every migration back.
func Down(ctx context.Context, path string) error {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db, err := OpenDB(ctx, path, sub)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, sub,
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, 0)
	return errors.Join(err, db.Close())
}

// OpenAt makes the database at path as version of the migrations had it.
func OpenAt(ctx context.Context, path string, version int64) (*sql.DB, error) {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, sub, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	_, err = p.UpTo(ctx, version)
	return db, err
}

// PlanOfEnd returns how SQLite ends a scope.
func PlanOfEnd(ctx context.Context, db *sql.DB) (string, error) {
	rows, err := db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+endOne, "", "", "", "", "", 0)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	plan := ""
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			return "", err
		}
		plan += detail + "\n"
	}
	return plan, rows.Err()
}
