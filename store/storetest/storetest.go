package storetest

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

// move lets that much time go by.
func (c *Clock) move(d time.Duration) { c.offset.Add(int64(d)) }

// Opener opens a contract in a directory, judged by that clock. Opening the same directory again,
// also beside the first, finds what was kept.
type Opener[T any] func(t *testing.T, dir string, clock *Clock) T

// timeless opens what has no clock.
func timeless[T any](open func(t *testing.T, dir string) T) Opener[T] {
	return func(t *testing.T, dir string, _ *Clock) T { return open(t, dir) }
}

// place opens one contract in a directory and closes it again, as a process that ends and starts
// would.
type place[T any] struct {
	t     *testing.T
	dir   string
	clock *Clock
	open  Opener[T]
	cur   T
}

func newPlace[T any](t *testing.T, open Opener[T]) *place[T] {
	t.Helper()
	p := &place[T]{t: t, dir: t.TempDir(), clock: &Clock{}, open: open}
	p.cur = open(t, p.dir, p.clock)
	t.Cleanup(p.close)
	return p
}

func (p *place[T]) close() {
	p.t.Helper()
	if c, ok := any(p.cur).(io.Closer); ok {
		if err := c.Close(); err != nil {
			p.t.Errorf("close: %v", err)
		}
	}
}

// reopen closes the place and opens it again.
func (p *place[T]) reopen() T {
	p.t.Helper()
	p.close()
	p.cur = p.open(p.t, p.dir, p.clock)
	return p.cur
}

// another opens the place once more, as a second process would.
func (p *place[T]) another() T {
	p.t.Helper()
	other := p.open(p.t, p.dir, p.clock)
	if c, ok := any(other).(io.Closer); ok {
		p.t.Cleanup(func() { _ = c.Close() })
	}
	return other
}

// pass lets n seconds go by.
func (p *place[T]) pass(n int) { p.clock.move(time.Duration(n) * time.Second) }

// rows runs a table of named tests, each on a place of its own.
func rows[T any](t *testing.T, open Opener[T], table []row[T]) {
	t.Helper()
	for _, tt := range table {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, newPlace(t, open)) })
	}
}

type row[T any] struct {
	name string
	run  func(t *testing.T, p *place[T])
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// at is a fixed time with nanoseconds, n seconds into the test.
func at(n int) time.Time {
	return time.Date(2026, 3, 29, 1, 59, 59, 123456789,
		time.UTC).Add(time.Duration(n) * time.Second)
}

// odd are texts that break a store which puts them into a pattern, a path or a statement.
var odd = []string{
	"plain", "with space", "100%", "under_score", "star*", "quote'", `double"`, `back\slash`,
	"semi;colon--", "..", ".",
	"ümlaut", "日本", "new\nline", "tab\t", "\x00nul", "a\x00", "UPPER", "upper", "~", "\u202e",
	"[a-z]", "?", "{x}", ":", "=",
}
