package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/store/storetest"
	"github.com/stagelock/stagelock/store/storetest/ownership"
	"github.com/stagelock/stagelock/store/storetest/place"
	"github.com/stagelock/stagelock/store/storetest/requests"
)

func open(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openClock(t *testing.T, dir string, clock *place.Clock) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"),
		sqlite.WithClock(clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What a store returns for a contract closes with it, as the suites want it.

func TestMembers(t *testing.T) {
	ownership.TestMembers(t, func(t *testing.T, dir string, c *place.Clock) store.Members {
		return openClock(t, dir, c).Members()
	})
}

func TestLeases(t *testing.T) {
	storetest.TestLeases(t, func(t *testing.T, dir string, c *place.Clock) store.Leases {
		return openClock(t, dir, c).Leases()
	})
}

func TestValues(t *testing.T) {
	storetest.TestValues(t, func(t *testing.T, dir string, c *place.Clock) store.Values {
		return openClock(t, dir, c).Values()
	})
}

func TestPages(t *testing.T) {
	storetest.TestPages(t, func(t *testing.T, dir string, c *place.Clock) store.Pages {
		return openClock(t, dir, c).Pages()
	})
}

func TestNonces(t *testing.T) {
	storetest.TestNonces(t, func(t *testing.T, dir string, c *place.Clock) store.Nonces {
		return openClock(t, dir, c).Nonces()
	})
}

func TestRequests(t *testing.T) {
	requests.Test(t, func(t *testing.T, dir string, c *place.Clock) store.Requests {
		return openClock(t, dir, c).Requests()
	})
}

func TestAnswers(t *testing.T) {
	ownership.TestAnswers(t, func(t *testing.T, dir string, c *place.Clock) store.Database {
		return openClock(t, dir, c)
	})
}

func TestRepeats(t *testing.T) {
	ownership.TestRepeats(t, func(t *testing.T, dir string, c *place.Clock) store.Database {
		return openClock(t, dir, c)
	})
}
