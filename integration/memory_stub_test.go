package integration_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// stubTail is how much of the end of a call its answer may depend on: the method stands there.
const stubTail = 512

// stub is an engine that answers at once and keeps nothing.
type stub struct {
	URL    string
	answer func(tail []byte) []byte // called by many goroutines
	// middle, unless it is nil, is called once for each body, when half of it has come.
	middle func()

	l       net.Listener
	profile *http1.Profile
	conns   sync.WaitGroup

	mu   sync.Mutex // guards open
	open map[net.Conn]struct{}
}

// newStub starts a stub and stops it when the test ends.
func newStub(t testing.TB, answer func(tail []byte) []byte, middle func()) *stub {
	t.Helper()
	s, err := startStub(answer, middle)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func startStub(answer func(tail []byte) []byte, middle func()) (*stub, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	s := &stub{URL: "http://" + addr, answer: answer, middle: middle, l: l, open: map[net.Conn]struct{}{},
		profile: &http1.Profile{Hosts: []string{addr}, MaxContent: 1 << 30, HeadTimeout: time.Hour, Grace: time.Hour}} // an engine waits
	s.conns.Go(s.accept)
	return s, nil
}

func (s *stub) close() {
	_ = s.l.Close()
	s.mu.Lock()
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.conns.Wait()
}

func (s *stub) accept() {
	for {
		nc, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[nc] = struct{}{}
		s.mu.Unlock()
		s.conns.Go(func() {
			s.serve(http1.NewConn(nc, s.profile))
			s.mu.Lock()
			delete(s.open, nc)
			s.mu.Unlock()
			_ = nc.Close()
		})
	}
}

func (s *stub) serve(c *http1.Conn) {
	buf := make([]byte, 256<<10)
	tail := make([]byte, 0, stubTail)
	for {
		if _, err := c.Next(context.Background()); err != nil {
			return
		}
		half := c.Remaining() / 2
		tail = tail[:0]
		for c.Remaining() > 0 {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			tail = keepTail(tail, buf[:n])
			if half > 0 && c.Remaining() <= half {
				half = 0
				if s.middle != nil {
					s.middle()
				}
			}
		}
		if c.Respond(200, nil, s.answer(tail), false) != nil {
			return
		}
	}
}

// keepTail returns the last stubTail bytes of tail and b, in tail's place.
func keepTail(tail, b []byte) []byte {
	if over := len(tail) + len(b) - stubTail; over > 0 {
		if over >= len(tail) {
			return append(tail[:0], b[len(b)-min(len(b), stubTail):]...)
		}
		tail = tail[:copy(tail, tail[over:])]
	}
	return append(tail, b...)
}

// answers makes the answers of a stub, by what the end of a call mentions; others are void.
func answers(t testing.TB, values map[string]func() any) func(tail []byte) []byte {
	t.Helper()
	return func(tail []byte) []byte {
		for name, value := range values {
			if !bytes.Contains(tail, []byte(name)) {
				continue
			}
			b, err := liferay.AppendValue(nil, build, value())
			if err != nil {
				t.Error(err)
			}
			return b
		}
		return nil
	}
}
