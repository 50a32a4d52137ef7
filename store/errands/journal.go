package errands

import (
	"context"
	"errors"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// Row is one errand: the server handed an object in, or it was carried there.
type Row struct {
	Seq     int64
	Object  sync.Object
	Tag     string // of the delivery; empty: the server handed it in
	Open    bool   // of a delivery: nobody knows yet whether the server carried it out
	Deleted bool
	Title   string
	Author  string
	Needs   []sync.Object
	Digest  sync.Digest // of the document; zero of a deletion
	Size    int64
	Content string    // what the task makes of the object, without what a server sets by itself
	State   string    // the same of the object's own row alone
	Made    time.Time // when it was edited, by the server's clock; zero: unknown
	Begun   time.Time // of a delivery, by the server's clock: it was carried out between the two
	Ended   time.Time
	At      time.Time // when the row was written, by the store's clock
}

// Errors of a Journal.
var (
	// ErrMoved is returned for a delivery where another row than the expected one is the newest of its object.
	ErrMoved = errors.New("the object has a newer row")
	// ErrUnderWay is returned for a delivery where somebody else is at one of the same object.
	ErrUnderWay = errors.New("another gateway is at a delivery of the object")
)

// Journal is a list of errands, in the order in which they are read. It is safe for concurrent use, also from several
// processes; a write is on disk when it returns nil. A row gets its number in the order of writes: who has read
// up to a row finds none before it later, but an open one, which nobody reads.
type Journal interface {
	// HandIn keeps a row, which has no tag, and returns its number. One that says what the newest of its object says,
	// or is an edit that was handed in before, is known: nothing is kept, and the number is that of the other row.
	HandIn(ctx context.Context, r Row) (seq int64, known bool, err error)
	// Begin opens a delivery, which has a tag, for whoever owner is, and returns its number. Expect is the number of
	// the newest row of the object that is not open; 0: there is none. It returns ErrMoved if it is another, and
	// ErrUnderWay if another owner opened one less than patience ago. An open one that its owner or a former one
	// left is replaced. If the first row behind expect has the tag, done is true, and the number is that one's.
	Begin(ctx context.Context, r Row, expect int64, owner string, patience time.Duration) (seq int64, done bool, err error)
	// Carried ends an open delivery of owner's: the server carried it out between the two times of its own clock. It
	// returns the number of the row from now on. It returns store.ErrStale if owner has no open one of that number any
	// more: another may have one of the same.
	Carried(ctx context.Context, seq int64, owner string, begun, ended time.Time) (int64, error)
	// Undo drops an open delivery of owner's: nothing was changed. It returns store.ErrStale as Carried does.
	Undo(ctx context.Context, seq int64, owner string) error
	// Rows returns those after a number that are not open, in order, at most limit.
	Rows(ctx context.Context, after int64, limit int) ([]Row, error)
	// Row returns one that is not open, or store.ErrNotFound.
	Row(ctx context.Context, seq int64) (Row, error)
	// First returns the first row of an object behind a number that is not open, or store.ErrNotFound.
	First(ctx context.Context, o sync.Object, after int64) (Row, error)
	// Last returns the rows of an object before that number, open ones too, newest first, at most limit; before 0: all.
	Last(ctx context.Context, o sync.Object, before int64, limit int) ([]Row, error)
	// Put returns the newest row of an object that has a document, or store.ErrNotFound.
	Put(ctx context.Context, o sync.Object) (Row, error)
	// Named tells which documents a row has.
	Named(ctx context.Context, all ...sync.Digest) ([]bool, error)
	// Prune forgets rows older than keep, but for what is the newest of its object and for what has the newest
	// document of an object, and returns how many.
	Prune(ctx context.Context, keep time.Duration) (int, error)
}
