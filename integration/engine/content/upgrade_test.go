package content

import (
	"io/fs"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stagelock/stagelock/store/sqlite"
)

// TestWhatWasImportedBeforeHasARow opens the database of an engine that noted no imports.
func TestWhatWasImportedBeforeHasARow(t *testing.T) {
	dir := t.TempDir()
	former := fstest.MapFS{}
	all, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if b, err := migrations.ReadFile(name); err != nil {
			t.Fatal(err)
		} else if base := filepath.Base(name); base < "00010" {
			former[base] = &fstest.MapFile{Data: b}
		}
	}
	db, err := sqlite.OpenDB(t.Context(), filepath.Join(dir, "engine.db"), former)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		`INSERT INTO sites (id, company, uuid, name, friendly_url, locales) VALUES (1, 1, 's', 'Main', '/main', '[]')`,
		`INSERT INTO blobs (sha256, pack, start, size) VALUES ('x', 'p', 0, 0)`,
		`INSERT INTO items (site, kind, uuid, private, layout_id, parent_layout_id, name, friendly_url, media_type, portlets,
			refs, version, sha256, size, modified, publish)
			SELECT 1, 'article', 'of publish ' || n, 0, 0, 0, 'n', '', '', 'null', 'null', 1, 'x', 0, '2026-01-02T03:04:05Z', n
			FROM (SELECT 0 AS n UNION SELECT 7)`,
	} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Dir: dir, CompanyID: 1, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var n int
	var row string
	err = s.QueryRowContext(t.Context(), `SELECT count(*), max(uuid || deleted || at || publish) FROM journal`).Scan(&n, &row)
	if want := "of publish 702026-01-02T03:04:05Z7"; err != nil || n != 1 || row != want {
		t.Errorf("%d rows, %q, %v, want %q", n, row, err, want)
	}
}
