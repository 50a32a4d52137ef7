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
	"github.com/stagelock/stagelock/store/postgres"
	"github.com/stagelock/stagelock/store/postgres/postgrestest"
	"github.com/stagelock/stagelock/store/sqlite"
)

func TestSQLite(t *testing.T) {
	exchangetest.Test(t, func(t testing.TB, dir string, clock *exchangetest.Clock) exchangetest.Place {
		db, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"), sqlite.WithClock(clock.Now))
		if err != nil {
			t.Fatal(err)
		}
		book := exchange.NewBook(db)
		return exchangetest.Place{Changes: book, Deliveries: book, Approvals: book, Leases: db.Leases(), Close: db.Close}
	})
}

func TestMemory(t *testing.T) {
	exchangetest.Test(t, func(_ testing.TB, _ string, clock *exchangetest.Clock) exchangetest.Place {
		m := exchangetest.NewMemory(clock.Now)
		return exchangetest.Place{Changes: m, Deliveries: m, Approvals: m, Close: func() error { return nil }, Lost: true}
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

func TestPostgres(t *testing.T) {
	url := os.Getenv("TEST_POSTGRES")
	if url == "" {
		shared.once.Do(func() { shared.server, shared.err = postgrestest.Start(context.Background()) })
		if errors.Is(shared.err, postgrestest.ErrMissing) {
			t.Skip(shared.err)
		}
		if shared.err != nil {
			t.Fatal(shared.err)
		}
		url = shared.server.URL()
	}
	exchangetest.Test(t, func(t testing.TB, dir string, clock *exchangetest.Clock) exchangetest.Place {
		sum := sha256.Sum256([]byte(dir))
		db, err := postgres.Open(context.Background(), postgres.Config{URL: url, Schema: "test_" + hex.EncodeToString(sum[:8]),
			Cluster: "test", Connections: 4, Offset: clock.Offset})
		if err != nil {
			t.Fatal(err)
		}
		book := exchange.NewBook(db)
		return exchangetest.Place{Changes: book, Deliveries: book, Approvals: book, Leases: db.Leases(), Close: db.Close}
	})
}
