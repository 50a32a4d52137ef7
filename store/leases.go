package store

import (
	"context"
	"time"
)

// Leases lets one of several processes do something. All expiry is judged by the store's clock. It
// is safe for concurrent use, also from several processes.
type Leases interface {
	// Acquire takes the lease of that name for ttl and returns its fencing number, or ErrStale while
	// somebody else holds it. A lease that ran out may be taken over; owner may take its own anew.
	// Every number is higher than those before it.
	Acquire(ctx context.Context, name, owner string, ttl time.Duration) (int64, error)
	// Renew prolongs the lease to ttl from now; ErrStale if it was taken over or given back.
	Renew(ctx context.Context, name string, fence int64, ttl time.Duration) error
	// Release gives the lease back; a lease that was taken over stays as it is.
	Release(ctx context.Context, name string, fence int64) error
}
