package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/fitness"
	"github.com/stagelock/stagelock/store/postgres/schema"
)

// readRights is what the role may do: in the database, in the schema if that is there, and with how many of its
// tables it may not what gateways do, of those that only sync asks apart, and how many belong to others; others may
// have tables of their own there.
const readRights = `SELECT current_user, current_database(), has_database_privilege(current_database(), 'CREATE'),
	n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE'), false), coalesce(has_schema_privilege(n.oid, 'CREATE'), false),
	t.closed, t.sync, t.foreign
	FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1
	CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE shut AND NOT sync) AS closed, count(*) FILTER (WHERE shut AND sync) AS sync,
		count(*) FILTER (WHERE NOT pg_has_role(owner, 'USAGE')) AS foreign
		FROM (SELECT c.relowner AS owner, starts_with(c.relname::text, 'sync_') AS sync, NOT (has_table_privilege(c.oid, 'SELECT') AND
			(c.relname = 'goose_db_version' OR has_table_privilege(c.oid, 'INSERT'))) AS shut FROM pg_class c
			WHERE c.relnamespace = n.oid AND (c.relname = 'goose_db_version' OR c.relname = ANY ($2::text[]))) c) t`

// rights are those of the role that a gateway connects as.
type rights struct {
	role, database                  string
	makes, there, uses, makesTables bool
	closed, sync, foreign           int // tables
}

// Inspect connects and checks, and changes nothing. What is wrong with the role's rights, and with whose schema it
// is, are problems of the report too.
func Inspect(ctx context.Context, cfg Config) (Report, error) {
	s, err := connect(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	r, err := fitness.Of(ctx, s.ask)
	if err == nil {
		err = s.inspect(ctx, &r)
	}
	return r, errors.Join(err, s.Close())
}

// inspect adds what keeps a gateway from working with the schema.
func (s *Store) inspect(ctx context.Context, r *Report) error {
	has, err := s.rights(ctx)
	if err != nil {
		return err
	}
	if has.there && (!has.uses || has.closed > 0) {
		r.Problems = append(r.Problems, s.lacking(has))
		return nil // there is more that cannot be read
	}
	if has.sync > 0 { // made by a later release than those that it was given rights on
		r.Warnings = append(r.Warnings, s.closed(has.role, fmt.Sprintf("%d tables of sync in", has.sync)))
	}
	plan, err := s.plan(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(plan, func(m Migration) bool { return !m.Applied }) {
		s.inspectSteps(has, r)
		return nil
	}
	newer, err := s.newer(ctx)
	if err != nil {
		return err
	}
	if newer != nil && newer.Works() {
		r.Warnings = append(r.Warnings, newer.Error()+": upgrade this gateway when the others are")
	}
	return s.inspectName(ctx, plan, r)
}

// rights returns those of the role that it is connected as.
func (s *Store) rights(ctx context.Context) (has rights, err error) {
	tables, err := schema.Tables()
	if err != nil {
		return has, err
	}
	err = s.run.Read(ctx, "rights of the role", func(ctx context.Context) error {
		return s.run.Calls.QueryRow(ctx, readRights, s.cfg.Schema, tables).Scan(&has.role, &has.database, &has.makes, &has.there,
			&has.uses, &has.makesTables, &has.closed, &has.sync, &has.foreign)
	})
	return has, err
}

// inspectSteps adds what keeps the role from applying steps that are missing.
func (s *Store) inspectSteps(has rights, r *Report) {
	switch {
	case has.there && !has.makesTables || !has.there && !has.makes:
		r.Problems = append(r.Problems, s.lacking(has))
	case has.foreign > 0:
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d tables of the schema %s are not the role %q's own, and a step that is "+
			"missing may change one: have their owner run stagelock store migrate", has.foreign, s.cfg.Schema, has.role))
	}
}

// inspectName adds that the database is another cluster's, or one of later releases.
func (s *Store) inspectName(ctx context.Context, plan []Migration, r *Report) error {
	var name []byte
	var lowest int64
	err := s.run.Read(ctx, "name of the cluster", func(ctx context.Context) error {
		return s.run.Calls.QueryRow(ctx, s.run.SQL(readName)).Scan(&name, &lowest)
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil // no gateway has started yet
	case err != nil:
		return err
	}
	if s.cfg.Cluster == "" { // whoever asks knows no name
		s.cfg.Cluster = string(name)
	}
	if err := s.fits(plan, string(name), lowest); err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
	return nil
}

// lacking says what the role may not do, and what gives it the right.
func (s *Store) lacking(has rights) string {
	name, role := s.cfg.Schema, fmt.Sprintf("%q", has.role)
	switch {
	case !has.there:
		return fmt.Sprintf("the role %s may not make the schema %s in the database %q: CREATE SCHEMA %s AUTHORIZATION %s, "+
			"as a role that may", role, name, has.database, name, role)
	case !has.uses:
		return fmt.Sprintf("the role %s may not use the schema %s: connect as its owner, or GRANT USAGE ON SCHEMA %s TO %s",
			role, name, name, role)
	case has.closed > 0:
		return s.closed(has.role, fmt.Sprintf("%d tables of", has.closed))
	}
	return fmt.Sprintf("the role %s may not make tables in the schema %s, which lacks some: have its owner run "+
		"stagelock store migrate, or GRANT CREATE ON SCHEMA %s TO %s", role, name, name, role)
}

// closed says that a role may not use some tables.
func (s *Store) closed(role, which string) string {
	return fmt.Sprintf("the role %q may not read and write %s the schema %s: connect as their owner, or "+
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO %q", role, which, s.cfg.Schema, s.cfg.Schema, role)
}
