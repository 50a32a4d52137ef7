package exchange_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
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
		return suite.Place{Changes: book, Deliveries: book, Approvals: book, Leases: db.Leases(), Close: db.Close}
	})
}

func TestMemory(t *testing.T) {
	suite.Test(t, func(_ testing.TB, _ string, clock *suite.Clock) suite.Place {
		m := exchangetest.NewMemory(clock.Now)
		return suite.Place{Changes: m, Deliveries: m, Approvals: m, Close: func() error { return nil }, Lost: true}
	})
}

var shared struct {
	once   sync.Once
	server *postgrestest.Server
	err    error
}

func TestMain(m *testing.M) {
	result := m.Run()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(result)
}

// serverURL returns a server's URL: that of TEST_POSTGRES, or that of one of our own.
func serverURL(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("TEST_POSTGRES"); url != "" {
		return url
	}
	shared.once.Do(func() { shared.server, shared.err = postgrestest.Start(context.Background()) })
	here(t, shared.err)
	return shared.server.URL()
}

// here skips a test that needs what is not installed.
func here(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, postgrestest.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

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
		return suite.Place{Changes: book, Deliveries: book, Approvals: book, Leases: db.Leases(), Close: db.Close}
	})
}

func TestPostgres(t *testing.T) { suites(t, serverURL(t), false) }

// TestPostgresThroughPooler runs the same through PgBouncer in transaction mode.
func TestPostgresThroughPooler(t *testing.T) {
	if testing.Short() {
		t.Skip("the suites ran without a pooler already")
	}
	url := os.Getenv("TEST_POOLER")
	if url == "" {
		serverURL(t)
		if shared.server == nil {
			t.Skip("TEST_POOLER names no pooler before the server of TEST_POSTGRES")
		}
		var err error
		url, err = shared.server.Pooler()
		here(t, err)
	}
	suites(t, url, true)
}
