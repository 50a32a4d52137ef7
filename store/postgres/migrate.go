package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/stagelock/stagelock/store/postgres/fitness"
	"github.com/stagelock/stagelock/store/postgres/schema"
	"github.com/stagelock/stagelock/store/postgres/sqlstate"
)

// Migration is one step of the schema.
type Migration = schema.Migration

// Unreachable reports whether err says that no server was reached.
func Unreachable(err error) bool { return sqlstate.Unreachable(err) }

const (
	// keepName writes the name of the cluster, once.
	keepName = `INSERT INTO @.cluster (name, lowest) VALUES ($1, 1) ON CONFLICT DO NOTHING`
	readName = `SELECT name, lowest FROM @.cluster`
)

// start holds the server, the schema and the cluster's name against what this gateway needs.
func (s *Store) start(ctx context.Context) error {
	report, err := fitness.Of(ctx, s.ask)
	if err != nil {
		return err
	}
	if err := report.Refusal(); err != nil {
		return err
	}
	s.warnings = report.Warnings
	if !s.cfg.Manual {
		if _, err := s.migrate(ctx); err != nil {
			return err
		}
	}
	return s.compare(ctx)
}

// compare refuses a schema that this version does not work with, and another cluster's database.
func (s *Store) compare(ctx context.Context) error {
	plan, err := s.plan(ctx)
	if err != nil {
		return err
	}
	for _, m := range plan {
		if !m.Applied {
			return fmt.Errorf("the database lacks migration %d: run stagelock store migrate", m.Version)
		}
	}
	var name []byte
	var lowest int64
	err = s.run.Read(ctx, "name of the cluster", func(ctx context.Context) error {
		if _, err := s.run.Calls.Exec(ctx, s.run.SQL(keepName), raw(s.cfg.Cluster)); err != nil {
			return err
		}
		return s.run.Calls.QueryRow(ctx, s.run.SQL(readName)).Scan(&name, &lowest)
	})
	if err != nil {
		return err
	}
	return s.fits(plan, string(name), lowest)
}

// fits refuses a database of that name, that works with releases of schema lowest or later.
func (s *Store) fits(plan []Migration, name string, lowest int64) error {
	newest := plan[len(plan)-1].Version
	if lowest > newest {
		return fmt.Errorf("the database works with releases of schema %d or later, this one knows up to %d: "+
			"upgrade this gateway", lowest, newest)
	}
	if name != s.cfg.Cluster {
		return fmt.Errorf("the database belongs to the cluster %q, cluster.name says %q: "+
			"correct one of cluster.name, cluster.postgres.url and cluster.postgres.schema", name, s.cfg.Cluster)
	}
	return nil
}

// plan returns the migrations that this version knows, in order.
func (s *Store) plan(ctx context.Context) ([]Migration, error) {
	known, err := schema.List()
	if err != nil {
		return nil, err
	}
	applied := map[int64]bool{}
	err = s.run.Read(ctx, "schema of the database", func(ctx context.Context) error {
		var there bool
		const table = `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'goose_db_version')`
		if err := s.run.Calls.QueryRow(ctx, table, s.cfg.Schema).Scan(&there); err != nil || !there {
			return err
		}
		rows, err := s.run.Calls.Query(ctx, s.run.SQL(`SELECT version_id FROM @.goose_db_version WHERE is_applied`))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var v int64
			if err := rows.Scan(&v); err != nil {
				return err
			}
			applied[v] = true
		}
		return rows.Err()
	})
	for i := range known {
		known[i].Applied = applied[known[i].Version]
	}
	return known, err
}

// migrate applies what is missing and returns what it applied. Gateways that start at once wait for
// each other.
func (s *Store) migrate(ctx context.Context) ([]Migration, error) {
	plan, err := s.plan(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(plan, func(m Migration) bool { return !m.Applied }) {
		return nil, nil
	}
	if err := s.makeSchema(ctx); err != nil {
		return nil, err
	}
	conn := stdlib.OpenDBFromPool(s.run.Calls)
	defer func() { _ = conn.Close() }() // leaves the pool open
	applied, err := schema.Apply(ctx, conn, s.cfg.Schema, plan, s.run.SQL)
	if err != nil {
		return nil, fmt.Errorf("migrate the database: %w", sqlstate.Translate(err))
	}
	return applied, nil
}

// makeSchema makes the schema; another gateway may do the same at this moment. A role for which somebody made it may
// not make one: the server asks for that right first, also if the schema is there.
func (s *Store) makeSchema(ctx context.Context) error {
	return s.run.Write(ctx, "make schema "+s.cfg.Schema, func(ctx context.Context) error {
		var there bool
		const look = `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`
		if err := s.run.Calls.QueryRow(ctx, look, s.cfg.Schema).Scan(&there); err != nil || there {
			return err
		}
		_, err := s.run.Calls.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+s.cfg.Schema)
		if c := sqlstate.Code(err); c == sqlstate.UniqueViolation || c == sqlstate.SchemaExists {
			return nil
		}
		return err
	})
}

// Plan connects, and returns the migrations that this version knows, in order.
func Plan(ctx context.Context, cfg Config) ([]Migration, error) {
	s, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(ctx)
	return plan, errors.Join(err, s.Close())
}

// ErrReadOnly is what Migrate returns of a server that takes no writes: a standby, or one that is read-only.
var ErrReadOnly = errors.New("the database server is a standby or read-only: nothing can be changed there")

// Migrate connects and applies what is missing, and returns what it applied. It returns ErrReadOnly of a server that
// takes no writes, also if nothing is missing, and a NewerError of a schema that a later release made.
func Migrate(ctx context.Context, cfg Config) ([]Migration, error) {
	s, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	done, err := s.bring(ctx)
	return done, errors.Join(err, s.Close())
}

// bring brings the schema up to date, and says what keeps it from that.
func (s *Store) bring(ctx context.Context) ([]Migration, error) {
	report, err := fitness.Of(ctx, s.ask)
	if err != nil {
		return nil, err
	}
	if report.TakesNoWrites() {
		return nil, ErrReadOnly
	}
	done, err := s.migrate(ctx)
	if err != nil {
		return nil, err
	}
	newer, err := s.newer(ctx)
	if newer != nil {
		err = newer
	}
	return done, err
}
