package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/store/storetest"
)

func open(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRequests(t *testing.T) {
	storetest.TestRequests(t, func(t *testing.T, dir string) store.Requests { return open(t, dir) })
}

func TestRepeats(t *testing.T) {
	storetest.TestRepeats(t, func(t *testing.T, dir string) store.Repeats { return open(t, dir) })
}

func TestCertificates(t *testing.T) {
	storetest.TestCertificates(t, func(t *testing.T,
		dir string) store.Certificates {
		return open(t, dir)
	})
}
