package store

import (
	"context"
	"time"
)

// RepeatsV2 remembers calls that must not be carried out twice. All times are the store's own. It is
// safe for concurrent use, also from several processes; a write is on disk when it returns nil.
//
// A repeat belongs to the life that carries it out (Repeat.Owner, see Members), and its Reference is
// the fence: a late answer names the call that it answers. A running repeat whose owner's life is
// over reads as unknown: nobody can know whether it was carried out.
type RepeatsV2 interface {
	// Begin keeps rep as running for rep.Owner and then ends what else rep.Scope holds, as EndScope
	// does, wholly or not at all. If its key is known it ends nothing and returns the known one and
	// false; if that one has rep's own Reference, Begin was already carried out, and it returns true.
	// A known one that was answered, or became unknown, longer than keep ago is replaced; with a keep
	// of 0 none is too old. It returns ErrStale, and keeps nothing, if the life of rep.Owner is over.
	Begin(ctx context.Context, rep Repeat, keep time.Duration) (Repeat, bool, error)
	// Answer keeps the answer of the running or unknown repeat with that key and reference; one that
	// is answered stays as it is. It returns ErrNotFound if that repeat has ended, and ErrStale if
	// the key belongs to another reference.
	Answer(ctx context.Context, key RepeatKey, reference string, answer []byte) error
	// Repeat returns what is known of key, or ErrNotFound.
	Repeat(ctx context.Context, key RepeatKey) (Repeat, error)
	// Void forgets the repeat with that key and reference, unless it was answered: it was surely not
	// carried out. Another one, or none, is no error.
	Void(ctx context.Context, key RepeatKey, reference string) error
	// EndScope forgets every answered or unknown repeat of that scope but the one of key.
	EndScope(ctx context.Context, scope string, except RepeatKey) error
	// PruneRepeats forgets repeats that were answered, or became unknown, longer than keep ago.
	PruneRepeats(ctx context.Context, keep time.Duration) (int, error)
}
