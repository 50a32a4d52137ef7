package statements_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stagelock/stagelock/integration/engine/content/statements"
	"github.com/stagelock/stagelock/store/sqlite"
)

// begin returns a transaction on a table of numbers and their names.
func begin(t testing.TB) (*sql.DB, *sql.Tx) {
	t.Helper()
	db, err := sqlite.OpenDB(t.Context(), filepath.Join(t.TempDir(), "db"), fstest.MapFS{"00001_t.sql": {Data: []byte(
		"-- +goose Up\nCREATE TABLE t (n INTEGER PRIMARY KEY, name TEXT NOT NULL);\n-- +goose Down\nDROP TABLE t;\n")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return db, tx
}

const insert = `INSERT INTO t (n, name) VALUES (?, ?)`

// What is said again and again has the same effect each time, also after one time failed, and is there when the
// transaction is committed.
func TestAgainAndAgain(t *testing.T) {
	db, tx := begin(t)
	k := statements.Of(tx)
	for n := range 5 {
		if _, err := k.ExecContext(t.Context(), insert, n, fmt.Sprint("name ", n)); err != nil {
			t.Fatal(err)
		}
		if _, err := k.ExecContext(t.Context(), insert, n, "once more"); err == nil {
			t.Fatalf("%d was inserted twice", n)
		}
		var name string
		if err := k.QueryRowContext(t.Context(), `SELECT name FROM t WHERE n = ?`, n).Scan(&name); err != nil || name != fmt.Sprint("name ", n) {
			t.Errorf("%d is %q, %v", n, name, err)
		}
		err := k.QueryRowContext(t.Context(), `SELECT name FROM t WHERE n = ?`, n+1).Scan(&name)
		if !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("%d is there already: %v", n+1, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	var count int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM t`).Scan(&count); err != nil || count != 5 {
		t.Errorf("%d rows after the commit, %v", count, err)
	}
}

// A statement that cannot be read fails each time it is said, by an error of its own, and spoils nothing.
func TestWhatCannotBeRead(t *testing.T) {
	_, tx := begin(t)
	k := statements.Of(tx)
	for range 3 {
		if _, err := k.ExecContext(t.Context(), `INSERT INTO nowhere VALUES (1)`); err == nil {
			t.Error("a row was inserted nowhere")
		}
		var n int
		if err := k.QueryRowContext(t.Context(), `SELECT nothing FROM t`).Scan(&n); err == nil || errors.Is(err, sql.ErrNoRows) {
			t.Errorf("nothing was selected: %v", err)
		}
		if err := k.QueryRowContext(t.Context(), `SELECT count(*) FROM t`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows, %v", n, err)
		}
	}
}

// More statements than are kept are carried out all the same.
func TestManyStatements(t *testing.T) {
	_, tx := begin(t)
	k := statements.Of(tx)
	for round := range 3 {
		for n := range 100 {
			if _, err := k.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO t (n, name) VALUES (? + %d, 'x')`, n), 1000*round); err != nil {
				t.Fatal(err)
			}
		}
	}
	var count int
	if err := k.QueryRowContext(t.Context(), `SELECT count(*) FROM t`).Scan(&count); err != nil || count != 300 {
		t.Errorf("%d rows, %v", count, err)
	}
}

// What a kept statement saves: said once it is read and carried out, kept it is only carried out.
func BenchmarkInsert(b *testing.B) {
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprint("kept ", kept), func(b *testing.B) {
			_, tx := begin(b)
			exec := tx.ExecContext
			if kept {
				exec = statements.Of(tx).ExecContext
			}
			for n := 0; b.Loop(); n++ {
				if _, err := exec(b.Context(), insert, n, "name"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
