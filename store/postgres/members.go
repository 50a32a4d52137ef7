package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/outage"
)

const (
	// bury ends the lives that ran out. It waits for a renewal that is being committed and then
	// leaves that life: nothing is concluded from a clock alone.
	bury = `UPDATE @.members SET ended_at = expires_at WHERE ended_at IS NULL AND expires_at <= {now}`
	// replaceLife ends the former life of a node.
	replaceLife = `UPDATE @.members SET ended_at = {now} WHERE node = $1 AND id <> $2 AND ended_at IS NULL`
	// forgetLives keeps a life that a repeat names, whose age counts from the end of that life.
	forgetLives = `DELETE FROM @.members m WHERE ended_at <= {now} - interval '1 day'
		AND NOT EXISTS (SELECT FROM @.repeats r WHERE r.owner = m.id)`
	join = `INSERT INTO @.members AS m
		(id, node, version, config_digest, state, clock_offset, started_at, expires_at)
		SELECT $1, $2, $3, $4, $5, $6, t, t + $7 * interval '1 microsecond' FROM (SELECT {now} AS t) clock
		ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
		WHERE m.ended_at IS NULL AND m.node = excluded.node RETURNING {now}`
	renewLife = `UPDATE @.members SET state = $2, config_digest = $3, clock_offset = $4, calls = $6,
		expires_at = {now} + $5 * interval '1 microsecond'
		WHERE id = $1 AND ended_at IS NULL AND expires_at > {now} RETURNING {now}`
	leave = `UPDATE @.members SET ended_at = least(expires_at, {now}) WHERE id = $1 AND ended_at IS NULL`

	readMembers = `SELECT id, node, version, config_digest, state, clock_offset, started_at, expires_at,
		ended_at IS NOT NULL OR expires_at <= {now}, calls, (extract(epoch FROM expires_at - {now}) * 1000000)::bigint
		FROM @.members WHERE ended_at IS NULL OR ended_at > {now} - interval '1 day'
		ORDER BY node, started_at, id`
)

// members implements store.Members, on a connection of its own.
type members struct{ *db }

func (s members) Join(ctx context.Context, m store.Member, ttl time.Duration) (time.Time, error) {
	var now time.Time
	err := s.Write(outage.Hastily(ctx), fmt.Sprintf("join as %q", m.Node), func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.Lives, func(tx pgx.Tx) error {
			for _, step := range []struct {
				query string
				args  []any
			}{{bury, nil}, {replaceLife, []any{raw(m.Node), raw(m.ID)}}, {forgetLives, nil}} {
				if _, err := tx.Exec(ctx, s.SQL(step.query), step.args...); err != nil {
					return err
				}
			}
			rows, err := tx.Query(ctx, s.SQL(join), raw(m.ID), raw(m.Node), raw(m.Version), raw(m.ConfigDigest),
				raw(string(m.State)), int64(m.Offset), micros(ttl))
			if err != nil {
				return err
			}
			now, err = oneTime(rows)
			return err
		})
	})
	return now, err
}

func (s members) Renew(ctx context.Context, m store.Member, ttl time.Duration) (time.Time, error) {
	var now time.Time
	err := s.Write(outage.Hastily(ctx), fmt.Sprintf("renew the life of %q", m.Node), func(ctx context.Context) error {
		rows, err := s.Lives.Query(ctx, s.SQL(renewLife), raw(m.ID), raw(string(m.State)), raw(m.ConfigDigest),
			int64(m.Offset), micros(ttl), int64(m.Calls))
		if err != nil {
			return err
		}
		if now, err = oneTime(rows); err != nil {
			return err
		}
		_, err = s.Lives.Exec(ctx, s.SQL(bury))
		return err
	})
	return now, err
}

// oneTime reads the time of the row that a statement changed; ErrStale if it changed none.
func oneTime(rows pgx.Rows) (time.Time, error) {
	all, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return time.Time{}, err
	}
	if len(all) == 0 {
		return time.Time{}, store.ErrStale
	}
	return all[0].UTC(), nil
}

func (s members) Leave(ctx context.Context, id string) error {
	return s.Write(outage.Hastily(ctx), "leave", func(ctx context.Context) error {
		_, err := s.Lives.Exec(ctx, s.SQL(leave), raw(id))
		return err
	})
}

func (s members) Members(ctx context.Context) ([]store.Member, error) {
	var all []store.Member
	err := s.Read(outage.Hastily(ctx), "members", func(ctx context.Context) error {
		rows, err := s.Calls.Query(ctx, s.SQL(readMembers))
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scanMember)
		return err
	})
	return all, err
}

func scanMember(row pgx.CollectableRow) (store.Member, error) {
	var m store.Member
	var id, node, version, digest, state []byte
	var left int64 // microseconds
	err := row.Scan(&id, &node, &version, &digest, &state, &m.Offset, &m.StartedAt, &m.ExpiresAt, &m.Over, &m.Calls, &left)
	if !m.Over {
		m.Left = time.Duration(left) * time.Microsecond
	}
	m.ID, m.Node, m.Version, m.ConfigDigest = string(id), string(node), string(version), string(digest)
	m.State, m.StartedAt, m.ExpiresAt = store.MemberState(state), m.StartedAt.UTC(), m.ExpiresAt.UTC()
	return m, err
}
