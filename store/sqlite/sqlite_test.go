package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// opened opens a store that closes with the test.
func opened(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s := open(t, dir)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var fill = bytes.Repeat([]byte("x"), 64<<10)

func TestFullDisk(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := opened(t, dir)
	must(t, s.Values().Store(ctx, "before", []byte("kept")))
	must(t, s.MaxPages(ctx, 40))
	if err := s.Values().Store(ctx, "big", bytes.Repeat(fill, 10)); !errors.Is(err, store.ErrFull) {
		t.Fatalf("error %v, want ErrFull", err)
	}
	if _, err := s.Values().Load(ctx, "big"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("something of the refused value is there: %v", err)
	}
	if v, err := s.Values().Load(ctx, "before"); string(v) != "kept" {
		t.Errorf("value from before: %q, %v", v, err)
	}
	must(t, s.MaxPages(ctx, 1<<20))
	must(t, s.Values().Store(ctx, "big", fill))
}

// TestFullDiskFailsItsGroup has a write of a group meet the full disk: none of the group may claim
// to be kept.
func TestFullDiskFailsItsGroup(t *testing.T) {
	ctx := context.Background()
	s := opened(t, t.TempDir())
	must(t, s.MaxPages(ctx, 40))
	release := s.Held(ctx)
	const n = 8
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = s.Values().Store(ctx, fmt.Sprint(i), fill) })
	}
	must(t, release())
	wg.Wait()
	full := 0
	for i, err := range errs {
		_, loadErr := s.Values().Load(ctx, fmt.Sprint(i))
		if (err == nil) != (loadErr == nil) {
			t.Errorf("value %d: store said %v, load %v", i, err, loadErr)
		}
		if errors.Is(err, store.ErrFull) {
			full++
		}
	}
	if full == 0 {
		t.Error("no write met the limit")
	}
}

func TestFailedWriteTakesNothingAlong(t *testing.T) {
	ctx := context.Background()
	s := opened(t, t.TempDir())
	release := s.Held(ctx)
	const n = 20
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if key := fmt.Sprint(i); i%2 == 0 {
				errs[i] = s.Values().Store(ctx, key, []byte("whole"))
			} else {
				errs[i] = s.Failing(ctx, key)
			}
		})
	}
	must(t, release())
	wg.Wait()
	for i, err := range errs {
		_, loadErr := s.Values().Load(ctx, fmt.Sprint(i))
		if i%2 == 0 && (err != nil || loadErr != nil) {
			t.Errorf("good write %d: %v, load %v", i, err, loadErr)
		}
		if i%2 == 1 && (!errors.Is(err, sqlite.ErrFailing) ||
			!errors.Is(loadErr, store.ErrNotFound)) {
			t.Errorf("failing write %d: %v, load %v", i, err, loadErr)
		}
	}
}

func TestReadOnly(t *testing.T) {
	ctx := context.Background()
	s := opened(t, t.TempDir())
	must(t, s.Exec(ctx, "PRAGMA query_only(1)"))
	if err := s.Values().Store(ctx, "a", nil); !errors.Is(err, store.ErrFull) {
		t.Errorf("error %v, want ErrFull", err)
	}
}

func TestTranslate(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		full bool
	}{
		{"no space", &os.PathError{Err: syscall.ENOSPC}, true},
		{"quota", fmt.Errorf("x: %w", syscall.EDQUOT), true},
		{"read-only", syscall.EROFS, true},
		{"denied", syscall.EACCES, false},
		{"other", errors.New("x"), false},
		{"stale", store.ErrStale, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := sqlite.Translate(tt.err)
			if errors.Is(got, store.ErrFull) != tt.full || !errors.Is(got, tt.err) {
				t.Errorf("got %v", got)
			}
		})
	}
	if sqlite.Translate(nil) != nil {
		t.Error("nil became an error")
	}
}

// TestTwoProcesses opens one file twice, as two gateways on one machine do.
func TestTwoProcesses(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	stores := make([]*sqlite.Store, 4)
	var wg sync.WaitGroup
	for i := range stores { // also the migrations race
		wg.Go(func() { stores[i], _ = sqlite.Open(ctx, filepath.Join(dir, "a.db")) })
	}
	wg.Wait()
	for i, s := range stores {
		if s == nil {
			t.Fatalf("store %d did not open", i)
		}
		defer s.Close()
	}
	for i, s := range stores {
		wg.Go(func() {
			for j := range 20 {
				if err := s.Values().Store(ctx, fmt.Sprintf("%d/%d", i, j), fill[:100]); err != nil {
					t.Error(err)
				}
				if _, err := s.Leases().Acquire(ctx, "same", fmt.Sprint(i), time.Nanosecond); err != nil &&
					!errors.Is(err, store.ErrStale) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	keys, err := stores[0].Values().List(ctx, "", true)
	must(t, err)
	if len(keys) != 4*20+4 {
		t.Errorf("%d keys, want 84", len(keys))
	}
}

func TestOpen(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	for _, name := range []string{"a b.db", "100%.db", "q?mode=ro.db", "h#x.db", "ü.db", "'.db"} {
		path := filepath.Join(dir, name)
		s, err := sqlite.Open(ctx, path)
		must(t, err)
		must(t, s.Values().Store(ctx, "a", nil))
		fi, err := os.Stat(path)
		must(t, err)
		if fi.Mode().Perm() != 0o600 || fi.Size() == 0 {
			t.Errorf("%s has mode %v and %d bytes", name, fi.Mode(), fi.Size())
		}
		must(t, s.Close())
		must(t, s.Close())
	}
	if _, err := sqlite.Open(ctx, filepath.Join(dir, "none", "a.db")); !errors.Is(err,
		fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	junk := filepath.Join(dir, "junk.db")
	must(t, os.WriteFile(junk, bytes.Repeat([]byte("no database "), 1000), 0o600))
	if _, err := sqlite.Open(ctx, junk); err == nil {
		t.Error("a file that is no database was opened")
	}
}

// TestPragmas reads back on several connections what durability rests on.
func TestPragmas(t *testing.T) {
	ctx := context.Background()
	up := "-- +goose Up\nCREATE TABLE a (b);\n-- +goose Down\nDROP TABLE a;\n"
	fsys := fstest.MapFS{"00001_a.sql": {Data: []byte(up)}}
	db, err := sqlite.OpenDB(ctx, filepath.Join(t.TempDir(), "own.db"), fsys)
	must(t, err)
	defer db.Close()
	for range 3 {
		conn, err := db.Conn(ctx) // kept, so that each is another one
		must(t, err)
		defer conn.Close()
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
			"trusted_schema": "0",
		} {
			var got string
			must(t, conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got))
			if got != want {
				t.Errorf("%s = %s, want %s", pragma, got, want)
			}
		}
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO a VALUES (1)"); err != nil {
		t.Errorf("table of the migration: %v", err)
	}
}

func TestBadMigration(t *testing.T) {
	fsys := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (b;\n")}}
	db, err := sqlite.OpenDB(context.Background(), filepath.Join(t.TempDir(), "own.db"), fsys)
	if err == nil {
		db.Close()
		t.Error("a broken migration passed")
	}
}

func TestDown(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := sqlite.Open(ctx, path)
	must(t, err)
	must(t, s.Close())
	must(t, sqlite.Down(ctx, path))
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	var left int
	must(t, db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%goose%' "+
		"AND name NOT LIKE 'sqlite%'").Scan(&left))
	if left != 0 {
		t.Errorf("%d tables are left after the way down", left)
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	s := opened(t, t.TempDir())
	release := s.Held(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Values().Store(ctx, "a", nil) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	must(t, release())
	if _, err := s.Values().Load(context.Background(), "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a cancelled write was kept: %v", err)
	}
}
