package errands_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stagelock/stagelock/store/errands"
	"github.com/stagelock/stagelock/store/errands/errandstest"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
	"github.com/stagelock/stagelock/store/sqlite"
)

func TestSQLite(t *testing.T) {
	errandstest.Test(t, func(t testing.TB, dir string, clock *errandstest.Clock) (errands.Journal, func() error) {
		db, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"), sqlite.WithClock(clock.Now))
		if err != nil {
			t.Fatal(err)
		}
		return errands.NewBook(db), db.Close
	})
}

var shared postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// suites runs them on the database at url.
func suites(t *testing.T, url string, pooler bool) {
	errandstest.Test(t, func(t testing.TB, dir string, clock *errandstest.Clock) (errands.Journal, func() error) {
		sum := sha256.Sum256([]byte(dir))
		db, err := postgres.Open(context.Background(), postgres.Config{URL: url, Schema: "test_" + hex.EncodeToString(sum[:8]),
			Cluster: "test", Connections: 4, Pooler: pooler, Offset: clock.Offset})
		if err != nil {
			t.Fatal(err)
		}
		return errands.NewBook(db), db.Close
	})
}

func TestPostgres(t *testing.T) { suites(t, shared.URL(t), false) }

// TestPostgresThroughPooler runs the same through PgBouncer in transaction mode.
func TestPostgresThroughPooler(t *testing.T) {
	if testing.Short() {
		t.Skip("the suites ran without a pooler already")
	}
	suites(t, shared.PoolerURL(t), true)
}
