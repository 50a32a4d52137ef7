package world

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
)

// Sink stands in place of an engine. It keeps every byte of every connection and answers whole calls as it is told.
type Sink struct {
	URL string
	// Answer makes the body of the answer to a whole call; nil answers with nothing. It is called by many goroutines.
	Answer func(body []byte) []byte

	l     net.Listener
	conns sync.WaitGroup

	mu    sync.Mutex // guards what follows
	bytes int64
	whole [][]byte // bodies that arrived to their Content-Length
	cut   [][]byte // bodies that did not
	open  map[net.Conn]struct{}
}

// NewSink starts a sink and stops it when the test ends.
func NewSink(t testing.TB) *Sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Sink{l: l, URL: "http://" + l.Addr().String(), open: map[net.Conn]struct{}{}}
	s.conns.Add(1)
	go s.accept()
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for c := range s.open {
			c.Close()
		}
		s.mu.Unlock()
		s.conns.Wait()
	})
	return s
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
			if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")); err != nil {
				return
			}
			continue
		}
		var body bytes.Buffer
		_, err = io.Copy(&body, req.Body)
		s.keep(body.Bytes(), err == nil && int64(body.Len()) == req.ContentLength)
		if err != nil {
			return
		}
		var answer []byte
		if s.Answer != nil {
			answer = s.Answer(body.Bytes())
		}
		head := "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(answer)) + "\r\n\r\n"
		if _, err := c.Write(append([]byte(head), answer...)); err != nil {
			return
		}
	}
}

func (s *Sink) keep(body []byte, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += int64(len(body))
	if whole {
		s.whole = append(s.whole, body)
		return
	}
	s.cut = append(s.cut, body)
}

// Whole returns the bodies that arrived complete, oldest first.
func (s *Sink) Whole() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte{}, s.whole...)
}

// Cut returns the bodies that were cut short of their length.
func (s *Sink) Cut() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte{}, s.cut...)
}

// Bytes returns how many bytes of bodies arrived.
func (s *Sink) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}
