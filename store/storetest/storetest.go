package storetest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

// place opens one contract in a directory and closes it again, as a process that ends and starts
// would.
type place[T any] struct {
	t    *testing.T
	dir  string
	open func(t *testing.T, dir string) T
	cur  T
}

func newPlace[T any](t *testing.T, open func(t *testing.T, dir string) T) *place[T] {
	t.Helper()
	p := &place[T]{t: t, dir: t.TempDir(), open: open}
	p.cur = open(t, p.dir)
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
	p.cur = p.open(p.t, p.dir)
	return p.cur
}

// rows runs a table of named tests, each on a place of its own.
func rows[T any](t *testing.T, open func(t *testing.T, dir string) T, table []row[T]) {
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
