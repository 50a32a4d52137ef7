package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// T is a test, as far as a server is concerned with it: package testing stays out of what demonstrations run.
type T interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Shared is one server for all tests of a package, and one pooler before it, each started by the first that asks. The
// zero Shared is ready. It is safe for concurrent use.
type Shared struct {
	once   sync.Once
	server *Server
	err    error

	pooled    sync.Once // after once
	poolerURL string
	poolerErr error
}

// Here skips a test that needs what is not installed, and ends it for any other error.
func Here(t T, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Server returns a server of our own, whatever TEST_POSTGRES says.
func (s *Shared) Server(t T) *Server {
	t.Helper()
	s.once.Do(func() { s.server, s.err = Start(context.Background()) })
	Here(t, s.err)
	return s.server
}

// URL returns a server's URL: that of TEST_POSTGRES, or that of one of our own.
func (s *Shared) URL(t T) string {
	t.Helper()
	if url := os.Getenv("TEST_POSTGRES"); url != "" {
		return url
	}
	return s.Server(t).URL()
}

// PoolerURL returns that of a pooler: TEST_POOLER, or one before a server of our own.
func (s *Shared) PoolerURL(t T) string {
	t.Helper()
	if url := os.Getenv("TEST_POOLER"); url != "" {
		return url
	}
	if os.Getenv("TEST_POSTGRES") != "" {
		t.Skip("TEST_POOLER names no pooler before the server of TEST_POSTGRES")
	}
	server := s.Server(t)
	s.pooled.Do(func() { s.poolerURL, s.poolerErr = server.Pooler() })
	Here(t, s.poolerErr)
	return s.poolerURL
}

// Main runs the tests of a package, closes the server, and returns how to exit.
func (s *Shared) Main(m interface{ Run() int }) int {
	code := m.Run()
	if s.server == nil {
		return code
	}
	if err := s.server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}
