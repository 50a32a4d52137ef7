package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/statements"
)

const (
	acquire = `INSERT INTO @.leases AS l (name, owner, fence, expires_at)
		VALUES ($1, $2, 1, {now} + $3 * interval '1 microsecond')
		ON CONFLICT (name) DO UPDATE
		SET owner = excluded.owner, fence = l.fence + 1, expires_at = excluded.expires_at
		WHERE l.owner = excluded.owner OR l.expires_at <= {now} RETURNING fence`
	renew = `UPDATE @.leases SET expires_at = {now} + $3 * interval '1 microsecond'
		WHERE name = $1 AND fence = $2 AND expires_at > '-infinity'`
	release = `UPDATE @.leases SET expires_at = '-infinity' WHERE name = $1 AND fence = $2`
)

// leases implements store.Leases.
type leases struct{ *db }

func (s leases) Acquire(ctx context.Context, name, owner string, ttl time.Duration) (int64, error) {
	var fence int64
	err := s.Write(ctx, fmt.Sprintf("acquire lease %q", name), func(ctx context.Context) error {
		err := s.Calls.QueryRow(ctx, s.SQL(acquire), raw(name), raw(owner), micros(ttl)).Scan(&fence)
		if errors.Is(err, pgx.ErrNoRows) {
			return store.ErrStale
		}
		return err
	})
	return fence, err
}

func (s leases) Renew(ctx context.Context, name string, fence int64, ttl time.Duration) error {
	n, err := s.Count(ctx, fmt.Sprintf("renew lease %q", name), renew, raw(name), fence, micros(ttl))
	return statements.Stale(n, err)
}

func (s leases) Release(ctx context.Context, name string, fence int64) error {
	_, err := s.Count(ctx, fmt.Sprintf("release lease %q", name), release, raw(name), fence)
	return err
}

const (
	useNonce = `INSERT INTO @.nonces AS n (key, expires_at) VALUES ($1, {now} + $2 * interval '1 microsecond')
		ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at WHERE n.expires_at <= {now}`
	pruneNonces = `DELETE FROM @.nonces WHERE expires_at <= {now}`
)

// nonces implements store.Nonces.
type nonces struct{ *db }

func (s nonces) Use(ctx context.Context, scope string, nonce []byte, ttl time.Duration) (bool, error) {
	n, err := s.Count(ctx, "use a nonce of "+scope, useNonce, hashed(scope, string(nonce)), micros(ttl))
	return err == nil && n == 1, err
}

func (s nonces) PruneNonces(ctx context.Context) (int, error) {
	return s.Count(ctx, "prune nonces", pruneNonces)
}
