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

const (
	useNonce = `INSERT INTO nonces (scope, nonce, expires_at) VALUES (?1, ?2, ?3)
		ON CONFLICT (scope, nonce) DO UPDATE SET expires_at = excluded.expires_at
		WHERE expires_at <= ?4`
	pruneNonces = `DELETE FROM nonces WHERE expires_at <= ?1`
)

// nonces implements store.Nonces.
type nonces struct{ *file }

func (s nonces) Use(
	ctx context.Context, scope string, nonce []byte, ttl time.Duration,
) (bool, error) {
	if nonce == nil {
		nonce = []byte{}
	}
	var n int64
	err := s.write(ctx, "use a nonce of "+scope, func(tx *txn) (err error) {
		n, err = tx.exec(useNonce, scope, nonce, tx.now()+int64(ttl), tx.now())
		return err
	})
	return err == nil && n == 1, err
}

func (s nonces) PruneNonces(ctx context.Context) (int, error) {
	return s.countAt(ctx, "prune nonces", func(now int64) (string, []any) {
		return pruneNonces, []any{now}
	})
}
