package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/store"
)

const (
	// bury ends the lives that ran out. Until that is written a life may still be renewed, so
	// nothing is concluded from a clock alone.
	bury = `UPDATE members SET ended_at = expires_at WHERE ended_at IS NULL AND expires_at <= ?1`
	// replaceLife ends the former life of a node.
	replaceLife = `UPDATE members SET ended_at = ?3
		WHERE node = ?1 AND id <> ?2 AND ended_at IS NULL`
	join = `INSERT INTO members
		(id, node, version, config_digest, state, clock_offset, started_at, expires_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
		ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
		WHERE ended_at IS NULL AND node = excluded.node`
	renewLife = `UPDATE members SET state = ?2, config_digest = ?3, clock_offset = ?4, expires_at = ?5, calls = ?6
		WHERE id = ?1 AND ended_at IS NULL`
	leave = `UPDATE members SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL`
	// forgetLives keeps a life that a repeat names, whose age counts from the end of that life.
	forgetLives = `DELETE FROM members WHERE ended_at <= ?1
		AND NOT EXISTS (SELECT 1 FROM repeats WHERE owner = members.id)`
	readMembers = `SELECT id, node, version, config_digest, state, clock_offset, started_at,
		expires_at, ended_at, calls FROM members WHERE ended_at IS NULL OR ended_at > ?1
		ORDER BY node, started_at, id`
)

// memberHistory is how long a life that is over is shown.
const memberHistory = 24 * time.Hour

// members implements store.Members.
type members struct{ *file }

func (s members) Join(ctx context.Context, m store.Member, ttl time.Duration) (time.Time, error) {
	var now int64
	err := s.write(ctx, fmt.Sprintf("join as %q", m.Node), func(tx *txn) error {
		now = tx.now()
		if _, err := tx.exec(bury, now); err != nil {
			return err
		}
		if _, err := tx.exec(replaceLife, m.Node, m.ID, now); err != nil {
			return err
		}
		if _, err := tx.exec(forgetLives, now-int64(memberHistory)); err != nil {
			return err
		}
		return stale(tx.exec(join, m.ID, m.Node, m.Version, m.ConfigDigest, string(m.State),
			int64(m.Offset), now, now+int64(ttl)))
	})
	return time.Unix(0, now).UTC(), err
}

func (s members) Renew(ctx context.Context, m store.Member, ttl time.Duration) (time.Time, error) {
	var now int64
	err := s.write(ctx, fmt.Sprintf("renew the life of %q", m.Node), func(tx *txn) error {
		now = tx.now()
		if _, err := tx.exec(bury, now); err != nil {
			return err
		}
		return stale(tx.exec(renewLife, m.ID, string(m.State), m.ConfigDigest, int64(m.Offset),
			now+int64(ttl), m.Calls))
	})
	return time.Unix(0, now).UTC(), err
}

func (s members) Leave(ctx context.Context, id string) error {
	return s.write(ctx, "leave", func(tx *txn) error {
		if _, err := tx.exec(bury, tx.now()); err != nil {
			return err
		}
		_, err := tx.exec(leave, id, tx.now())
		return err
	})
}

func (s members) Members(ctx context.Context) ([]store.Member, error) {
	var all []store.Member
	now := s.now().UnixNano()
	err := s.rows(ctx, "members", readMembers, []any{now - int64(memberHistory)},
		func(row scanner) error {
			var m store.Member
			var started, expires, ended sql.NullInt64
			err := row.Scan(&m.ID, &m.Node, &m.Version, &m.ConfigDigest, &m.State, &m.Offset,
				&started, &expires, &ended, &m.Calls)
			m.StartedAt, m.ExpiresAt = fromNanos(started), fromNanos(expires)
			m.Over, m.Left = ended.Valid || expires.Int64 <= now, time.Duration(expires.Int64-now)
			if m.Over {
				m.Left = 0
			}
			all = append(all, m)
			return err
		})
	if err != nil {
		return nil, err
	}
	return all, nil
}
