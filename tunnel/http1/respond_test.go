package http1_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// accepted returns a Conn that has read one request.
func accepted(t *testing.T, raw string) (*http1.Conn, *script) {
	t.Helper()
	s := &script{in: []byte(raw)}
	c := http1.NewConn(s, profile())
	if _, _, err := readAll(c); err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestRespond(t *testing.T) {
	ref := []grammar.Field{{Name: "X-Stagelock-Reference", Value: "a1"}}
	head := "HEAD /health HTTP/1.1\r\n" + host + "\r\n"
	for _, tt := range []struct {
		name, raw string
		status    int
		fields    []grammar.Field
		body      string
		close     bool
		want      string
	}{
		{"plain", call(""), 200, ref, "ok", false, "HTTP/1.1 200 OK\r\nX-Stagelock-Reference: a1\r\nContent-Length: 2\r\n\r\nok"},
		{"closing", call(""), 503, nil, "", true, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
		{"client closes", with("Connection: close\r\n"), 200, nil, "", false,
			"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
		{"head", head, 200, nil, "long", false, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"},
		{"no content", call(""), 204, nil, "", false, "HTTP/1.1 204 No Content\r\n\r\n"},
		{"status without a phrase", call(""), 299, nil, "", false, "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, s := accepted(t, tt.raw)
			if err := c.Respond(tt.status, tt.fields, []byte(tt.body), tt.close); err != nil {
				t.Fatal(err)
			}
			if got := s.out.String(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestRespondRefusesFields(t *testing.T) {
	for _, f := range []grammar.Field{
		{Name: "X-A", Value: "b\r\nX-B: c"}, {Name: "X-A", Value: "b\nc"}, {Name: "X-A", Value: "\x00"}, {Name: "X-A", Value: "\xe9"}, {Name: "X A", Value: "b"}, {Name: "", Value: "b"}, {Name: "X-A:", Value: "b"},
		{Name: "Content-Length", Value: "5"}, {Name: "transfer-encoding", Value: "chunked"}, {Name: "CONNECTION", Value: "keep-alive"},
	} {
		c, s := accepted(t, call(""))
		if err := c.Respond(200, []grammar.Field{f}, nil, false); !errors.Is(err, grammar.ErrField) || s.out.Len() > 0 {
			t.Errorf("%q: %v, wrote %q", f, err, s.out.String())
		}
		if err := c.Respond(500, nil, nil, false); err != nil {
			t.Errorf("%q: answer after it: %v", f, err)
		}
	}
	c, _ := accepted(t, call(""))
	if err := c.Respond(100, nil, nil, false); !errors.Is(err, grammar.ErrField) {
		t.Errorf("status 100: %v", err)
	}
}

func TestLargeAnswer(t *testing.T) {
	c, s := accepted(t, call(""))
	body := bytes.Repeat([]byte("x"), 1<<20)
	if err := c.Respond(200, nil, body, false); err != nil {
		t.Fatal(err)
	}
	if got := s.out.Bytes(); !bytes.HasSuffix(got, body) || bytes.Count(got, []byte("HTTP/1.1")) != 1 {
		t.Errorf("answer of %d bytes is wrong", len(got))
	}
}

// TestChunks lets a general client read the heartbeats of a long publish.
func TestChunks(t *testing.T) {
	c, s := accepted(t, call(""))
	k, err := c.Chunked(200, []grammar.Field{{Name: "X-A", Value: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if s.out.Len() > 0 {
		t.Error("head left before the first chunk")
	}
	for _, p := range []string{"\xac\xed\x00\x05", "\x79", "", "\x79"} {
		if n, err := k.Write([]byte(p)); err != nil || n != len(p) {
			t.Fatal(n, err)
		}
	}
	if err := k.Finish([]byte("reply")); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Write([]byte("late")); !errors.Is(err, http1.ErrAnswered) {
		t.Errorf("write after the end: %v", err)
	}
	want := "HTTP/1.1 200 OK\r\nX-A: b\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\xac\xed\x00\x05\r\n1\r\n\x79\r\n1\r\n\x79\r\n5\r\nreply\r\n0\r\n\r\n"
	if got := s.out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(s.out.String())), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "\xac\xed\x00\x05\x79\x79reply" {
		t.Errorf("client reads %q, %v", b, err)
	}
	s.in = []byte(call("next"))
	if _, b, err := readAll(c); err != nil || string(b) != "next" {
		t.Errorf("next request %q, %v", b, err)
	}
}

func TestAbortedChunks(t *testing.T) {
	client, server := loopback(t)
	c := http1.NewConn(server, profile())
	send(t, client, call(""))
	if _, err := c.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	k, err := c.Chunked(200, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Write([]byte("begin")); err != nil {
		t.Fatal(err)
	}
	if err := k.Abort(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("client reads %q, %v, want an early end", b, err)
	}
	if _, err := c.Next(t.Context()); !errors.Is(err, http1.ErrFinished) {
		t.Errorf("Next after Abort: %v", err)
	}
}

func TestGone(t *testing.T) {
	needsLinux(t)
	client, server := loopback(t)
	c := http1.NewConn(server, profile())
	send(t, client, call(""))
	if _, err := c.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.Gone() {
		t.Error("client is said to be gone")
	}
	done := make(chan error)
	go func() { done <- c.Respond(200, nil, make([]byte, 32<<20), false) }() // more than the kernels hold
	_ = client.Close()
	if err := <-done; err == nil {
		t.Error("answer succeeded without a reader")
	}
	if !eventually(t, c.Gone) {
		t.Error("client is not said to be gone")
	}
	if c := http1.NewConn(&script{}, profile()); c.Gone() {
		t.Error("a connection that cannot tell is said to be gone")
	}
}

func TestFinish(t *testing.T) {
	needsLinux(t)
	sc, cc := tlsConfigs(t)
	for _, tt := range []struct {
		name    string
		secure  bool
		waits   bool // the client closes only after the server
		resets  bool
		leaving string // sent and never read
	}{
		{"client closes", false, false, false, ""},
		{"client waits for the server", false, true, false, ""},
		{"client still sends", false, false, false, "more and more"},
		{"client resets", false, false, true, ""},
		{"client closes TLS", true, false, false, ""},
		{"client waits for the server with TLS", true, true, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw, server := loopback(t)
			client := raw
			if tt.secure {
				server, client = tls.Server(wire.Wrap(server), sc), tls.Client(raw, cc)
			}
			finished := make(chan struct{})
			go func() {
				c := http1.NewConn(server, profile())
				_, _ = c.Next(t.Context())
				_ = c.Respond(400, nil, []byte("no"), true)
				limit := 20 * time.Second
				if tt.waits {
					limit = 100 * time.Millisecond
				}
				c.Finish(limit)
				close(finished)
			}()
			send(t, client, call("")+tt.leaving)
			if _, err := client.Read(make([]byte, 1024)); err != nil {
				t.Fatal(err)
			}
			if tt.waits {
				if n, err := client.Read(make([]byte, 10)); !errors.Is(err, io.EOF) {
					t.Errorf("client read %d, %v, want the end", n, err)
				}
			}
			if tt.resets {
				_ = raw.(*net.TCPConn).SetLinger(0)
			}
			_ = client.Close()
			<-finished
		})
	}
}

func TestQuickAck(t *testing.T) {
	client, server := loopback(t)
	wire.QuickAck(client)
	wire.QuickAck(tls.Server(wire.Wrap(server), &tls.Config{MinVersion: tls.VersionTLS12}))
	wire.QuickAck(&script{})
}

// TestPhrase: it is said once, and only if it is one line of ASCII.
func TestPhrase(t *testing.T) {
	for _, tt := range []struct{ phrase, want string }{
		{"Target not reached, nothing was changed", "HTTP/1.1 503 Target not reached, nothing was changed\r\n"},
		{"", "HTTP/1.1 503 Service Unavailable\r\n"},
		{"a\r\nX-B: c", "HTTP/1.1 503 Service Unavailable\r\n"},
		{"caf\u00e9", "HTTP/1.1 503 Service Unavailable\r\n"},
		{"\x7f", "HTTP/1.1 503 Service Unavailable\r\n"},
	} {
		c, s := accepted(t, call("")+call(""))
		c.Phrase(tt.phrase)
		for _, want := range []string{tt.want, "HTTP/1.1 503 Service Unavailable\r\n"} {
			s.out.Reset()
			if err := c.Respond(503, nil, nil, false); err != nil || !strings.HasPrefix(s.out.String(), want) {
				t.Errorf("%q: %v, %q", tt.phrase, err, s.out.String())
			}
			if _, _, err := readAll(c); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
	}
}

// TestFieldsOfASOAPCall are read, and refused if they stand twice.
func TestFieldsOfASOAPCall(t *testing.T) {
	c := http1.NewConn(&script{in: []byte(with("SOAPAction: \"urn:a\"\r\nContent-Encoding: gzip\r\n"))}, profile())
	req, err := c.Next(t.Context())
	if err != nil || req.Action != `"urn:a"` || req.ContentEncoding != "gzip" {
		t.Fatalf("%+v, %v", req, err)
	}
	for _, twice := range []string{"SOAPAction: a\r\nsoapaction: a\r\n", "Content-Encoding: gzip\r\ncontent-encoding: gzip\r\n"} {
		var refused *http1.Error
		_, err := http1.NewConn(&script{in: []byte(with(twice))}, profile()).Next(t.Context())
		if !errors.As(err, &refused) || refused.Reason != http1.ReasonHeader {
			t.Errorf("%q: %v", twice, err)
		}
	}
}
