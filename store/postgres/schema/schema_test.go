package schema_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/store/postgres/schema"
)

// A number that is missing or there twice would be applied on one server and not on another.
func TestListCountsFromOne(t *testing.T) {
	all, err := schema.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no migrations")
	}
	for i, m := range all {
		if m.Version != int64(i+1) || m.Name == "" || m.Applied {
			t.Errorf("%d: got %+v, want version %d, not applied", i, m, i+1)
		}
	}
}

// A table that is not named here is one that a check does not ask for.
func TestTablesAreThoseOfAllMigrations(t *testing.T) {
	all, err := schema.Tables()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(all, "cluster") || !slices.Contains(all, "sync_errand_seq") {
		t.Errorf("%q", all)
	}
	made := 0
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		made += strings.Count(string(text), "CREATE TABLE")
	}
	if len(all) != made || made == 0 {
		t.Errorf("%d tables, the migrations make %d", len(all), made)
	}
}
