package store

import (
	"context"
	"time"
)

// Request is a staging request that a create call made on the live engine.
type Request struct {
	ID        int64 // the engine's stagingRequestId
	Site      int64 // the group it was created for
	Checksum  string
	Peer      string   // name of the peer that created it first
	Logins    []string // every login whose create returned this id since it lives, once, in order of arrival
	Senders   []string // those of them that sent a part which was accepted
	CreatedAt time.Time
	CleanedAt time.Time // zero while it lives

	Upstream  string        // name of the engine's node that answered create
	PartCount int           // parts that were accepted
	PartWidth int           // Part.Width of the first one, 0 while there is none
	PartBytes int64         // sum of their sizes
	Idle      time.Duration // since its create, its last part or the last Touch
}

// Part is one piece of an archive that was accepted for a request.
type Part struct {
	Name  string
	Size  int64  // bytes
	Width int    // digits that Name ends in
	Login string // who sent it, for AddPart: it makes him one of the request's Senders; empty: nobody
}

// Requests remembers who created which staging request. All times are the store's own. It is safe
// for concurrent use, also from several processes; a write is on disk when it returns nil.
type Requests interface {
	// Create keeps req, without parts. If the id is known for the same site and checksum, req.Logins
	// are added to it; if that one was cleaned up it lives again, with req.Logins and req.Upstream only
	// and without its parts. For another site or checksum it is replaced, as the engine reused the id.
	Create(ctx context.Context, req Request) error
	// Request returns the request of that id, cleaned up or not, or ErrNotFound. It costs the same
	// whatever the number of parts.
	Request(ctx context.Context, id int64) (Request, error)
	// Find returns the newest request of that site and checksum that was not cleaned up, or
	// ErrNotFound.
	Find(ctx context.Context, site int64, checksum string) (Request, error)
	// AddPart adds part to request id, replacing a part of the same name in its place, and keeps the
	// sums. It returns ErrNotFound for an unknown id. Answers are kept in the same commit.
	AddPart(ctx context.Context, id int64, part Part, answers ...Answer) error
	// Part returns the part of that name of request id, or ErrNotFound.
	Part(ctx context.Context, id int64, name string) (Part, error)
	// Parts calls fn with every part of request id in order of arrival, and stops at fn's first
	// error, which it returns.
	Parts(ctx context.Context, id int64, fn func(Part) error) error
	// Touch keeps that a call on each of those requests is under way, or has just ended; unknown ones
	// are no error. Whoever has such a call says so again while it lasts.
	Touch(ctx context.Context, ids ...int64) error
	// CleanUp marks request id as cleaned up. It returns ErrNotFound for an unknown id.
	CleanUp(ctx context.Context, id int64) error
	// PruneRequests forgets every request that was cleaned up longer than cleaned ago, and every one
	// that was not used for longer than idle, cleaned up or not. It returns how many.
	PruneRequests(ctx context.Context, cleaned, idle time.Duration) (int, error)
}
