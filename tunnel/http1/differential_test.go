package http1_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

// FuzzRequestAgainstLibrary holds that what is accepted means the same to the standard library, if
// it reads it at all: same method, target, host, and length.
func FuzzRequestAgainstLibrary(f *testing.F) {
	f.Add([]byte(call("body")))
	f.Add([]byte("HEAD /health HTTP/1.1\r\nHost: live.example.com\r\nConnection: close\r\n\r\n"))
	for _, m := range oddMessages {
		if len(m.raw) < 500 {
			f.Add([]byte(m.raw))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &script{in: bytes.Clone(raw)}
		r, err := http1.NewConn(s, profile()).Next(context.Background())
		if err != nil {
			return
		}
		lib, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return // such as a target with a bad escape: no matter of framing
		}
		if lib.Method != r.Method || lib.RequestURI != r.Target || lib.Host != r.Host ||
			lib.ContentLength != r.ContentLength || len(lib.TransferEncoding) > 0 ||
			lib.Close == r.KeepAlive {
			t.Fatalf("%q: %+v, but the library reads %+v", raw, r, lib)
		}
	})
}

// FuzzReplyAgainstLibrary holds the same for replies and their bodies.
func FuzzReplyAgainstLibrary(f *testing.F) {
	f.Add([]byte(okReply))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, b, x, err := replied(string(raw), 0, forward.Config{}, "")
		if err != nil {
			return
		}
		defer x.Done()
		in := bufio.NewReader(bytes.NewReader(raw))
		lib, err := http.ReadResponse(in, nil)
		for err == nil && lib.StatusCode < 200 {
			lib, err = http.ReadResponse(in, nil)
		}
		if err != nil {
			t.Fatalf("%q: accepted, but the library says %v", raw, err)
		}
		defer lib.Body.Close()
		body, err := io.ReadAll(lib.Body)
		if err != nil || !bytes.Equal(body, b) || lib.StatusCode != r.Status {
			t.Fatalf("%q: %d %q, but the library reads %d %q, %v", raw, r.Status, b, lib.StatusCode, body, err)
		}
	})
}

// engineTape is an engine's connection that notes what it got and has an answer for every read.
type engineTape struct{ script }

func (e *engineTape) Read(p []byte) (int, error) { return copy(p, emptyReply), nil }

// FuzzRelay sends any bytes through a relay. The engine must get whole requests in the relay's own
// words and nothing else, and no body that the client did not send.
func FuzzRelay(f *testing.F) {
	f.Add([]byte(call("one")+call("")+call("three")), uint8(0))
	f.Add([]byte(call("one")+pipelined), uint8(1))
	for _, m := range oddMessages {
		if len(m.raw) < 500 {
			f.Add([]byte(m.raw+pipelined), uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, step uint8) {
		var tapes []*engineTape
		up := forward.New(forward.Config{
			Dial: func(context.Context, string, string) (net.Conn, error) {
				e := new(engineTape)
				tapes = append(tapes, e)
				return e, nil
			}})
		client := &script{in: bytes.Clone(raw), step: int(step)}
		if err := relay(context.Background(), client, profile(), up); err == nil {
			t.Fatalf("%q: relay ended without an error", raw)
		}
		for _, e := range tapes {
			checkTape(t, raw, e.out.Bytes())
		}
	})
}

func checkTape(t *testing.T, raw, tape []byte) {
	t.Helper()
	c := http1.NewConn(&script{in: tape}, &http1.Profile{Hosts: []string{"engine"}, MaxContent: 1 << 30})
	for {
		r, body, err := readAll(c)
		if err == io.EOF {
			return
		}
		if err != nil || r.Target != target || !bytes.Contains(raw, body) {
			t.Fatalf("%q: engine got %q: %v", raw, tape, err)
		}
		c.Forget()
	}
}

// TestAllocations holds that a head costs one allocation and the bytes of a body none.
func TestAllocations(t *testing.T) {
	c := http1.NewConn(&repeat{raw: []byte(call(""))}, profile())
	if n := testing.AllocsPerRun(200, func() {
		if _, err := c.Next(context.Background()); err != nil {
			t.Error(err)
		}
		c.Forget()
	}); n > 1 {
		t.Errorf("a head costs %v allocations", n)
	}
	body := strings.Repeat("x", 8<<20)
	tape := &engineTape{}
	tape.out.Grow(100 << 20)
	up := forward.New(forward.Config{
		Dial: func(context.Context, string, string) (net.Conn, error) { return tape, nil }})
	if n := testing.AllocsPerRun(3, func() {
		tape.out.Reset()
		x := open(t, up)
		defer x.Done()
		in := http1.NewConn(&script{in: []byte(call(body))}, profile())
		if _, err := in.Next(context.Background()); err != nil {
			t.Error(err)
		}
		_ = x.Send(head(int64(len(body))), nil)
		if _, err := x.CopyN(in, in.Remaining(), nil); err != nil {
			t.Error(err)
		}
		_, _ = x.Reply(context.Background())
	}); n > 30 {
		t.Errorf("a part of 8 MiB costs %v allocations", n)
	}
}
