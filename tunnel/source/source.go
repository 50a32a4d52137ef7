package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// Row is one line of an engine's journal: an object was written or deleted.
type Row struct {
	Seq     int64       `json:"seq"`
	Object  sync.Object `json:"object"`
	Tag     string      `json:"tag,omitempty"` // of the Apply that wrote it; empty: a person
	Deleted bool        `json:"deleted,omitempty"`
	Author  string      `json:"author,omitempty"`
	// Missed, of a row of a person, is the tag of an Apply whose result he had not seen, or may not have: the engine
	// could not compare. His edit and what was applied stand beside each other then. Empty: he had seen what there was.
	Missed string `json:"missed,omitempty"`
	// Unsure says that nobody knows which of the two the engine has now.
	Unsure bool `json:"unsure,omitempty"`
}

// Facts is what is said of an object beside its content, which nobody but the engine reads.
type Facts struct {
	Seq     int64         `json:"seq,omitempty"`     // of its newest row
	Deleted bool          `json:"deleted,omitempty"` // it is not there
	Title   string        `json:"title,omitempty"`
	Author  string        `json:"author,omitempty"`
	Needs   []sync.Object `json:"needs,omitempty"`  // what must be there first
	Rename  string        `json:"rename,omitempty"` // of Apply: the name that it gets, whatever the content says
	// Servers, of Apply, are those that are known to have it.
	Servers []sync.ServerID `json:"servers,omitempty"`
}

// Source is an engine as sync needs it. It is safe for concurrent use.
type Source interface {
	// Changes returns what happened to objects after seq, oldest first, at most limit rows.
	Changes(ctx context.Context, after int64, limit int) ([]Row, error)
	// Content returns an object as it is now; the reader is nil if Facts.Deleted. An object that never
	// was has Seq 0. The caller closes the reader.
	Content(ctx context.Context, o sync.Object) (io.ReadCloser, Facts, error)
	// Apply makes the object what f and content say, if its newest row is still expect (0: there is
	// none), and returns the row that it writes, with tag. A repeat with a tag that the first row after
	// expect has does nothing and returns that row; an empty tag is that of a person, and never a
	// repeat. It returns ErrMoved, ErrUnderWay, ErrUntouched, a Missing, a Kept or an Invalid, and has then changed nothing.
	// After any other error nobody knows; it is an ErrFailed if the engine was asked and could not.
	Apply(ctx context.Context, o sync.Object, expect int64, tag string, f Facts, content io.Reader) (int64, error)
}

// Application is one Apply of several.
type Application struct {
	Object  sync.Object `json:"object"`
	Expect  int64       `json:"expect"`
	Tag     string      `json:"tag"`
	Facts   Facts       `json:"facts"`
	Content []byte      `json:"content,omitempty"`
}

// Applied is what became of one: its row, or why nothing was changed.
type Applied struct {
	Seq int64
	Err error // ErrMoved, a Missing, a Kept or an Invalid
}

// Batch is a Source that carries out several at once, which costs its disk no more than one.
type Batch interface {
	Source
	// ApplyAll does what Apply does, for objects that are all different, and returns what became of each, in
	// order. Its own error means for all of them what one of Apply means; after ErrSingly nothing was tried.
	ApplyAll(ctx context.Context, all []Application) ([]Applied, error)
}

// Read is what Content says of one of several objects.
type Read struct {
	Facts   Facts
	Content []byte
	Large   bool // there is a content that is too large for this: ask for it alone
}

// Reader is a Source that reads several objects at once.
type Reader interface {
	Source
	// Contents returns what Content does of each object, in order; contents of more than most bytes, and what
	// would make the answer too large, are left out. After ErrSingly nothing was read.
	Contents(ctx context.Context, all []sync.Object, most int) ([]Read, error)
}

// Recorder is a Source whose rows have contents of their own: what a person made of an object is there although
// somebody else made something else of it since.
type Recorder interface {
	Source
	// Recorded returns what Content did when the row was the newest of its object; its Facts.Seq is the row's.
	Recorded(ctx context.Context, seq int64) (io.ReadCloser, Facts, error)
	// First returns the first row of an object behind another, without what it missed; the zero Row if there is none.
	First(ctx context.Context, o sync.Object, after int64) (Row, error)
}

// ErrSingly is returned by an engine that takes one object at a time.
var ErrSingly = errors.New("the engine takes one object at a time")

// ErrMoved is returned where somebody edited the object meanwhile.
var ErrMoved = errors.New("the object was edited meanwhile")

// ErrFailed is returned where the engine answers that it could not do what it was asked.
var ErrFailed = errors.New("the engine could not do it")

// ErrUntouched is returned where the engine was not reached, or says that it did nothing of what it was asked; it is an
// ErrFailed too if it says so.
var ErrUntouched = errors.New("nothing was changed")

// ErrUnderWay is returned where another gateway is at an Apply of the object, or may be: who asked has changed nothing.
var ErrUnderWay = errors.New("another gateway is at it")

// Missing is returned where what the object needs is not there.
type Missing struct{ Objects []sync.Object }

func (e *Missing) Error() string { return "it needs " + list(e.Objects) + ", which is not there" }

// Kept is returned where an object cannot be deleted because of what hangs on it.
type Kept struct{ Objects []sync.Object }

func (e *Kept) Error() string { return "it is kept by " + list(e.Objects) + ", which hangs on it" }

// Invalid is returned where the engine refuses the object, whenever it is tried.
type Invalid struct{ Text string }

func (e *Invalid) Error() string { return "the engine refuses it: " + e.Text }

func list(all []sync.Object) string {
	out := make([]string, len(all))
	for i, o := range all {
		out[i] = string(o)
	}
	if len(out) == 0 {
		return "something"
	}
	return strings.Join(out, ", ")
}

// Unchanged reports whether err says that Apply has changed nothing.
func Unchanged(err error) bool {
	var m *Missing
	var k *Kept
	var i *Invalid
	return errors.Is(err, ErrSingly) || errors.Is(err, ErrMoved) || errors.Is(err, ErrUntouched) ||
		errors.Is(err, ErrUnderWay) || errors.As(err, &m) || errors.As(err, &k) || errors.As(err, &i)
}

// refusal is one of these errors as it travels.
type refusal struct {
	Code    string        `json:"code"`
	Objects []sync.Object `json:"objects,omitempty"`
	Message string        `json:"message"`
}

func refusalOf(err error) (refusal, bool) {
	var m *Missing
	var k *Kept
	var i *Invalid
	switch {
	case errors.Is(err, ErrMoved):
		return refusal{Code: "moved", Message: err.Error()}, true
	case errors.As(err, &m):
		return refusal{Code: "missing", Objects: m.Objects, Message: err.Error()}, true
	case errors.As(err, &k):
		return refusal{Code: "kept", Objects: k.Objects, Message: err.Error()}, true
	case errors.As(err, &i):
		return refusal{Code: "invalid", Message: i.Text}, true
	}
	return refusal{}, false
}

func (r refusal) err() error {
	switch r.Code {
	case "moved":
		return ErrMoved
	case "missing":
		return &Missing{r.Objects}
	case "kept":
		return &Kept{r.Objects}
	case "invalid":
		return &Invalid{r.Message}
	case "failed":
		return fmt.Errorf("%w: %s", ErrFailed, r.Message)
	}
	return fmt.Errorf("the engine answers %q: %s", r.Code, r.Message)
}
