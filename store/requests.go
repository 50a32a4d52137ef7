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
	Logins    []string // every login whose create returned this id, once, in order of arrival
	Parts     []Part   // parts that were accepted, in order of arrival; a name stands once
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
	Size  int64 // bytes
	Width int   // digits that Name ends in
}

// Requests remembers who created which staging request. It is safe for concurrent use; a write is
// on disk when it returns nil.
type Requests interface {
	// Create keeps req. If the id is known for the same site and checksum, req.Logins are added to
	// it, its CleanedAt is reset and the parts stay only if it was not cleaned up; for another site
	// or checksum it is replaced, as the engine reused the id.
	Create(ctx context.Context, req Request) error
	// Request returns the request of that id, cleaned up or not, or ErrNotFound.
	Request(ctx context.Context, id int64) (Request, error)
	// AddPart adds part to request id, replacing a part of the same name in its place. It returns
	// ErrNotFound for an unknown id.
	AddPart(ctx context.Context, id int64, part Part) error
	// CleanUp marks request id as cleaned up at that time. It returns ErrNotFound for an unknown
	// id.
	CleanUp(ctx context.Context, id int64, at time.Time) error
	// PruneRequests forgets every request that was cleaned up before that time and returns how
	// many.
	PruneRequests(ctx context.Context, before time.Time) (int, error)
}
