package forward_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

const (
	good  = "HTTP/1.1 200 OK\r\n"
	empty = good + "Content-Length: 0\r\n\r\n"
)

// engine is the other side of one connection: it says what it was given, piece by piece, then ends.
type engine struct {
	says   [][]byte
	end    error // of the last read; nil: io.EOF
	refuse error // of a write
	out    bytes.Buffer
	writes int
	closed int
}

// saying cuts text into pieces of step bytes; 0 is one piece.
func saying(text string, step int) *engine {
	e := &engine{}
	for b := []byte(text); len(b) > 0; {
		n := min(len(b), step)
		if step == 0 {
			n = len(b)
		}
		e.says, b = append(e.says, b[:n]), b[n:]
	}
	return e
}

func (e *engine) Read(p []byte) (int, error) {
	if len(e.says) == 0 {
		if e.end != nil {
			return 0, e.end
		}
		return 0, io.EOF
	}
	n := copy(p, e.says[0])
	if e.says[0] = e.says[0][n:]; len(e.says[0]) == 0 {
		e.says = e.says[1:]
	}
	return n, nil
}

func (e *engine) Write(p []byte) (int, error) {
	if e.refuse != nil {
		return 0, e.refuse
	}
	e.writes++
	return e.out.Write(p)
}

func (e *engine) Close() error                     { e.closed++; return nil }
func (e *engine) LocalAddr() net.Addr              { return nil }
func (e *engine) RemoteAddr() net.Addr             { return nil }
func (e *engine) SetDeadline(time.Time) error      { return nil }
func (e *engine) SetReadDeadline(time.Time) error  { return nil }
func (e *engine) SetWriteDeadline(time.Time) error { return nil }

// to is an Upstream whose connections are these engines, one after the other.
func to(cfg forward.Config, engines ...*engine) *forward.Upstream {
	cfg.Addr = "engine:8080"
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
		if len(engines) == 0 {
			return nil, errors.New("no engine is left")
		}
		e := engines[0]
		engines = engines[1:]
		return e, nil
	}
	return forward.New(cfg)
}

func opened(t testing.TB, u *forward.Upstream) *forward.Exchange {
	t.Helper()
	x, err := u.Open(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func post(n int64) forward.RequestHead {
	return forward.RequestHead{Target: "/api/liferay/do", Host: "live", ContentLength: n}
}

// faultOf returns the Fault that err is, and fails the test if it is none.
func faultOf(t testing.TB, err error) *forward.Fault {
	t.Helper()
	var f *forward.Fault
	if !errors.As(err, &f) {
		t.Fatalf("%v is no fault of the engine", err)
	}
	return f
}

// answered sends a call of one byte and reads what comes to its end.
func answered(t testing.TB, e *engine, cfg forward.Config, method string) (*forward.Reply, []byte, *forward.Exchange, error) {
	t.Helper()
	x := opened(t, to(cfg, e))
	head, body := post(1), []byte("x")
	if head.Method = method; method != "" {
		head.ContentLength, body = 0, nil
	}
	if err := x.Send(head, body); err != nil {
		t.Fatal(err)
	}
	r, err := x.Reply(context.Background())
	if err != nil {
		return nil, nil, x, err
	}
	b, err := r.AppendTo(nil)
	return r, b, x, err
}
