package harness

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// Sink stands in place of an engine. It keeps every byte of every call and answers whole calls as
// it is told. Its funcs are called by many goroutines and must be set before the first call comes.
type Sink struct {
	URL string
	// Answer makes the body of the answer to a whole call; nil answers with nothing.
	Answer func(body []byte) []byte
	// Serve, if it is set, answers a whole call by itself and says whether the connection goes on;
	// in place of Answer.
	Serve func(c net.Conn, body []byte) bool
	// Head, if it is set, sees the head of each call and says whether its body is read; if not, the
	// connection is reset.
	Head func(head *http.Request) bool
	// Probe, if it is set, is called before a health probe is answered.
	Probe func()

	l     net.Listener
	conns sync.WaitGroup

	mu      sync.Mutex // guards what follows
	changed chan struct{}
	calls   []*Received
	open    map[net.Conn]struct{}
}

// Received is what came of one call.
type Received struct {
	Head  *http.Request // its body is in Body
	Body  []byte
	Ended bool // no more comes: it is whole, or was cut
}

// Whole says whether the body arrived to its Content-Length.
func (r Received) Whole() bool { return int64(len(r.Body)) == r.Head.ContentLength }

// NewSink starts a sink and stops it when the test ends.
func NewSink(t testing.TB) *Sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Sink{l: l, URL: "http://" + l.Addr().String(), open: map[net.Conn]struct{}{}, changed: make(chan struct{})}
	s.conns.Add(1)
	go s.accept()
	t.Cleanup(s.stop)
	return s
}

func (s *Sink) stop() {
	s.l.Close()
	s.mu.Lock()
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.conns.Wait()
}

func (s *Sink) accept() {
	defer s.conns.Done()
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[c] = struct{}{}
		s.mu.Unlock()
		s.conns.Add(1)
		go func() {
			defer s.conns.Done()
			s.serve(c)
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
			c.Close()
		}()
	}
}

// serve reads calls one after another. Health probes are answered and not counted.
func (s *Sink) serve(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if req.Method != http.MethodPost {
			if s.Probe != nil {
				s.Probe()
			}
			if !respond(c, nil) {
				return
			}
			continue
		}
		if !s.call(c, req) {
			return
		}
	}
}

// call reads one call and answers it if it is whole.
func (s *Sink) call(c net.Conn, req *http.Request) bool {
	call := s.begin(req)
	defer s.change(func() { call.Ended = true })
	if s.Head != nil && !s.Head(req) {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // a reset on close; nothing to do where it cannot be asked for
		}
		return false
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := req.Body.Read(buf)
		s.change(func() { call.Body = append(call.Body, buf[:n]...) })
		if err == io.EOF {
			break
		}
		if err != nil {
			return false
		}
	}
	s.change(func() { call.Ended = true })
	switch {
	case !call.Whole():
		return false
	case s.Serve != nil:
		return s.Serve(c, call.Body)
	case s.Answer != nil:
		return respond(c, s.Answer(call.Body))
	}
	return respond(c, nil)
}

func respond(c net.Conn, body []byte) bool {
	head := "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	_, err := c.Write(append([]byte(head), body...))
	return err == nil
}

func (s *Sink) begin(req *http.Request) *Received {
	call := &Received{Head: req}
	s.change(func() { s.calls = append(s.calls, call) })
	return call
}

// change makes a change and wakes who waits for one.
func (s *Sink) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Calls returns what came of every call so far, oldest first.
func (s *Sink) Calls() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot()
}

// snapshot copies the calls. The caller holds mu.
func (s *Sink) snapshot() []Received {
	all := make([]Received, len(s.calls))
	for i, c := range s.calls {
		all[i] = *c
		all[i].Body = slices.Clip(c.Body) // it is only ever appended to
	}
	return all
}

// Await returns the calls from the n-th on as soon as yes is satisfied with them.
func (s *Sink) Await(t testing.TB, n int, yes func([]Received) bool) []Received {
	t.Helper()
	late := time.After(patience)
	for {
		s.mu.Lock()
		calls, changed := s.snapshot(), s.changed
		s.mu.Unlock()
		if len(calls) >= n && yes(calls[n:]) {
			return calls[n:]
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("what the sink should have got did not come; it has %d calls", len(calls)-n)
		}
	}
}

// bodies returns those of the calls that ended, whole or cut.
func (s *Sink) bodies(whole bool) [][]byte {
	var all [][]byte
	for _, c := range s.Calls() {
		if c.Ended && c.Whole() == whole {
			all = append(all, c.Body)
		}
	}
	return all
}

// Whole returns the bodies that arrived complete, oldest first.
func (s *Sink) Whole() [][]byte { return s.bodies(true) }

// Cut returns the bodies that were cut short of their length.
func (s *Sink) Cut() [][]byte { return s.bodies(false) }

// Bytes returns how many bytes of bodies arrived.
func (s *Sink) Bytes() int64 {
	n := int64(0)
	for _, c := range s.Calls() {
		n += int64(len(c.Body))
	}
	return n
}
