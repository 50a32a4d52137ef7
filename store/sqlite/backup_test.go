package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stagelock/stagelock/store/sqlite"
)

var counted = fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (n INTEGER PRIMARY KEY, twice INTEGER NOT NULL);\n")}}

// A backup is one moment of a database that is written all the time.
func TestBackupIsOneMoment(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	path := filepath.Join(dir, "a.db")
	db, err := sqlite.OpenDB(ctx, path, counted)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	stop, begun := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	end := sync.OnceFunc(func() { close(stop); wg.Wait() })
	defer end()
	wg.Go(func() {
		for n := 1; ; n++ {
			if _, err := db.Exec("INSERT INTO a VALUES (?, ?)", n, 2*n); err != nil {
				t.Error(err)
				return
			}
			if n == 10 {
				close(begun)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	<-begun
	last := 0
	for i := range 3 {
		to := filepath.Join(dir, string(rune('b'+i))+".db")
		if err := sqlite.Backup(ctx, path, to); err != nil {
			t.Fatal(err)
		}
		rows, most := contents(t, to)
		if rows != most || most < max(10, last) {
			t.Errorf("backup %d has %d rows, the last is %d, after one of %d", i, rows, most, last)
		}
		last = most
		if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
}

// contents counts the rows of a, and returns the last of them.
func contents(t *testing.T, path string) (rows, most int) {
	t.Helper()
	db, err := sqlite.OpenDB(context.Background(), path, counted)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var check string
	err = errors.Join(db.QueryRow("SELECT count(*), max(n) FROM a WHERE twice = 2 * n").Scan(&rows, &most),
		db.QueryRow("PRAGMA integrity_check").Scan(&check))
	if err != nil || check != "ok" {
		t.Fatalf("%s: %v", check, err)
	}
	return rows, most
}

func TestBackupChangesNothing(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	path := filepath.Join(dir, "a.db")
	if err := sqlite.Backup(ctx, path, filepath.Join(dir, "b.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a database that is not there: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
	db, err := sqlite.OpenDB(ctx, path, counted)
	if err != nil {
		t.Fatal(err)
	}
	defer func(db *sql.DB) { db.Close() }(db)
	there := filepath.Join(dir, "c.db")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Backup(ctx, path, there); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto a file: %v", err)
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "mine" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if err := sqlite.Backup(ctx, path, filepath.Join(dir, "none", "d.db")); err == nil {
		t.Error("into a folder that is not there")
	}
}
