package store

import (
	"context"
	"time"
)

// Value is what is known of one stored certificate resource without reading it.
type Value struct {
	Key        string
	Size       int64
	ModifiedAt time.Time
}

// Certificates keeps certificates, keys and the accounts that obtain them, under slash-separated
// keys, and leases that let one of several processes obtain a certificate. It is safe for
// concurrent use, also from several processes.
//
// A key is one or more segments joined by slashes; a segment is any text but an empty one. "a" is
// above "a/b" and not above "ab". A malformed key is refused.
type Certificates interface {
	// StoreValue writes key; it is on disk when it returns nil.
	StoreValue(ctx context.Context, key string, value []byte) error
	// LoadValue returns the value of key, or ErrNotFound.
	LoadValue(ctx context.Context, key string) ([]byte, error)
	// DeleteValue removes key and every key below it; ErrNotFound if there is none.
	DeleteValue(ctx context.Context, key string) error
	// ListValues returns the keys below prefix, sorted by their bytes, those that only have keys
	// below them too; only direct children unless recursive. An empty prefix is above every key. It
	// returns none, without an error, if there is nothing below prefix.
	ListValues(ctx context.Context, prefix string, recursive bool) ([]string, error)
	// StatValue returns what is known of key, or ErrNotFound. A key that only has keys below it has
	// Size 0 and a zero time.
	StatValue(ctx context.Context, key string) (Value, error)
	// Acquire takes the lease of that name for ttl and returns its fencing number, or ErrStale
	// while somebody else holds it. A lease that ran out may be taken over; owner may take its own
	// anew. Every number is higher than those before it.
	Acquire(ctx context.Context, name, owner string, ttl time.Duration, now time.Time) (int64, error)
	// Renew prolongs the lease to ttl from now; ErrStale if it was taken over or given back.
	Renew(ctx context.Context, name string, fence int64, ttl time.Duration, now time.Time) error
	// Release gives the lease back; a lease that was taken over stays as it is.
	Release(ctx context.Context, name string, fence int64) error
}
