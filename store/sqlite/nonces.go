package sqlite

import (
	"context"
	"time"
)

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
