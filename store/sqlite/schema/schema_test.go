package schema_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/store/sqlite/schema"
)

// steps are migrations of which each makes a table, with the statement of bad in the last one's place if it says something.
func steps(n int, bad string) fs.FS {
	all := fstest.MapFS{}
	for i := 1; i <= n; i++ {
		up := fmt.Sprintf("CREATE TABLE t%d (a INTEGER PRIMARY KEY) STRICT;\nINSERT INTO t%d VALUES (%d);", i, i, i)
		if i == n && bad != "" {
			up += "\n" + bad
		}
		all[fmt.Sprintf("%05d_t.sql", i)] = &fstest.MapFile{Data: []byte(fmt.Sprintf("-- +goose Up\n%s\n-- +goose Down\nDROP TABLE t%d;\n", up, i))}
	}
	return all
}

// endless is a statement that goes on for many minutes, until its process is killed.
const endless = "INSERT INTO t1 WITH RECURSIVE c (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM c LIMIT 1000000000) SELECT max(n) FROM c;"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// whole holds that the file at path has the tables of n steps, each filled, and nothing broken.
func whole(t *testing.T, path string, n int) {
	t.Helper()
	db, err := schema.Open(context.Background(), path, steps(n, ""))
	must(t, err)
	defer db.Close()
	for i := 1; i <= n; i++ {
		var got int
		if err := db.QueryRow(fmt.Sprintf("SELECT a FROM t%d", i)).Scan(&got); err != nil || got != i {
			t.Errorf("table %d has %d, %v", i, got, err)
		}
	}
	var said string
	must(t, db.QueryRow("PRAGMA integrity_check").Scan(&said))
	if said != "ok" {
		t.Errorf("the file is broken: %s", said)
	}
}

// inFolder names what lies in dir.
func inFolder(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestFreshFileIsWholeByItself reads a fresh file without what SQLite keeps beside it: nothing of it waits there.
func TestFreshFileIsWholeByItself(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	db, err := schema.Open(t.Context(), path, steps(3, ""))
	must(t, err)
	data, err := os.ReadFile(path)
	must(t, err)
	must(t, db.Close())
	if d := cmp.Diff([]string{"a.db", "a.db.lock"}, inFolder(t, dir)); d != "" {
		t.Errorf("the folder (-want +got):\n%s", d)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	copied := filepath.Join(t.TempDir(), "b.db")
	must(t, os.WriteFile(copied, data, 0o600))
	whole(t, copied, 3)
}

// TestFailedMigrationLeavesNoFile: whoever mends the migration begins anew, not in the middle.
func TestFailedMigrationLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	if db, err := schema.Open(t.Context(), path, steps(3, "CREATE TABLE broken (;")); err == nil {
		db.Close()
		t.Fatal("a broken migration passed")
	}
	if d := cmp.Diff([]string{"a.db.lock"}, inFolder(t, dir)); d != "" {
		t.Errorf("the folder (-want +got):\n%s", d)
	}
	whole(t, path, 3)
}

const childFile = "TEST_SCHEMA_FILE"

// TestKilledWhileMade kills a process in the last migration of a fresh file, and starts again.
func TestKilledWhileMade(t *testing.T) {
	if path := os.Getenv(childFile); path != "" {
		_, err := schema.Open(context.Background(), path, steps(3, endless))
		t.Fatalf("the endless migration ended: %v", err)
	}
	exe, err := os.Executable()
	must(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	for range 2 { // the second meets what the first left
		cmd := exec.Command(exe, "-test.run=^TestKilledWhileMade$")
		cmd.Env = append(os.Environ(), childFile+"="+path)
		must(t, cmd.Start())
		waitForTables(t, path+".new", cmd)
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("half a database is there: %v", err)
		}
		if !slices.Contains(inFolder(t, dir), "a.db.new") {
			t.Error("the killed process was not at it")
		}
	}
	whole(t, path, 3)
	if d := cmp.Diff([]string{"a.db", "a.db.lock"}, inFolder(t, dir)); d != "" {
		t.Errorf("the folder (-want +got):\n%s", d)
	}
}

// waitForTables returns when the second migration of the draft is in it, so that the third one goes on.
func waitForTables(t *testing.T, draft string, cmd *exec.Cmd) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		if data, err := os.ReadFile(draft); err == nil && strings.Contains(string(data), "CREATE TABLE t2 ") {
			return
		}
	}
	_ = cmd.Process.Kill()
	t.Fatal("no draft appeared")
}

// TestOthersAreNoDraft: where something is already, the file is migrated in its place.
func TestOthersAreNoDraft(t *testing.T) {
	for name, before := range map[string]func(t *testing.T, path string){
		"an empty file": func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o600)) },
		"a link to nowhere": func(t *testing.T, path string) {
			must(t, os.Symlink(filepath.Join(t.TempDir(), "else.db"), path))
		},
		"an earlier version": func(t *testing.T, path string) { whole(t, path, 2) },
		"the log of a file that is gone": func(t *testing.T, path string) {
			must(t, os.WriteFile(path+"-wal", former(t), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.db")
			before(t, path)
			link, _ := os.Readlink(path)
			whole(t, path, 3)
			if now, _ := os.Readlink(path); now != link {
				t.Errorf("the link was %q and is %q", link, now)
			}
		})
	}
}

// former returns a write-ahead log in which another table t1 is.
func former(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "former.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)")
	must(t, err)
	defer db.Close()
	_, err = db.Exec("CREATE TABLE t1 (other); INSERT INTO t1 VALUES ('former')")
	must(t, err)
	data, err := os.ReadFile(path + "-wal")
	must(t, err)
	if len(data) == 0 {
		t.Fatal("the log is empty")
	}
	return data
}

// TestFreshFileOpenedAtOnce has several make the same file.
func TestFreshFileOpenedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			db, err := schema.Open(context.Background(), path, steps(3, ""))
			if err != nil {
				t.Error(err)
				return
			}
			_, err = db.Exec("INSERT INTO t1 VALUES (NULL)")
			if err := errors.Join(err, db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	db, err := schema.Open(t.Context(), path, steps(3, ""))
	must(t, err)
	defer db.Close()
	var rows, versions int
	must(t, db.QueryRow("SELECT (SELECT count(*) FROM t1), (SELECT count(*) FROM goose_db_version)").Scan(&rows, &versions))
	if rows != 9 || versions != 4 {
		t.Errorf("%d rows, %d versions; want 9 and 4", rows, versions)
	}
}

// BenchmarkFresh is what a start in an empty folder takes for its database.
func BenchmarkFresh(b *testing.B) {
	dir := b.TempDir()
	for i := 0; b.Loop(); i++ {
		db, err := schema.Open(b.Context(), filepath.Join(dir, fmt.Sprint(i)), steps(9, ""))
		must(b, err)
		must(b, db.Close())
	}
}
