package postgres_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
	"github.com/stagelock/stagelock/store/storetest"
	"github.com/stagelock/stagelock/store/storetest/ownership"
	"github.com/stagelock/stagelock/store/storetest/place"
	"github.com/stagelock/stagelock/store/storetest/requests"
)

// shared is the server of all tests, started by the first of them.
var shared postgrestest.Shared

func TestMain(m *testing.M) {
	result := shared.Main(m)
	if err := goleak.Find(); err != nil && result == 0 {
		fmt.Fprintln(os.Stderr, err)
		result = 1
	}
	os.Exit(result)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// schemaOf is a schema for what a test keeps in dir.
func schemaOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "test_" + hex.EncodeToString(sum[:8])
}

// openIn opens the schema of dir.
func openIn(t testing.TB, cfg postgres.Config, dir string) *postgres.Store {
	t.Helper()
	cfg.Schema, cfg.Cluster, cfg.Connections = schemaOf(dir), "test", 4
	s, err := postgres.Open(context.Background(), cfg)
	must(t, err)
	return s
}

// suites runs every suite on the database at url.
func suites(t *testing.T, url string, pooler bool) {
	open := func(t *testing.T, dir string, c *place.Clock) *postgres.Store {
		return openIn(t, postgres.Config{URL: url, Pooler: pooler, Offset: c.Offset}, dir)
	}
	t.Run("Members", func(t *testing.T) {
		ownership.TestMembers(t, func(t *testing.T, dir string, c *place.Clock) store.Members {
			return open(t, dir, c).Members()
		})
	})
	t.Run("Requests", func(t *testing.T) {
		requests.Test(t, func(t *testing.T, dir string, c *place.Clock) store.Requests {
			return open(t, dir, c).Requests()
		})
	})
	t.Run("Repeats", func(t *testing.T) {
		ownership.TestRepeats(t, func(t *testing.T, dir string, c *place.Clock) store.Database {
			return open(t, dir, c)
		})
	})
	t.Run("Answers", func(t *testing.T) {
		ownership.TestAnswers(t, func(t *testing.T, dir string, c *place.Clock) store.Database {
			return open(t, dir, c)
		})
	})
	t.Run("Leases", func(t *testing.T) {
		storetest.TestLeases(t, func(t *testing.T, dir string, c *place.Clock) store.Leases {
			return open(t, dir, c).Leases()
		})
	})
	t.Run("Values", func(t *testing.T) {
		storetest.TestValues(t, func(t *testing.T, dir string, c *place.Clock) store.Values {
			return open(t, dir, c).Values()
		})
	})
	t.Run("Pages", func(t *testing.T) {
		storetest.TestPages(t, func(t *testing.T, dir string, c *place.Clock) store.Pages {
			return open(t, dir, c).Pages()
		})
	})
	t.Run("Nonces", func(t *testing.T) {
		storetest.TestNonces(t, func(t *testing.T, dir string, c *place.Clock) store.Nonces {
			return open(t, dir, c).Nonces()
		})
	})
	t.Run("Lazy", func(t *testing.T) {
		storetest.TestLazy(t, func(t *testing.T, dir string) store.Lazy {
			return open(t, dir, &place.Clock{}).Logs().Log("gate-a").(store.Lazy)
		})
	})
	t.Run("Events", func(t *testing.T) {
		storetest.TestEvents(t, func(t *testing.T, dir string) store.Events {
			return open(t, dir, &place.Clock{}).Logs().Log("gate-a")
		})
	})
	t.Run("Logs", func(t *testing.T) {
		storetest.TestLogs(t, func(t *testing.T, dir string, c *place.Clock) store.Logs {
			return open(t, dir, c).Logs()
		})
	})
}

func TestSuites(t *testing.T) { suites(t, shared.URL(t), false) }

// TestSuitesThroughPooler runs the same through PgBouncer in transaction mode.
func TestSuitesThroughPooler(t *testing.T) {
	if testing.Short() {
		t.Skip("the suites ran without a pooler already")
	}
	suites(t, shared.PoolerURL(t), true)
}

// TestOnePoolerForAllTests: two would ask for the same socket.
func TestOnePoolerForAllTests(t *testing.T) {
	if first, again := shared.PoolerURL(t), shared.PoolerURL(t); first != again {
		t.Errorf("a pooler at %s, and one at %s", first, again)
	}
}
