package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

const (
	// keepName writes the name of the cluster, once.
	keepName = `INSERT INTO @.cluster (name, lowest) VALUES ($1, 1) ON CONFLICT DO NOTHING`
	readName = `SELECT name, lowest FROM @.cluster`
)

// start holds the server, the schema and the cluster's name against what this gateway needs.
func (s *Store) start(ctx context.Context) error {
	report, err := s.check(ctx)
	if err != nil {
		return err
	}
	if err := report.refusal(); err != nil {
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
	err = s.read(ctx, "name of the cluster", func(ctx context.Context) error {
		if _, err := s.calls.Exec(ctx, s.sql(keepName), raw(s.cfg.Cluster)); err != nil {
			return err
		}
		return s.calls.QueryRow(ctx, s.sql(readName)).Scan(&name, &lowest)
	})
	if err != nil {
		return err
	}
	newest := plan[len(plan)-1].Version
	if lowest > newest {
		return fmt.Errorf("the database works with releases of schema %d or later, this one knows up to %d: "+
			"upgrade this gateway", lowest, newest)
	}
	if string(name) != s.cfg.Cluster {
		return fmt.Errorf("the database belongs to the cluster %q, cluster.name says %q: "+
			"correct one of cluster.name, cluster.postgres.url and cluster.postgres.schema", name, s.cfg.Cluster)
	}
	return nil
}

// plan returns the migrations that this version knows, in order.
func (s *Store) plan(ctx context.Context) ([]Migration, error) {
	known, err := list()
	if err != nil {
		return nil, err
	}
	applied := map[int64]bool{}
	err = s.read(ctx, "schema of the database", func(ctx context.Context) error {
		var there bool
		const table = `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'goose_db_version')`
		if err := s.calls.QueryRow(ctx, table, s.cfg.Schema).Scan(&there); err != nil || !there {
			return err
		}
		rows, err := s.calls.Query(ctx, s.sql(`SELECT version_id FROM @.goose_db_version WHERE is_applied`))
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

// list reads the names of the embedded migrations.
func list() ([]Migration, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	all := make([]Migration, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		if all[i].Version, err = strconv.ParseInt(number, 10, 64); err != nil {
			return nil, fmt.Errorf("migration %q: %w", name, err)
		}
		all[i].Name = name
	}
	return all, nil
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
	conn := stdlib.OpenDBFromPool(s.calls)
	defer func() { _ = conn.Close() }() // leaves the pool open
	p, err := s.provider(conn, plan)
	if err != nil {
		return nil, err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate the database: %w", translate(err))
	}
	var applied []Migration
	for _, d := range done {
		i := slices.IndexFunc(plan, func(m Migration) bool { return m.Version == d.Source.Version })
		applied = append(applied, Migration{Version: d.Source.Version, Name: plan[i].Name, Applied: true})
	}
	return applied, nil
}

// makeSchema makes the schema; another gateway may do the same at this moment.
func (s *Store) makeSchema(ctx context.Context) error {
	return s.write(ctx, "make schema "+s.cfg.Schema, func(ctx context.Context) error {
		_, err := s.calls.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+s.cfg.Schema)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && (pg.Code == uniqueViolation || pg.Code == "42P06") {
			return nil
		}
		return err
	})
}

func (s *Store) provider(conn *sql.DB, plan []Migration) (*goose.Provider, error) {
	var steps []*goose.Migration
	for _, m := range plan {
		text, err := fs.ReadFile(migrations, m.Name)
		if err != nil {
			return nil, err
		}
		query := s.sql(string(text))
		steps = append(steps, goose.NewGoMigration(m.Version, &goose.GoFunc{
			RunTx: func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, query)
				return err
			},
		}, nil))
	}
	locker, err := lock.NewPostgresTableLocker(lock.WithTableName(s.cfg.Schema + ".goose_lock"))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, conn, nil, goose.WithGoMigrations(steps...),
		goose.WithTableName(s.cfg.Schema+".goose_db_version"), goose.WithDisableGlobalRegistry(true),
		goose.WithLocker(locker))
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

// Migrate connects and applies what is missing, and returns what it applied.
func Migrate(ctx context.Context, cfg Config) ([]Migration, error) {
	s, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	done, err := s.migrate(ctx)
	return done, errors.Join(err, s.Close())
}
