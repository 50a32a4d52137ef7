package postgres

import (
	"context"
	"time"
)

const (
	useNonce = `INSERT INTO @.nonces AS n (key, expires_at) VALUES ($1, {now} + $2 * interval '1 microsecond')
		ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at WHERE n.expires_at <= {now}`
	pruneNonces = `DELETE FROM @.nonces WHERE expires_at <= {now}`
)

// nonces implements store.Nonces.
type nonces struct{ *db }

func (s nonces) Use(ctx context.Context, scope string, nonce []byte, ttl time.Duration) (bool, error) {
	n, err := s.count(ctx, "use a nonce of "+scope, useNonce, hashed(scope, string(nonce)), micros(ttl))
	return err == nil && n == 1, err
}

func (s nonces) PruneNonces(ctx context.Context) (int, error) {
	return s.count(ctx, "prune nonces", pruneNonces)
}
