package store

import "context"

// Seq numbers the records of one log from 1, without gaps.
type Seq uint64

// Record is one line of an append-only log.
type Record struct {
	Seq  Seq
	Body []byte // one line of JSON without the line break; the store neither reads nor changes it
}

// Events is an append-only log of opaque records. It is safe for concurrent use.
type Events interface {
	// Append adds recs, which follow each other and the last record by Seq. All of them are on disk
	// when it returns nil; none of them counts when it does not (a process that dies in between may
	// leave the first of them, whole). It returns ErrStale if a Seq is not the next one, and
	// ErrFull if the place is full. A Body that is empty or holds a line break is refused. It keeps
	// no Body after it returned.
	Append(ctx context.Context, recs []Record) error
	// Last returns the newest record, or ErrNotFound from an empty log. The caller may keep its
	// Body.
	Last(ctx context.Context) (Record, error)
	// Read calls fn with every record from seq on, oldest first, and stops at fn's first error,
	// which it returns. Body is valid until fn returns. Records appended meanwhile may or may not
	// be seen. A log that somebody edited is read as it is: Seq then counts what is there, so
	// whoever must know checks the bodies.
	Read(ctx context.Context, from Seq, fn func(Record) error) error
}

// Written is a log whose records count before they are on disk.
type Written interface {
	Events
	// Write is Append that does not wait for the disk: recs count when it returns nil, and outlive the
	// process, but the machine only once Sync returned nil.
	Write(ctx context.Context, recs []Record) error
	// Sync returns when every record up to seq is on disk. Callers at the same time share the wait, and
	// Write passes meanwhile. After an error nothing can be appended until the log is opened anew.
	Sync(ctx context.Context, seq Seq) error
}

// Lazy is a log in a place of its own, whose records count before they are on the disk there.
type Lazy interface {
	Events
	// AppendLazily is Append that does not wait for the disk: recs count when it returns nil, and outlive
	// the process that wrote them. A place that fails may lose the last of them, until an Append behind them
	// or a Flush returned nil.
	AppendLazily(ctx context.Context, recs []Record) error
	// Flush returns when every record up to seq is on disk; ErrStale if the log ends before it. What is
	// appended meanwhile does not wait for it.
	Flush(ctx context.Context, seq Seq) error
}
