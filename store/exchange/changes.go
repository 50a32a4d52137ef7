package exchange

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// Fence is a lease that a write depends on. The zero Fence is none.
type Fence struct {
	Lease  string
	Number int64
}

// Acceptance is one outcome of the rules, and what is kept together with it.
type Acceptance struct {
	// Outcome is nil where only the cursor moves. Its Change is nil where the object is only seen
	// anew: the engine wrote what it shows already.
	Outcome *sync.Outcome
	Via     sync.ServerID   // the neighbour that it came from; empty if it was made here
	Listed  []sync.ServerID // servers that have the change, as far as the neighbour knew
	Targets []sync.ServerID // to which it is to be delivered
	Tag     string          // of the intent that ends with it; empty for none
	Source  string          // whose cursor moves; empty for none
	Cursor  int64
	Asked   bool // somebody was asked for an approval: see Accept
}

// Entry is one change as it was accepted.
type Entry struct {
	Change   *sync.Change
	Via      sync.ServerID
	At       time.Time // by the store's clock
	Position int64
	Listed   []sync.ServerID // servers that are known to have it
}

// Changes keeps what sync knows. It is safe for concurrent use, also from several processes; a write
// is on disk when it returns nil.
type Changes interface {
	// Object returns what is known of o: versions, what is shown, the engine's seq, an open intent. The
	// State of an object that nobody knows has Rev 0.
	Object(ctx context.Context, o sync.Object) (sync.State, error)
	// States returns what is known of each of several, in their order.
	States(ctx context.Context, all ...sync.Object) ([]sync.State, error)
	// Change returns an accepted change, or store.ErrNotFound.
	Change(ctx context.Context, id sync.ID) (Entry, error)
	// Known tells which of ids were accepted.
	Known(ctx context.Context, ids []sync.ID) ([]bool, error)
	// Accept keeps all of them in order, with their deliveries, or nothing. It returns
	// store.ErrStale if an object is no longer as Outcome.After.Rev says or has an open intent of
	// another tag, or none where a Tag says that one ends, if a change is known already, or if the lease of
	// fence was taken over, and ErrRefused if somebody refused one of which he was asked.
	Accept(ctx context.Context, fence Fence, all ...Acceptance) error
	// Intend keeps all of the intents, or none. It returns store.ErrStale if one is open for an object, and
	// ErrRefused as Accept does.
	Intend(ctx context.Context, fence Fence, all ...sync.Intent) error
	// Forget drops the open intents of those objects with those tags; none is no error.
	Forget(ctx context.Context, all ...sync.Intent) error
	// Intents returns the open ones, by object.
	Intents(ctx context.Context) ([]sync.Intent, error)
	// Cursor returns how far the journal of that name was read; 0 of one that never was.
	Cursor(ctx context.Context, source string) (int64, error)
	// Have returns, of each origin, up to which counter every change was accepted.
	Have(ctx context.Context) (map[sync.ServerID]uint64, error)
	// Conflicts returns the objects whose versions differ, by name.
	Conflicts(ctx context.Context) ([]sync.State, error)
	// Objects returns the names of the objects after that one, in order, at most limit.
	Objects(ctx context.Context, after sync.Object, limit int) ([]sync.Object, error)
	// History returns accepted changes, newest first, at most limit; of one object unless it is empty.
	History(ctx context.Context, o sync.Object, limit int) ([]Entry, error)
	// Named tells which contents something needs: a version of an object, a delivery that is open or may be
	// opened again, an intent, or a change that waits for approval.
	Named(ctx context.Context, all ...sync.Digest) ([]bool, error)
}

// Blobs keeps contents by their digest. It is safe for concurrent use.
type Blobs interface {
	// Put keeps what r says and returns its digest and size; it is on disk when nil is returned.
	Put(ctx context.Context, r io.Reader) (sync.Digest, int64, error)
	// PutAll keeps several small contents; all are on disk when nil is returned.
	PutAll(ctx context.Context, all ...[]byte) error
	// Open returns a content and its size, or store.ErrNotFound. The caller closes it.
	Open(ctx context.Context, d sync.Digest) (io.ReadCloser, int64, error)
	// Part returns how much of a content has come so far; all of it if it is whole.
	Part(ctx context.Context, d sync.Digest) (int64, error)
	// Continue adds what r says behind the first from bytes of a content of that size, and reports
	// whether it is whole now. It returns store.ErrStale if another number of bytes has come, and
	// ErrDigest, having dropped what came, if all of it is not what d says.
	Continue(ctx context.Context, d sync.Digest, from, size int64, r io.Reader) (bool, error)
	// Hold reports whether a whole content is here, which is then as young as one that was put now: nobody
	// removes it before it is named.
	Hold(ctx context.Context, d sync.Digest) (bool, error)
}

// Old is a content that was put, held or added to long ago.
type Old struct {
	Digest sync.Digest
	Last   int64 // when, as its place counts
}

// Removable are Blobs that forget contents.
type Removable interface {
	Blobs
	// Old returns contents after that one which nobody has put, held or added to for as long as age, in order,
	// at most limit, also such as broke off.
	Old(ctx context.Context, age time.Duration, after sync.Digest, limit int) ([]Old, error)
	// Remove removes those of all that nobody has put, held or added to since Old told of them, however long
	// ago that is, and returns how many, and their bytes. Whoever does so meanwhile has the content whole, or not.
	Remove(ctx context.Context, all ...Old) (n int, bytes int64, err error)
	// Total returns how many contents are here, and their bytes.
	Total(ctx context.Context) (n int, bytes int64, err error)
}

// ErrDigest is returned for a content that is not what its digest says.
var ErrDigest = errors.New("the content is not what its digest says")
