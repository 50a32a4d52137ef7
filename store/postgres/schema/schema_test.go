package schema_test

import (
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
