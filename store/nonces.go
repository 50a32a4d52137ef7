package store

import (
	"context"
	"time"
)

// Nonces remembers what may be used once. Expiry is judged by the store's clock. It is safe for
// concurrent use, also from several processes.
type Nonces interface {
	// Use returns true for the first user of nonce in that scope, and false for every other one
	// until it runs out, ttl from now. It is on disk when it returns true. An error means that
	// nobody knows: refuse.
	Use(ctx context.Context, scope string, nonce []byte, ttl time.Duration) (bool, error)
	// PruneNonces forgets those that ran out and returns how many.
	PruneNonces(ctx context.Context) (int, error)
}
