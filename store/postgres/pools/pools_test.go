package pools_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store/postgres/pools"
)

const url = "postgres://joe:pa55word@db.example.com:5433/cms"

func open(t *testing.T, cfg pools.Config) *pools.Pools {
	t.Helper()
	if cfg.URL == "" {
		cfg.URL = url
	}
	p, err := pools.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// How many connections a gateway has: enough for a migration, two for the log, of which one
// waits for the disk, one for the lease, and no more than anybody means.
func TestConnections(t *testing.T) {
	for _, tt := range []struct {
		name        string
		connections int
		want        int32
	}{
		{"not said", 0, 16}, {"less than none", -5, 16}, {"one", 1, 4}, {"too few for a migration", 3, 4}, {"four", 4, 4}, {"as said", 40, 40},
		{"the most", 1000, 1000}, {"more than anybody means", 100_000, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := open(t, pools.Config{Connections: tt.connections})
			if got := p.Calls.Config().MaxConns; got != tt.want {
				t.Errorf("%d for calls, want %d", got, tt.want)
			}
			if log, lease := p.Audit.Config().MaxConns, p.Lives.Config().MaxConns; log != 2 || lease != 1 {
				t.Errorf("%d for the log and %d for the lease", log, lease)
			}
		})
	}
}

func TestEachPoolLeadsToTheDatabase(t *testing.T) {
	p := open(t, pools.Config{Connect: 7 * time.Second})
	for name, c := range map[string]*pgx.ConnConfig{"calls": p.Calls.Config().ConnConfig, "audit": p.Audit.Config().ConnConfig,
		"lives": p.Lives.Config().ConnConfig} {
		if c.Host != "db.example.com" || c.Port != 5433 || c.Database != "cms" || c.User != "joe" || c.Password != "pa55word" {
			t.Errorf("%s: %s@%s:%d/%s", name, c.User, c.Host, c.Port, c.Database)
		}
		if c.ConnectTimeout != 7*time.Second || c.RuntimeParams["application_name"] != "stagelock" {
			t.Errorf("%s: connects within %s as %q", name, c.ConnectTimeout, c.RuntimeParams["application_name"])
		}
		if c.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement || c.StatementCacheCapacity == 0 {
			t.Errorf("%s: statements are not prepared", name)
		}
	}
}

// A pooler in transaction mode gives each transaction another connection: nothing may be prepared on one.
func TestNothingIsPreparedBehindAPooler(t *testing.T) {
	p := open(t, pools.Config{Pooler: true})
	for name, c := range map[string]*pgx.ConnConfig{"calls": p.Calls.Config().ConnConfig, "audit": p.Audit.Config().ConnConfig,
		"lives": p.Lives.Config().ConnConfig} {
		if c.DefaultQueryExecMode != pgx.QueryExecModeExec || c.StatementCacheCapacity != 0 || c.DescriptionCacheCapacity != 0 {
			t.Errorf("%s: mode %v, %d statements, %d descriptions", name, c.DefaultQueryExecMode, c.StatementCacheCapacity, c.DescriptionCacheCapacity)
		}
	}
}

// What is wrong with a URL is said without any of it, which may be a part of the password.
func TestAURLThatCannotBeRead(t *testing.T) {
	for _, tt := range []struct{ name, url string }{
		{"a percent sign in the password", "postgres://joe:pa55%word@db/cms"},
		{"a slash in the password", "postgres://joe:pa55/word@db/cms"},
		{"a port that is none", "postgres://joe:pa55word@db:pa55/cms"},
		{"a mode that is none", "postgres://joe:pa55word@db/cms?sslmode=pa55"},
		{"words", "host=db password='pa55word"},
		{"a file of roots that is not there", "postgres://joe:pa55word@db/cms?sslmode=verify-full&sslrootcert=/nowhere/ca.pem"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := pools.Open(t.Context(), pools.Config{URL: tt.url})
			if err == nil {
				_ = p.Close()
				t.Fatal("it was read")
			}
			text := err.Error()
			if !strings.HasPrefix(text, "the database URL cannot be read: ") || strings.Contains(text, "pa55") || len(text) < 40 {
				t.Errorf("%s", text)
			}
		})
	}
}

// A pool that is closed gives nothing, and closing it again changes nothing.
func TestCloseAgain(t *testing.T) {
	p := open(t, pools.Config{})
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	p.Reset()
	if _, err := p.Calls.Acquire(t.Context()); err == nil {
		t.Error("a closed pool gave a connection")
	}
}
