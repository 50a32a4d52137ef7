package publisher_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// line is a network between a publisher and the other side that breaks on demand.
type line struct {
	to string

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]bool
	limit int64 // bytes towards the other side until the line breaks; negative: it holds
	down  bool
	sent  int64
}

// newLine returns a line to a server, and its own address.
func newLine(t testing.TB, to string) (*line, string) {
	t.Helper()
	l := &line{to: strings.TrimPrefix(to, "http://"), conns: map[net.Conn]bool{}, limit: -1}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { l.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.cut()
		wg.Wait()
	})
	return l, "http://" + listener.Addr().String()
}

func (l *line) carry(c net.Conn) {
	there, err := net.Dial("tcp", l.to)
	if err != nil {
		_ = c.Close()
		return
	}
	l.mu.Lock()
	l.conns[c], l.conns[there] = true, true
	down := l.down
	l.mu.Unlock()
	if down {
		l.cut()
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(c, there)
		_ = c.Close()
	})
	_, _ = io.Copy(there, &metered{l: l, r: c})
	_ = there.Close()
	wg.Wait()
}

// cut breaks all connections at once.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
		_ = c.Close()
	}
	clear(l.conns)
}

// breakAfter lets the line break once that many more bytes went over it; it stays down if stays.
func (l *line) breakAfter(n int64, stays bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit, l.sent, l.down = n, 0, false
	if stays {
		l.limit = -n
	}
}

// mend makes the line hold for ever, and returns how much it has carried since it was asked to break.
func (l *line) mend() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	sent := l.sent
	l.limit, l.sent, l.down = -1, 0, false
	return sent
}

type metered struct {
	l *line
	r io.Reader
}

var errBroken = errors.New("the line is broken")

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p[:min(len(p), 4<<10)])
	m.l.mu.Lock()
	m.l.sent += int64(n)
	limit := m.l.limit
	breaks := limit > 0 && m.l.sent >= limit || limit < -1 && m.l.sent >= -limit
	if breaks {
		m.l.down, m.l.limit = limit < -1, -1
	}
	m.l.mu.Unlock()
	if breaks {
		m.l.cut()
		return 0, errBroken
	}
	return n, err
}
