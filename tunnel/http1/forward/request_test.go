package forward_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
)

// TestSendWritesTheseBytes: a head has one form, to the byte, and leaves with the first of the body in one
// write.
func TestSendWritesTheseBytes(t *testing.T) {
	for _, tt := range []struct {
		name string
		head forward.RequestHead
		body string
		want string
	}{
		{"post is the method", forward.RequestHead{Target: "/a", Host: "live", ContentLength: 3}, "abc",
			"POST /a HTTP/1.1\r\nHost: live\r\nContent-Length: 3\r\n\r\nabc"},
		{"post by name", forward.RequestHead{Method: "POST", Target: "/a", Host: "live"}, "",
			"POST /a HTTP/1.1\r\nHost: live\r\nContent-Length: 0\r\n\r\n"},
		{"get names no length", forward.RequestHead{Method: "GET", Target: "/a?b=c", Host: "live"}, "",
			"GET /a?b=c HTTP/1.1\r\nHost: live\r\n\r\n"},
		{"head names no length", forward.RequestHead{Method: "HEAD", Target: "/", Host: "live:8080"}, "",
			"HEAD / HTTP/1.1\r\nHost: live:8080\r\n\r\n"},
		{"type and credentials come before fields", forward.RequestHead{
			Target: "/a", Host: "live", ContentType: "text/xml; charset=utf-8", Authorization: "Basic dGVzdA==",
			Fields: []grammar.Field{{Name: "SOAPAction", Value: `"x"`}, {Name: "X-Empty", Value: ""}},
		}, "", "POST /a HTTP/1.1\r\nHost: live\r\nContent-Type: text/xml; charset=utf-8\r\nAuthorization: Basic dGVzdA==\r\n" +
			"SOAPAction: \"x\"\r\nX-Empty: \r\nContent-Length: 0\r\n\r\n"},
		{"a whole address for a forward proxy", forward.RequestHead{Method: "GET", Target: "http://live/a", Host: "live"}, "",
			"GET http://live/a HTTP/1.1\r\nHost: live\r\n\r\n"},
		{"a body that only begins", forward.RequestHead{Target: "/a", Host: "live", ContentLength: 1 << 40}, "ab",
			"POST /a HTTP/1.1\r\nHost: live\r\nContent-Length: 1099511627776\r\n\r\nab"},
		{"a tab in a value", forward.RequestHead{Method: "GET", Target: "/a", Host: "live", Fields: []grammar.Field{{Name: "X-A", Value: "b\tc"}}},
			"", "GET /a HTTP/1.1\r\nHost: live\r\nX-A: b\tc\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := saying(empty, 0)
			x := opened(t, to(forward.Config{}, e))
			if err := x.Send(tt.head, []byte(tt.body)); err != nil {
				t.Fatal(err)
			}
			if got := e.out.String(); got != tt.want || e.writes != 1 {
				t.Errorf("%d writes of %q, want one of %q", e.writes, got, tt.want)
			}
			if got, want := x.Unsent(), tt.head.ContentLength-int64(len(tt.body)); got != want {
				t.Errorf("%d unsent, want %d", got, want)
			}
		})
	}
}

// TestSendRefusesByName: a head that is not one for every reader is refused with its value, before anything
// is written; the connection is as good as before.
func TestSendRefusesByName(t *testing.T) {
	field := func(name, value string) func(*forward.RequestHead) {
		return func(h *forward.RequestHead) { h.Fields = []grammar.Field{{Name: name, Value: value}} }
	}
	for _, tt := range []struct {
		name   string
		change func(*forward.RequestHead)
		want   string
	}{
		{"put", func(h *forward.RequestHead) { h.Method = "PUT" }, `field cannot be written: method "PUT" with 4 bytes`},
		{"post in lower case", func(h *forward.RequestHead) { h.Method = "post" }, `field cannot be written: method "post" with 4 bytes`},
		{"connect", func(h *forward.RequestHead) { h.Method = "CONNECT" }, `field cannot be written: method "CONNECT" with 4 bytes`},
		{"a method with a line end", func(h *forward.RequestHead) { h.Method = "GET\r\n" }, `field cannot be written: method "GET\r\n" with 4 bytes`},
		{"get with a body", func(h *forward.RequestHead) { h.Method = "GET" }, `field cannot be written: method "GET" with 4 bytes`},
		{"head with a body", func(h *forward.RequestHead) { h.Method = "HEAD" }, `field cannot be written: method "HEAD" with 4 bytes`},
		{"no target", func(h *forward.RequestHead) { h.Target = "" }, `field cannot be written: target "", host "live"`},
		{"a target without a slash", func(h *forward.RequestHead) { h.Target = "a" }, `field cannot be written: target "a", host "live"`},
		{"a star", func(h *forward.RequestHead) { h.Target = "*" }, `field cannot be written: target "*", host "live"`},
		{"a blank", func(h *forward.RequestHead) { h.Target = "/a b" }, `field cannot be written: target "/a b", host "live"`},
		{"a second request", func(h *forward.RequestHead) { h.Target = "/a HTTP/1.1\r\n\r\nGET /b" },
			`field cannot be written: target "/a HTTP/1.1\r\n\r\nGET /b", host "live"`},
		{"a letter beyond ascii", func(h *forward.RequestHead) { h.Target = "/ä" }, `field cannot be written: target "/ä", host "live"`},
		{"delete", func(h *forward.RequestHead) { h.Target = "/\x7f" }, `field cannot be written: target "/\x7f", host "live"`},
		{"an address of another host", func(h *forward.RequestHead) { h.Target = "http://other/a" },
			`field cannot be written: target "http://other/a", host "live"`},
		{"an address of a longer host", func(h *forward.RequestHead) { h.Target = "http://live.evil/a" },
			`field cannot be written: target "http://live.evil/a", host "live"`},
		{"an address without a path", func(h *forward.RequestHead) { h.Target = "http://live" },
			`field cannot be written: target "http://live", host "live"`},
		{"an address with https", func(h *forward.RequestHead) { h.Target = "https://live/a" },
			`field cannot be written: target "https://live/a", host "live"`},
		{"no host", func(h *forward.RequestHead) { h.Host = "" }, `field cannot be written: target "/api/liferay/do", host ""`},
		{"a host with a blank", func(h *forward.RequestHead) { h.Host = "li ve" },
			`field cannot be written: target "/api/liferay/do", host "li ve"`},
		{"a host with a line end", func(h *forward.RequestHead) { h.Host = "live\r\nX: y" },
			`field cannot be written: target "/api/liferay/do", host "live\r\nX: y"`},
		{"a type with a line feed", func(h *forward.RequestHead) { h.ContentType = "a\nb" }, "field cannot be written: content type or credentials"},
		{"a type with a nul", func(h *forward.RequestHead) { h.ContentType = "a\x00" }, "field cannot be written: content type or credentials"},
		{"credentials with a return", func(h *forward.RequestHead) { h.Authorization = "a\rb" },
			"field cannot be written: content type or credentials"},
		{"a field without a name", field("", "x"), `field cannot be written: name ""`},
		{"a field with a blank in its name", field("X A", "x"), `field cannot be written: name "X A"`},
		{"a field with a colon in its name", field("X:A", "x"), `field cannot be written: name "X:A"`},
		{"a field of the framing", field("Transfer-Encoding", "chunked"), `field cannot be written: name "Transfer-Encoding"`},
		{"a second length", field("content-LENGTH", "0"), `field cannot be written: name "content-LENGTH"`},
		{"a second host", field("Host", "other"), `field cannot be written: name "Host"`},
		{"expect", field("Expect", "100-continue"), `field cannot be written: name "Expect"`},
		{"upgrade", field("Upgrade", "h2c"), `field cannot be written: name "Upgrade"`},
		{"a value with a line end", field("X-A", "b\r\nX-B: c"), "field cannot be written: value of X-A"},
		{"a value with a folded line", field("X-A", "b\r\n c"), "field cannot be written: value of X-A"},
		{"less than nothing", func(h *forward.RequestHead) { h.ContentLength = -1 }, "more bytes than the content length: 2 bytes, -1 named"},
		{"less than the first bytes", func(h *forward.RequestHead) { h.ContentLength = 1 }, "more bytes than the content length: 2 bytes, 1 named"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := saying(empty, 0)
			x := opened(t, to(forward.Config{}, e))
			h := post(4)
			tt.change(&h)
			err := x.Send(h, []byte("ab"))
			if err == nil || err.Error() != tt.want {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if !errors.Is(err, grammar.ErrField) && !errors.Is(err, forward.ErrOverrun) {
				t.Errorf("%v is neither", err)
			}
			if e.out.Len() > 0 {
				t.Errorf("the engine got %q", e.out.String())
			}
			if err := x.Send(post(2), []byte("ab")); err != nil {
				t.Errorf("a good head behind it: %v", err)
			}
		})
	}
}

// TestNoByteBeyondTheLength: whatever is written in whatever pieces, the engine gets the named length and
// not a byte more.
func TestNoByteBeyondTheLength(t *testing.T) {
	for _, tt := range []struct {
		name   string
		length int64
		pieces []int // the first goes with the head
		left   int64
		err    string // of the last piece
	}{
		{"nothing of nothing", 0, []int{0}, 0, ""},
		{"all at once", 10, []int{10}, 0, ""},
		{"in pieces", 10, []int{1, 2, 3, 4}, 0, ""},
		{"with empty pieces", 10, []int{0, 0, 10, 0}, 0, ""},
		{"one is missing", 10, []int{4, 5}, 1, ""},
		{"one too many at the end", 10, []int{4, 7}, 6, "more bytes than the content length: 7 more, 6 left"},
		{"one behind the end", 10, []int{10, 1}, 0, "more bytes than the content length: 1 more, 0 left"},
		{"one where none may be", 0, []int{0, 1}, 0, "more bytes than the content length: 1 more, 0 left"},
		{"a first piece longer than the buffer", 300 << 10, []int{300 << 10}, 0, ""},
		{"a big piece behind a small one", 100 << 10, []int{1, 100<<10 - 1}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := saying(empty, 0)
			x := opened(t, to(forward.Config{}, e))
			err := x.Send(post(tt.length), bytes.Repeat([]byte("x"), tt.pieces[0]))
			for _, n := range tt.pieces[1:] {
				if err != nil {
					t.Fatal(err)
				}
				var wrote int
				wrote, err = x.Write(bytes.Repeat([]byte("x"), n))
				if err == nil && wrote != n || err != nil && wrote != 0 {
					t.Errorf("%d of %d written, %v", wrote, n, err)
				}
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			_, body, _ := strings.Cut(e.out.String(), "\r\n\r\n")
			if int64(len(body)) != tt.length-tt.left || x.Unsent() != tt.left {
				t.Errorf("the engine got %d of %d bytes, %d unsent", len(body), tt.length, x.Unsent())
			}
		})
	}
}

// TestOrderOfTheCalls: what comes out of turn is ErrClosed, and sends nothing.
func TestOrderOfTheCalls(t *testing.T) {
	ctx := t.Context()
	for _, tt := range []struct {
		name string
		do   func(x *forward.Exchange) error
	}{
		{"write before the head", func(x *forward.Exchange) error { _, err := x.Write([]byte("x")); return err }},
		{"write nothing before the head", func(x *forward.Exchange) error { _, err := x.Write(nil); return err }},
		{"reply before the head", func(x *forward.Exchange) error { _, err := x.Reply(ctx); return err }},
		{"await before the head", func(x *forward.Exchange) error { _, err := x.Await(ctx, time.Second); return err }},
		{"two heads", func(x *forward.Exchange) error { x.Send(post(0), nil); return x.Send(post(0), nil) }},
		{"two replies", func(x *forward.Exchange) error {
			x.Send(post(0), nil)
			x.Reply(ctx)
			_, err := x.Reply(ctx)
			return err
		}},
		{"await behind the reply", func(x *forward.Exchange) error {
			x.Send(post(0), nil)
			x.Reply(ctx)
			_, err := x.Await(ctx, time.Second)
			return err
		}},
		{"a head behind the end", func(x *forward.Exchange) error { x.Done(); return x.Send(post(0), nil) }},
		{"a head behind a cut", func(x *forward.Exchange) error { x.Cut(); return x.Send(post(0), nil) }},
		{"a byte behind a cut", func(x *forward.Exchange) error {
			x.Send(post(1), nil)
			x.Cut()
			_, err := x.Write([]byte("x"))
			return err
		}},
		{"a reply behind a cut", func(x *forward.Exchange) error {
			x.Send(post(0), nil)
			x.Cut()
			_, err := x.Reply(ctx)
			return err
		}},
		{"a body behind the end", func(x *forward.Exchange) error {
			x.Send(post(0), nil)
			r, err := x.Reply(ctx)
			if err != nil {
				return err
			}
			x.Done()
			if got := r.Field("Content-Length"); got != "" {
				t.Errorf("a field behind the end: %q", got)
			}
			_, err = r.Read(make([]byte, 1))
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := saying(good+"Content-Length: 1\r\n\r\nx", 0)
			if err := tt.do(opened(t, to(forward.Config{}, e))); !errors.Is(err, forward.ErrClosed) {
				t.Errorf("got %v, want %v", err, forward.ErrClosed)
			}
			if n := strings.Count(e.out.String(), "POST"); n > 1 || strings.HasSuffix(e.out.String(), "x") {
				t.Errorf("the engine got %q", e.out.String())
			}
		})
	}
}

// TestEndsAreQuiet: an exchange that ended has nothing to say, and ends as often as one likes.
func TestEndsAreQuiet(t *testing.T) {
	e := saying("", 0)
	x := opened(t, to(forward.Config{}, e))
	for range 3 {
		x.Cut()
		x.Done()
	}
	if x.Reused() || x.Spoken() || x.Queued() != 0 || e.closed != 1 {
		t.Errorf("reused %v, spoken %v, queued %d, closed %d times", x.Reused(), x.Spoken(), x.Queued(), e.closed)
	}
}

// TestWriteFails: an engine that takes no more is named, and what it has to say is still read.
func TestWriteFails(t *testing.T) {
	gone := errors.New("broken pipe")
	e := saying("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", 0)
	x := opened(t, to(forward.Config{}, e))
	if err := x.Send(post(10), []byte("abc")); err != nil {
		t.Fatal(err)
	}
	e.refuse = gone
	n, err := x.Write([]byte("def"))
	if n != 0 || !errors.Is(err, gone) || err.Error() != "upstream.send: engine:8080: broken pipe" {
		t.Errorf("%d written, %v", n, err)
	}
	if f := faultOf(t, err); f.Started || f.Reason != forward.ReasonSend || x.Unsent() != 7 {
		t.Errorf("%+v, %d unsent", f, x.Unsent())
	}
	r, err := x.Reply(t.Context())
	if err != nil || r.Status != 413 {
		t.Fatalf("%+v, %v", r, err)
	}
	if b, err := r.AppendTo([]byte("why: ")); string(b) != "why: no" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	x.Done()
	if e.closed != 1 {
		t.Error("a connection on which a write failed is kept")
	}
}

// TestHeadCannotBeWritten: the fault of the first write is one of the engine too.
func TestHeadCannotBeWritten(t *testing.T) {
	e := saying("", 0)
	e.refuse = io.ErrClosedPipe
	x := opened(t, to(forward.Config{}, e))
	err := x.Send(post(1), []byte("x"))
	if f := faultOf(t, err); f.Reason != forward.ReasonSend || f.Started || !errors.Is(f, io.ErrClosedPipe) {
		t.Errorf("%+v", f)
	}
	x.Done()
	if e.closed != 1 {
		t.Error("the connection is kept")
	}
}

// TestWholeAnswerToABrokenWrite: an answer that was read whole does not mend a connection that took no head.
func TestWholeAnswerToABrokenWrite(t *testing.T) {
	e := saying(empty, 0)
	e.refuse = io.ErrClosedPipe
	x := opened(t, to(forward.Config{}, e))
	if err := x.Send(post(0), nil); err == nil {
		t.Fatal("written")
	}
	if r, err := x.Reply(t.Context()); err != nil || r.Status != 200 {
		t.Fatalf("%+v, %v", r, err)
	}
	if x.Done(); e.closed != 1 {
		t.Error("the connection is kept")
	}
}

// TestCopyN: the bytes of a source are those that the tap sees and the engine gets, and whose fault it is is
// told.
func TestCopyN(t *testing.T) {
	broken := errors.New("the line is cut")
	big := strings.Repeat("0123456789abcdef", 40<<10) // 640 KiB: more than two buffers
	for _, tt := range []struct {
		name   string
		src    io.Reader
		length int64
		n      int64
		refuse error
		got    string // by the engine
		err    string
	}{
		{"nothing", strings.NewReader("abc"), 3, 0, nil, "", ""},
		{"all", strings.NewReader("abc"), 3, 3, nil, "abc", ""},
		{"a part of the source", strings.NewReader("abc"), 2, 2, nil, "ab", ""},
		{"a part of the length", strings.NewReader("abc"), 9, 3, nil, "abc", ""},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("abcdef")), 6, 6, nil, "abcdef", ""},
		{"the end with the last bytes", iotest.DataErrReader(strings.NewReader("abcdef")), 6, 6, nil, "abcdef", ""},
		{"big", strings.NewReader(big), int64(len(big)), int64(len(big)), nil, big, ""},
		{"big in halves", iotest.HalfReader(strings.NewReader(big)), int64(len(big)), int64(len(big)), nil, big, ""},
		{"more than may be sent", strings.NewReader("abc"), 2, 3, nil, "", "more bytes than the content length: 3 more, 2 left"},
		{"a source that ends early", strings.NewReader("ab"), 3, 3, nil, "", "unexpected EOF"},
		{"a source that is empty", strings.NewReader(""), 1, 1, nil, "", "unexpected EOF"},
		{"a source that breaks", io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(broken)), 3, 3, nil, "", "the line is cut"},
		{"an engine that takes no more", strings.NewReader("abc"), 3, 3, io.ErrClosedPipe, "",
			"upstream.send: engine:8080: io: read/write on closed pipe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := saying(empty, 0)
			x := opened(t, to(forward.Config{}, e))
			if err := x.Send(post(tt.length), nil); err != nil {
				t.Fatal(err)
			}
			e.refuse = tt.refuse
			var seen bytes.Buffer
			n, err := x.CopyN(tt.src, tt.n, func(p []byte) { seen.Write(p) })
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			_, got, _ := strings.Cut(e.out.String(), "\r\n\r\n")
			if got != tt.got || n != int64(len(tt.got)) || x.Unsent() != tt.length-n {
				t.Errorf("the engine got %d bytes, %d said, %d unsent, want %d", len(got), n, x.Unsent(), len(tt.got))
			}
			if tt.refuse == nil && seen.String() != tt.got {
				t.Errorf("the tap saw %d bytes, want %d", seen.Len(), len(tt.got))
			}
			var f *forward.Fault
			if errors.As(err, &f) != (tt.refuse != nil) {
				t.Errorf("%v: whose fault?", err)
			}
		})
	}
	x := opened(t, to(forward.Config{}, saying("", 0)))
	if err := x.Send(post(1), nil); err != nil {
		t.Fatal(err)
	}
	if n, err := x.CopyN(strings.NewReader("x"), 1, nil); n != 1 || err != nil {
		t.Errorf("without a tap: %d, %v", n, err)
	}
}
