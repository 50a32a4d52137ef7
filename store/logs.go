package store

import "context"

// Head is the last record of a log.
type Head struct {
	Log    string
	Record Record
}

// Logs is the audit logs of the gateways that share a store, one writer each. It is safe for
// concurrent use, also from several processes.
type Logs interface {
	// Log returns the log of that name, which begins with its first record. Append to it returns
	// ErrStale to a writer whose Seq is not the next one: of two that write under one name, one
	// stops.
	Log(name string) Events
	// Cut forgets the records of that log before seq, oldest first, and returns how many. The one of seq
	// stays, which must be there: else ErrNotFound, and nothing is forgotten. After another error some of
	// the oldest may be forgotten; Cut may be called again.
	Cut(ctx context.Context, log string, seq Seq) (int, error)
	// Heads returns the last record of every log, by name; also of logs that nobody writes any more.
	Heads(ctx context.Context) ([]Head, error)
	// AppendCheckpoint keeps the note of checkpoint n; ErrStale if n is not the next one. The first
	// is 1.
	AppendCheckpoint(ctx context.Context, n uint64, note []byte) error
	// Sign keeps a signature, a whole line of a note, that another gateway adds to checkpoint n; one
	// that is there already is no error. ErrNotFound if there is no such checkpoint.
	Sign(ctx context.Context, n uint64, signature []byte) error
	// CutCheckpoints is Cut for the checkpoints before n, and what was signed under them.
	CutCheckpoints(ctx context.Context, n uint64) (int, error)
	// Newest returns the last checkpoint as Checkpoints does, or ErrNotFound.
	Newest(ctx context.Context) (n uint64, note []byte, err error)
	// Checkpoints calls fn with every note from n on, in order, the signatures that were added to it
	// behind its own, and stops at fn's first error, which it returns. A note is fn's to keep.
	Checkpoints(ctx context.Context, from uint64, fn func(n uint64, note []byte) error) error
}
