package store_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/store/storetest"
)

// TestCachedKeepsTheContract holds the cache to what every other place of requests is held to.
func TestCachedKeepsTheContract(t *testing.T) {
	storetest.TestRequests(t, func(t *testing.T, dir string) store.Requests {
		return open(t, dir)
	})
}

type closing struct {
	*store.Cached
	db *sqlite.Store
}

func (c closing) Close() error { return c.db.Close() }

func open(t *testing.T, dir string) closing {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "requests.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c, err := store.NewCached(db, 4)
	if err != nil {
		t.Fatal(err)
	}
	return closing{c, db}
}

func TestCachedLeavesWhatItGaveOut(t *testing.T) {
	c := open(t, t.TempDir())
	req := store.Request{ID: 1, Site: 2, Checksum: "c", Peer: "p", Logins: []string{"a"}, CreatedAt: time.Unix(1, 0)}
	if err := c.Create(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	before, err := c.Request(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a00", "a01", "a00"} {
		if err := c.AddPart(t.Context(), 1, store.Part{Name: name, Size: 5}); err != nil {
			t.Fatal(err)
		}
	}
	after, err := c.Request(t.Context(), 1)
	if err != nil || len(after.Parts) != 2 || len(before.Parts) != 0 {
		t.Errorf("before %v, after %v, %v", before.Parts, after.Parts, err)
	}
}
