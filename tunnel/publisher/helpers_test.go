package publisher_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

const (
	site  = 20121
	login = "publisher@example.com"
)

// request is one call that a scripted server was sent.
type request struct {
	method        string // of the call; empty if it is none
	args          []any
	content       []byte
	authorization string
	target, host  string
	length        int64
	conn          int // number of the connection, from 1
}

// script answers each request with the next of its raw answers; the last one stays. An empty answer closes the connection.
type script struct {
	t       testing.TB
	answers []string
	early   bool // answers before the body is read

	mu       sync.Mutex // guards what follows
	requests []request
	conns    int
}

// serve listens until the test ends and returns the address.
func (s *script) serve(t testing.TB) string {
	s.t = t
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			n := s.conns
			s.mu.Unlock()
			wg.Go(func() { s.conn(c, n) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func (s *script) conn(c net.Conn, n int) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		var body []byte
		if !s.early {
			if body, err = io.ReadAll(req.Body); err != nil {
				return
			}
		}
		answer := s.next(toRequest(req, body, n))
		if answer == "" {
			return
		}
		if _, err := io.WriteString(c, answer); err != nil || s.early {
			if t, ok := c.(*net.TCPConn); ok {
				_ = t.CloseWrite()
			}
			_, _ = io.CopyN(io.Discard, c, 1<<20)
			return
		}
		if strings.Contains(answer, "Connection: close") {
			return
		}
	}
}

func (s *script) next(r request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	return s.answers[min(len(s.requests), len(s.answers))-1]
}

// methods returns the methods that were called, in order.
func (s *script) methods() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, r := range s.requests {
		out = append(out, r.method)
	}
	return out
}

func toRequest(req *http.Request, body []byte, conn int) request {
	r := request{authorization: req.Header.Get("Authorization"), target: req.RequestURI, host: req.Host,
		length: req.ContentLength, conn: conn}
	lim := javaser.DefaultLimits()
	call, err := liferay.Read(source.New(bytes.NewReader(body), nil, lim.Held), lim, func(p liferay.Part) (err error) {
		r.content, err = io.ReadAll(p.Content)
		return err
	})
	if err == nil {
		r.method, r.args = call.Method.Name, call.Args
	}
	return r
}

// ok is a 200 with that body.
func ok(body []byte, fields ...string) string { return status(200, string(body), fields...) }

func status(code int, body string, fields ...string) string {
	s := "HTTP/1.1 " + strconv.Itoa(code) + " " + http.StatusText(code) + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	for _, f := range fields {
		s += f + "\r\n"
	}
	return s + "\r\n" + body
}

func long(t testing.TB, n int64) string {
	t.Helper()
	b, err := liferay.AppendValue(nil, "7.4.3.112", n)
	if err != nil {
		t.Fatal(err)
	}
	return ok(b)
}

func thrown(t testing.TB, class, msg string) []byte {
	t.Helper()
	b, err := liferay.AppendThrown(nil, "7.4.3.112", liferay.Thrown{Class: class, Message: msg})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func missing(t testing.TB, hard, weak []liferay.MissingReference) string {
	t.Helper()
	b, err := liferay.AppendMissing(nil, "7.4.3.112", hard, weak)
	if err != nil {
		t.Fatal(err)
	}
	return ok(b)
}

func config(t testing.TB, address string) publisher.Config {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return publisher.Config{
		URL: u, Build: "7.4", Login: login, Site: site, ConnectTimeout: 5 * time.Second,
		Authorize: func(login string) string { return "Basic of:" + login },
		Wait:      func(context.Context, time.Duration) error { return nil },
	}
}

func client(t testing.TB, cfg publisher.Config) *publisher.Client {
	t.Helper()
	c, err := publisher.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// failureOf returns err as the Failure that it must be.
func failureOf(t testing.TB, err error) *failure.Failure {
	t.Helper()
	var f *failure.Failure
	if !errors.As(err, &f) {
		t.Fatalf("error %v (%T), want a *Failure", err, err)
	}
	return f
}

func larFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../archive/testdata/lar/*.lar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	return files
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func serveHTTP(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}
