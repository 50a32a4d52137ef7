package place

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"
)

// Clock is a store's clock that tests move. It is safe for concurrent use.
type Clock struct{ offset atomic.Int64 }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time { return time.Now().Add(c.Offset()) }

// Offset returns how far it was moved.
func (c *Clock) Offset() time.Duration { return time.Duration(c.offset.Load()) }

// Move lets that much time go by.
func (c *Clock) Move(d time.Duration) { c.offset.Add(int64(d)) }

// Opener opens a contract in a directory, judged by that clock. Opening the same directory again,
// also beside the first, finds what was kept.
type Opener[T any] func(t *testing.T, dir string, clock *Clock) T

// Timeless opens what has no clock.
func Timeless[T any](open func(t *testing.T, dir string) T) Opener[T] {
	return func(t *testing.T, dir string, _ *Clock) T { return open(t, dir) }
}

// Place opens one contract in a directory and closes it again, as a process that ends and starts
// would.
type Place[T any] struct {
	t     *testing.T
	dir   string
	open  Opener[T]
	Clock *Clock // judges what is kept
	Store T      // the contract, as it was opened last
}

// New returns a place of its own for the test, which closes it at its end.
func New[T any](t *testing.T, open Opener[T]) *Place[T] {
	t.Helper()
	p := &Place[T]{t: t, dir: t.TempDir(), Clock: &Clock{}, open: open}
	p.Store = open(t, p.dir, p.Clock)
	t.Cleanup(p.Close)
	return p
}

// Close closes the contract, and fails the test if that fails. It may be opened again.
func (p *Place[T]) Close() {
	p.t.Helper()
	if c, ok := any(p.Store).(io.Closer); ok {
		if err := c.Close(); err != nil {
			p.t.Errorf("close: %v", err)
		}
	}
}

// Reopen closes the place and opens it again.
func (p *Place[T]) Reopen() T {
	p.t.Helper()
	p.Close()
	p.Store = p.open(p.t, p.dir, p.Clock)
	return p.Store
}

// Another opens the place once more, as a second process would.
func (p *Place[T]) Another() T {
	p.t.Helper()
	other := p.open(p.t, p.dir, p.Clock)
	if c, ok := any(other).(io.Closer); ok {
		p.t.Cleanup(func() { _ = c.Close() })
	}
	return other
}

// Pass lets n seconds go by.
func (p *Place[T]) Pass(n int) { p.Clock.Move(time.Duration(n) * time.Second) }

// Run runs a table of named tests, each on a place of its own.
func Run[T any](t *testing.T, open Opener[T], table []Row[T]) {
	t.Helper()
	for _, tt := range table {
		t.Run(tt.Name, func(t *testing.T) { tt.Run(t, New(t, open)) })
	}
}

// Row is one named test of a suite.
type Row[T any] struct {
	Name string
	Run  func(t *testing.T, p *Place[T])
}

// Must ends the test if err is not nil.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// WantErr fails the test if got is not want.
func WantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

// Cancelled returns a context that is over.
func Cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// At is a fixed time with nanoseconds, n seconds into the test.
func At(n int) time.Time {
	return time.Date(2026, 3, 29, 1, 59, 59, 123456789,
		time.UTC).Add(time.Duration(n) * time.Second)
}

// Odd are texts that break a store which puts them into a pattern, a path or a statement.
var Odd = []string{
	"plain", "with space", "100%", "under_score", "star*", "quote'", `double"`, `back\slash`,
	"semi;colon--", "..", ".",
	"ümlaut", "日本", "new\nline", "tab\t", "\x00nul", "a\x00", "UPPER", "upper", "~", "\u202e",
	"[a-z]", "?", "{x}", ":", "=",
}
