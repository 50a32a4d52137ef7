package http1_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

// replied sends an empty request on a scripted connection and reads the reply.
func replied(raw string, step int, cfg forward.Config, method string) (*forward.Reply, []byte, *forward.Exchange, error) {
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
		return &script{in: []byte(raw), step: step}, nil
	}
	x, err := forward.New(cfg).Open(context.Background(), true)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := x.Send(forward.RequestHead{Method: method, Target: "/", Host: "engine"}, nil); err != nil {
		return nil, nil, x, err
	}
	r, err := x.Reply(context.Background())
	if err != nil {
		return nil, nil, x, err
	}
	b, err := r.AppendTo(nil)
	return r, b, x, err
}

func TestReplies(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		name, raw string
		status    int
		body      string
		closes    bool
	}{
		{"sized", ok + "Content-Length: 3\r\n\r\nabc", 200, "abc", false},
		{"no phrase", "HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", false},
		{"empty phrase", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, "", false},
		{"high bytes and underscores", "HTTP/1.1 404 N\xe3o\r\nX_A: \xe9\r\nContent-Length: 0\r\n\r\n", 404, "", false},
		{"chunked", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", 200, "abc0123456789", false},
		{"chunked and empty", ok + "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 200, "", false},
		{"until close", ok + "\r\nabc", 200, "abc", true},
		{"until close and empty", ok + "\r\n", 200, "", true},
		{"connection close", ok + "Connection: close\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true},
		{"connection of a proxy", ok + "Connection: X-A\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false},
		{"interim replies", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 16) + ok + "Content-Length: 3\r\n\r\nabc", 200, "abc", false},
		{"early hints", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + ok + "Content-Length: 3\r\n\r\nabc", 200, "abc", false},
		{"heartbeats", ok + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\n\x79\r\n", 1000) + "0\r\n\r\n", 200,
			strings.Repeat("\x79", 1000), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{0, 1, 5} {
				r, b, _, err := replied(tt.raw, step, forward.Config{}, "")
				if err != nil || r.Status != tt.status || string(b) != tt.body || r.Close != tt.closes {
					t.Errorf("step %d: %+v %q, %v", step, r, b, err)
				}
			}
		})
	}
}

func TestBadReplies(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	chunked := func(s string) string { return ok + "Transfer-Encoding: chunked\r\n\r\n" + s }
	for _, tt := range []struct {
		name, raw, reason string
		started           bool
	}{
		{"nothing", "", forward.ReasonSilent, false},
		{"half a line", "HTTP/1.1 2", forward.ReasonReplyCut, true},
		{"half a head", ok + "Content-Length: 3\r\n", forward.ReasonReplyCut, true},
		{"half a body", ok + "Content-Length: 3\r\n\r\nab", forward.ReasonReplyCut, true},
		{"interim reply only", "HTTP/1.1 100 Continue\r\n\r\n", forward.ReasonSilent, false},
		{"length and encoding", ok + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", forward.ReasonReply, true},
		{"two lengths", ok + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", forward.ReasonReply, true},
		{"two encodings", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", forward.ReasonReply, true},
		{"length with sign", ok + "Content-Length: +3\r\n\r\nabc", forward.ReasonReply, true},
		{"list of lengths", ok + "Content-Length: 3, 3\r\n\r\nabc", forward.ReasonReply, true},
		{"other encoding", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", forward.ReasonReply, true},
		{"folded field", ok + "X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n", forward.ReasonReply, true},
		{"blank before colon", ok + "Content-Length : 3\r\n\r\nabc", forward.ReasonReply, true},
		{"bare line feed", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", forward.ReasonReply, true},
		{"bare carriage return", ok + "X-A: b\rc\r\nContent-Length: 0\r\n\r\n", forward.ReasonReply, true},
		{"nul", ok + "X-A: b\x00\r\nContent-Length: 0\r\n\r\n", forward.ReasonReply, true},
		{"line without colon", ok + "nonsense\r\nContent-Length: 0\r\n\r\n", forward.ReasonReply, true},
		{"version 1.0", "HTTP/1.0 200 OK\r\n\r\n", forward.ReasonReply, true},
		{"no http", "<html>\r\n\r\n", forward.ReasonReply, true},
		{"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", forward.ReasonReply, true},
		{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", forward.ReasonReply, true},
		{"status 999", "HTTP/1.1 999 OK\r\n\r\n", forward.ReasonReply, true},
		{"switching protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n", forward.ReasonReply, true},
		{"interim reply with body", "HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc", forward.ReasonReply, true},
		{"flood of interim replies", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1001) + ok + "Content-Length: 0\r\n\r\n", forward.ReasonReply, true},
		{"endless head", ok + strings.Repeat("X-A: b\r\n", 5000), forward.ReasonReply, true},
		{"129 fields", ok + strings.Repeat("X-A: b\r\n", 129) + "\r\n", forward.ReasonReply, true},
		{"extension", chunked("3;a=b\r\nabc\r\n0\r\n\r\n"), forward.ReasonReply, true},
		{"blank after size", chunked("3 \r\nabc\r\n0\r\n\r\n"), forward.ReasonReply, true},
		{"size 0x3", chunked("0x3\r\nabc\r\n0\r\n\r\n"), forward.ReasonReply, true},
		{"size -3", chunked("-3\r\nabc\r\n0\r\n\r\n"), forward.ReasonReply, true},
		{"size of nine digits", chunked("000000003\r\nabc\r\n0\r\n\r\n"), forward.ReasonReply, true},
		{"empty size", chunked("\r\nabc\r\n0\r\n\r\n"), forward.ReasonReply, true},
		{"size with line feed", chunked("3\nabc\r\n0\r\n\r\n"), forward.ReasonReply, true},
		{"chunk longer than its size", chunked("3\r\nabcd\r\n0\r\n\r\n"), forward.ReasonReply, true},
		{"chunk end with line feed", chunked("3\r\nabc\n0\r\n\r\n"), forward.ReasonReply, true},
		{"trailer", chunked("3\r\nabc\r\n0\r\nX-A: b\r\n\r\n"), forward.ReasonReply, true},
		{"chunks cut", chunked("3\r\nabc\r\n"), forward.ReasonReplyCut, true},
		{"chunk cut", chunked("3\r\nab"), forward.ReasonReplyCut, true},
		{"last chunk cut", chunked("3\r\nabc\r\n0\r\n"), forward.ReasonReplyCut, true},
		{"sized and too large", ok + "Content-Length: 1001\r\n\r\n" + strings.Repeat("x", 1001), forward.ReasonReplyLarge, true},
		{"chunked and too large", chunked(strings.Repeat("fa\r\n"+strings.Repeat("x", 250)+"\r\n", 5) + "0\r\n\r\n"), forward.ReasonReplyLarge, true},
		{"until close and too large", ok + "\r\n" + strings.Repeat("x", 1001), forward.ReasonReplyLarge, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{0, 1} {
				_, b, x, err := replied(tt.raw, step, forward.Config{MaxReply: 1000}, "")
				var ue *forward.Fault
				if !errors.As(err, &ue) || ue.Reason != tt.reason || ue.Started != tt.started {
					t.Errorf("step %d: %q, %v, want %s, started %v", step, b, err, tt.reason, tt.started)
				}
				x.Done()
			}
		})
	}
}

func TestReplyToHead(t *testing.T) {
	r, b, _, err := replied("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 0, forward.Config{}, "HEAD")
	if err != nil || len(b) > 0 || r.ContentLength != 500 || r.Close {
		t.Errorf("%+v %q, %v", r, b, err)
	}
}

func TestReplyFields(t *testing.T) {
	raw := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Stagelock-Reference:  a1 \r\nx-stagelock-reference: second\r\n" +
		"Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000)
	r, b, x, err := replied(raw, 0, forward.Config{}, "")
	if err != nil || len(b) != 20000 {
		t.Fatal(len(b), err)
	}
	defer func() {
		x.Done()
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, forward.ErrClosed) || r.Field("Content-Type") != "" {
			t.Errorf("a reply is read after the end: %v", err)
		}
	}()
	if r.ContentType != "text/plain" || r.Field("X-STAGELOCK-Reference") != "a1" || r.Field("X-None") != "" {
		t.Errorf("type %q, reference %q", r.ContentType, r.Field("X-Stagelock-Reference"))
	}
}

// TestReplyInSmallReads reads a long body with buffers of every kind of size.
func TestReplyInSmallReads(t *testing.T) {
	want := strings.Repeat("0123456789", 10_000)
	var chunks strings.Builder
	for i := 0; i < len(want); i += 7000 {
		part := want[i:min(i+7000, len(want))]
		fmt.Fprintf(&chunks, "%x\r\n%s\r\n", len(part), part)
	}
	for _, raw := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + want,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks.String() + "0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n" + want,
	} {
		for _, size := range []int{1, 100, 8192, 100_001} {
			cfg := forward.Config{Dial: func(context.Context, string, string) (net.Conn, error) {
				return &script{in: []byte(raw), step: 1460}, nil
			}}
			x := open(t, forward.New(cfg))
			if err := x.Send(head(0), nil); err != nil {
				t.Fatal(err)
			}
			r, err := x.Reply(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, r, make([]byte, size)); err != nil || got.String() != want {
				t.Errorf("%.60q in reads of %d: %d bytes, %v", raw, size, got.Len(), err)
			}
			x.Done()
		}
	}
}
