package exchange_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/exchange/exchangetest"
	"github.com/stagelock/stagelock/store/exchange/exchangetest/suite"
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
	"github.com/stagelock/stagelock/store/sqlite"
)

func TestSQLite(t *testing.T) {
	suite.Test(t, func(t testing.TB, dir string, clock *suite.Clock) suite.Place {
		db, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"), sqlite.WithClock(clock.Now))
		if err != nil {
			t.Fatal(err)
		}
		book := exchange.NewBook(db)
		return suite.Place{Changes: book, Deliveries: book, Approvals: book, Allowances: book, Leases: db.Leases(), Close: db.Close}
	})
}

func TestMemory(t *testing.T) {
	suite.Test(t, func(_ testing.TB, _ string, clock *suite.Clock) suite.Place {
		m := exchangetest.NewMemory(clock.Now)
		return suite.Place{Changes: m, Deliveries: m, Approvals: m, Allowances: m, Close: func() error { return nil }, Lost: true}
	})
}

var shared postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// suites runs them on the database at url.
func suites(t *testing.T, url string, pooler bool) {
	suite.Test(t, func(t testing.TB, dir string, clock *suite.Clock) suite.Place {
		sum := sha256.Sum256([]byte(dir))
		db, err := postgres.Open(context.Background(), postgres.Config{URL: url, Schema: "test_" + hex.EncodeToString(sum[:8]),
			Cluster: "test", Connections: 4, Pooler: pooler, Offset: clock.Offset})
		if err != nil {
			t.Fatal(err)
		}
		book := exchange.NewBook(db)
		return suite.Place{Changes: book, Deliveries: book, Approvals: book, Allowances: book, Leases: db.Leases(), Close: db.Close}
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
