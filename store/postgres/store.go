// Package postgres keeps the contracts of store in a PostgreSQL database of version 15 or later, for
// several gateways. It works through a pooler in transaction mode: no session state, no advisory
// locks, no notifications, and every name is written with its schema.
package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/fitness"
	"github.com/stagelock/stagelock/store/postgres/logs"
	"github.com/stagelock/stagelock/store/postgres/pools"
	"github.com/stagelock/stagelock/store/postgres/statements"
)

// defaultSchema holds the tables.
const defaultSchema = "stagelock"

// Config says where the database is.
type Config struct {
	URL         string // postgres://user:password@host/database?sslmode=verify-full
	Schema      string // default stagelock
	Cluster     string // name of the cluster; the first gateway writes it, the others must say the same
	Connections int    // for calls, default 16, at least 4; the audit log has two more, the member's lease one
	Pooler      bool   // a pooler in transaction mode is in front: no prepared statements
	Manual      bool   // migrations are applied by Migrate only
	// Patience is how long what is asked of the database waits for one that is away, or failing over, from
	// when it went away: what comes later is refused at once.
	Patience time.Duration
	// Offset is added to the server's clock. Only tests set it.
	Offset func() time.Duration
}

// Report is what a check found of the server.
type Report = fitness.Report

// Store is a database. It is safe for concurrent use, and so are several processes.
type Store struct {
	cfg      Config
	run      *statements.Runner
	warnings []string
}

var _ store.Database = (*Store)(nil)

// db is what the contracts ask the database through.
type db = statements.Runner

// schemaName is what needs no quotes.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Open connects, checks the server's settings, brings the schema up to date unless that is manual,
// and holds the name of the cluster against the database's. The caller closes the store.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// connect makes the pools; it reaches no server yet.
func connect(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Schema == "" {
		cfg.Schema = defaultSchema
	}
	if !schemaName.MatchString(cfg.Schema) {
		return nil, fmt.Errorf("schema %q: use lower-case letters, digits and underscores", cfg.Schema)
	}
	all, err := pools.Open(ctx, pools.Config{URL: cfg.URL, Connections: cfg.Connections, Pooler: cfg.Pooler,
		Dial: statements.Time, Connect: statements.LongTime})
	if err != nil {
		return nil, err
	}
	return &Store{cfg: cfg, run: statements.New(all,
		statements.Config{Schema: cfg.Schema, Patience: cfg.Patience, Offset: cfg.Offset})}, nil
}

// Close waits for the statements under way and closes the connections. It may be called again.
func (s *Store) Close() error { return s.run.Close() }

// ask answers a query of a check.
func (s *Store) ask(ctx context.Context, query string, into ...any) error {
	return s.run.Read(ctx, "check the database", func(ctx context.Context) error {
		return s.run.Calls.QueryRow(ctx, s.run.SQL(query)).Scan(into...)
	})
}

// Away returns since when the database cannot be reached and why, or nil if it can, as far as is known.
func (s *Store) Away() error { return s.run.Away() }

// Warnings returns what the operator should know of the server, as Open found it.
func (s *Store) Warnings() []string { return s.warnings }

// Members implements store.Database.
func (s *Store) Members() store.Members { return members{s.run} }

// Requests implements store.Database.
func (s *Store) Requests() store.Requests { return requests{s.run} }

// Repeats implements store.Database.
func (s *Store) Repeats() store.Repeats { return repeats{s.run} }

// Leases implements store.Database.
func (s *Store) Leases() store.Leases { return leases{s.run} }

// Values implements store.Database.
func (s *Store) Values() store.Values { return values{s.run} }

// Pages implements store.Database.
func (s *Store) Pages() store.Pages { return pages{s.run} }

// Nonces implements store.Database.
func (s *Store) Nonces() store.Nonces { return nonces{s.run} }

// Logs returns the audit logs of the gateways that share the database.
func (s *Store) Logs() store.Logs { return logs.New(s.run) }

// micros is how a duration is given to a statement.
func micros(d time.Duration) int64 { return d.Microseconds() }

// raw is a text as bytea; never NULL.
func raw(s string) []byte { return []byte(s) }

// hashed is the key of texts that may be long: their SHA-256, each text with its length.
func hashed(texts ...string) []byte {
	h := sha256.New()
	var n [8]byte
	for _, t := range texts {
		binary.BigEndian.PutUint64(n[:], uint64(len(t)))
		h.Write(n[:])
		h.Write([]byte(t))
	}
	return h.Sum(nil)
}

// utc is a time that may be NULL.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
