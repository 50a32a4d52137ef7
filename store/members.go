package store

import (
	"context"
	"time"
)

// MemberState says whether a gateway takes calls.
type MemberState string

// The states of a member.
const (
	MemberUp       MemberState = "up"
	MemberDraining MemberState = "draining" // it serves what it has and takes nothing new
)

// Member is one life of one gateway: one process, from its start to its end.
type Member struct {
	ID           string // of the life, a UUID
	Node         string // name of the gateway; it has one life at a time
	Version      string
	ConfigDigest string
	State        MemberState
	Offset       time.Duration // of the node's clock to the store's, as its last renewal measured it
	Calls        int           // under way, as of its last renewal
	StartedAt    time.Time     // by the store's clock, as what follows
	ExpiresAt    time.Time
	Left         time.Duration // of its lease, when Members was asked; not above 0 if it is over
	Over         bool          // it left, was taken over, or its lease ran out
}

// Members knows which gateways live. All times are the store's own: no caller passes a clock. It is
// safe for concurrent use, also from several processes; a write is on disk when it returns nil.
type Members interface {
	// Join begins life m.ID for ttl and returns the store's time. A former life of m.Node ends at
	// once. A life that is over is not begun again: ErrStale.
	Join(ctx context.Context, m Member, ttl time.Duration) (time.Time, error)
	// Renew prolongs life m.ID to ttl from now, keeps its State, ConfigDigest, Offset and Calls, and
	// returns the store's time. It returns ErrStale for a life that ran out or was ended: it never
	// comes back, so what others concluded stays true.
	Renew(ctx context.Context, m Member, ttl time.Duration) (time.Time, error)
	// Leave ends a life; one that is over, or that nobody knows, is no error.
	Leave(ctx context.Context, id string) error
	// Members returns the lives that are not over and those that ended within a day, by node and
	// start.
	Members(ctx context.Context) ([]Member, error)
}
