package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/stagelock/stagelock/store"
)

const (
	acquire = `INSERT INTO leases (name, owner, fence, expires_at)
		VALUES (?1, ?2, 1, ?3) ON CONFLICT (name) DO UPDATE
		SET owner = excluded.owner, fence = fence + 1, expires_at = excluded.expires_at
		WHERE owner = excluded.owner OR expires_at <= ?4 RETURNING fence`
	renew = `UPDATE leases SET expires_at = ?3
		WHERE name = ?1 AND fence = ?2 AND expires_at <> 0`
	release = `UPDATE leases SET expires_at = 0 WHERE name = ?1 AND fence = ?2`
)

// leases implements store.Leases.
type leases struct{ *file }

func (s leases) Acquire(
	ctx context.Context, name, owner string, ttl time.Duration,
) (int64, error) {
	var fence int64
	err := s.write(ctx, fmt.Sprintf("acquire lease %q", name), func(tx *txn) error {
		err := tx.query(acquire, []any{name, owner, tx.now() + int64(ttl), tx.now()}, &fence)
		if errors.Is(err, sql.ErrNoRows) {
			return store.ErrStale
		}
		return err
	})
	return fence, err
}

func (s leases) Renew(ctx context.Context, name string, fence int64, ttl time.Duration) error {
	return s.write(ctx, fmt.Sprintf("renew lease %q", name), func(tx *txn) error {
		return stale(tx.exec(renew, name, fence, tx.now()+int64(ttl)))
	})
}

func (s leases) Release(ctx context.Context, name string, fence int64) error {
	_, err := s.count(ctx, fmt.Sprintf("release lease %q", name), release, name, fence)
	return err
}
