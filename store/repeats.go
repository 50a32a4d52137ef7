package store

import (
	"context"
	"time"
)

// RepeatKey names one call that must not be carried out twice.
type RepeatKey struct {
	Login  string
	KeyID  string // the shared secret it was signed with
	Method string
	Digest string // of the body as received
}

// RepeatState says how far the first of equal calls came.
type RepeatState string

// The states of a repeat.
const (
	RepeatRunning  RepeatState = "running"  // its tail may have left, no answer yet
	RepeatAnswered RepeatState = "answered" // the answer is kept until it is known to be delivered
	RepeatUnknown  RepeatState = "unknown"  // the process died in between: it may have been carried out
)

// Repeat is one remembered call.
type Repeat struct {
	Key        RepeatKey
	Scope      string // the staging request or site it belongs to, with the login
	Reference  string // id of the first call in the audit log
	Owner      string // id of the life that carries it out (Member.ID)
	Node       string // name of that life's gateway
	State      RepeatState
	Answer     []byte // the body as sent, nil until answered
	StartedAt  time.Time
	AnsweredAt time.Time
}

// Repeats remembers calls that Java's client may send again. It is safe for concurrent use, also
// from several processes; a write is on disk when it returns nil.
type Repeats interface {
	// Begin keeps rep as running, unless its key is known: then it returns the known one and false.
	Begin(ctx context.Context, rep Repeat) (Repeat, bool, error)
	// Answer keeps the answer of a running repeat. It returns ErrNotFound if the key is not known,
	// and ErrStale if it is not running.
	Answer(ctx context.Context, key RepeatKey, answer []byte, at time.Time) error
	// Repeat returns what is known of key, or ErrNotFound.
	Repeat(ctx context.Context, key RepeatKey) (Repeat, error)
	// End forgets key; an unknown one is no error.
	End(ctx context.Context, key RepeatKey) error
	// EndScope forgets every answered or unknown repeat of that scope but the one of key.
	EndScope(ctx context.Context, scope string, except RepeatKey) error
	// Interrupt turns every running repeat into an unknown one and returns how many: called at
	// start, when nothing runs.
	Interrupt(ctx context.Context) (int, error)
	// PruneRepeats forgets repeats that were answered, or began and were interrupted, before that
	// time.
	PruneRepeats(ctx context.Context, before time.Time) (int, error)
}
