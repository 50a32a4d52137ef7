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
	RepeatAnswered RepeatState = "answered" // its answer is kept for its twins
	RepeatUnknown  RepeatState = "unknown"  // its process ended in between: it may have been carried out
)

// Repeat is one remembered call.
type Repeat struct {
	Key        RepeatKey
	Scope      string // the staging request or site it belongs to, with the login
	Reference  string // id of the first call in the audit log
	Owner      string // id of the life that carries it out (Member.ID)
	Node       string // name of that life's gateway
	State      RepeatState
	Answer     []byte    // the body as sent, nil until answered
	StartedAt  time.Time // by the store's clock, as AnsweredAt
	AnsweredAt time.Time
	Ended      bool // another call of its scope came after it: only calls that began before are its twins

	// Age is how long before Begin the call began, by its gateway's own clock. Only Begin reads it.
	Age time.Duration
}

// Answer is what a repeat was answered, for Requests.AddPart, which keeps both or nothing with one wait for the
// disk. It is kept as by Repeats.Answer, but that a repeat which is gone or belongs to another reference
// is no error: the part arrived all the same.
type Answer struct {
	Key       RepeatKey
	Reference string
	Body      []byte
}

// Repeats remembers calls that must not be carried out twice. All times are the store's own. It is
// safe for concurrent use, also from several processes; a write is on disk when it returns nil.
//
// A repeat belongs to the life that carries it out (Repeat.Owner, see Members), and its Reference is
// the fence: a late answer names the call that it answers. A running repeat whose owner's life is
// over reads as unknown: nobody can know whether it was carried out. It is settled when it was
// answered, or when that life ended.
//
// A call that began before an equal one was settled is its twin, however late it comes and whatever
// ended that one: so what has ended stays until it is pruned.
type Repeats interface {
	// Begin keeps rep as running for rep.Owner and then ends what else rep.Scope holds, as EndScope
	// does, wholly or not at all. If its key is known it ends nothing and returns the known one and
	// false; if that one has rep's own Reference, Begin was already carried out, and it returns true.
	// A known one that was settled before rep began is replaced if it has ended, or if it was settled
	// longer than keep ago; with a keep of 0 none is too old. It returns ErrStale, and keeps nothing,
	// if the life of rep.Owner is over.
	Begin(ctx context.Context, rep Repeat, keep time.Duration) (Repeat, bool, error)
	// Answer keeps the answer of the running or unknown repeat with that key and reference; one that
	// is answered stays as it is. It returns ErrNotFound if there is no such key, and ErrStale if
	// the key belongs to another reference.
	Answer(ctx context.Context, key RepeatKey, reference string, answer []byte) error
	// Repeat returns what is known of key, or ErrNotFound.
	Repeat(ctx context.Context, key RepeatKey) (Repeat, error)
	// Void forgets the repeat with that key and reference, unless it was answered: it was surely not
	// carried out. Another one, or none, is no error.
	Void(ctx context.Context, key RepeatKey, reference string) error
	// EndScope ends every repeat of that scope but the one of key that was settled before a call
	// began, age ago. An empty scope holds nothing.
	EndScope(ctx context.Context, scope string, except RepeatKey, age time.Duration) error
	// PruneRepeats forgets repeats that were settled longer than keep ago. It returns how many.
	PruneRepeats(ctx context.Context, keep time.Duration) (int, error)
}
