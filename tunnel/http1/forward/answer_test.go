package forward_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

func chunked(s string) string { return good + "Transfer-Encoding: chunked\r\n\r\n" + s }

// TestAnswers: what is read of an answer, and whether its connection is kept for the next call, do not
// depend on the pieces it comes in.
func TestAnswers(t *testing.T) {
	const interim = "HTTP/1.1 100 Continue\r\n\r\n"
	for _, tt := range []struct {
		name, raw, method string
		status            int
		kind, body        string
		length            int64
		kept              bool
	}{
		{"empty", empty, "", 200, "", "", 0, true},
		{"sized", good + "Content-Length: 3\r\nContent-Type: text/xml\r\n\r\nabc", "", 200, "text/xml", "abc", 3, true},
		{"chunked", chunked("3\r\nabc\r\n0\r\n\r\n"), "", 200, "", "abc", -1, true},
		{"chunks with sizes in both cases", chunked("a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n"), "", 200, "", "0123456789abcdefghij", -1, true},
		{"eight digits of a size", chunked("00000003\r\nabc\r\n00000000\r\n\r\n"), "", 200, "", "abc", -1, true},
		{"chunked without a chunk", chunked("0\r\n\r\n"), "", 200, "", "", -1, true},
		{"line ends inside of a chunk", chunked("6\r\n0\r\n\r\nx\r\n0\r\n\r\n"), "", 200, "", "0\r\n\r\nx", -1, true},
		{"until it closes", good + "\r\nabc", "", 200, "", "abc", -1, false},
		{"until it closes at once", good + "\r\n", "", 200, "", "", -1, false},
		{"no phrase", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", 200, "", "", 0, true},
		{"an empty phrase", "HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n", "", 503, "", "", 0, true},
		{"a phrase in Latin-1", "HTTP/1.1 404 Nicht verf\xfcgbar\r\nContent-Length: 0\r\n\r\n", "", 404, "", "", 0, true},
		{"the last status", "HTTP/1.1 599 X\r\nContent-Length: 0\r\n\r\n", "", 599, "", "", 0, true},
		{"no content", "HTTP/1.1 204 X\r\nContent-Length: 3\r\n\r\n", "", 204, "", "", 3, true},
		{"not modified", "HTTP/1.1 304 X\r\n\r\n", "", 304, "", "", -1, true},
		{"to a head", good + "Content-Length: 9\r\n\r\n", "HEAD", 200, "", "", 9, true},
		{"to a head, chunked", good + "Transfer-Encoding: chunked\r\n\r\n", "HEAD", 200, "", "", -1, true},
		{"to a get", good + "Content-Length: 2\r\n\r\nok", "GET", 200, "", "ok", 2, true},
		{"interim replies before it", interim + "HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n" + interim + empty, "", 200, "", "", 0, true},
		{"1000 interim replies", strings.Repeat(interim, 1000) + empty, "", 200, "", "", 0, true},
		{"an interim reply that wants to close", "HTTP/1.1 100 X\r\nConnection: close\r\n\r\n" + empty, "", 200, "", "", 0, true},
		{"it wants to close", good + "Connection: close\r\nContent-Length: 1\r\n\r\nx", "", 200, "", "x", 1, false},
		{"it wants to go on", good + "Connection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", "", 200, "", "x", 1, true},
		{"a word that nobody knows", good + "Connection: upgrade\r\nContent-Length: 1\r\n\r\nx", "", 200, "", "x", 1, false},
		{"a list of words", good + "Connection: keep-alive, close\r\nContent-Length: 0\r\n\r\n", "", 200, "", "", 0, false},
		{"fields in capitals", good + "CONTENT-LENGTH: 1\r\nCONTENT-TYPE: a/b\r\n\r\nx", "", 200, "a/b", "x", 1, true},
		{"blanks and tabs around a value", good + "Content-Length: \t 1 \t\r\nContent-Type:a/b\r\n\r\nx", "", 200, "a/b", "x", 1, true},
		{"an encoding in capitals", good + "Transfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n", "", 200, "", "x", -1, true},
		{"a field with no value", good + "X-A:\r\nContent-Length: 0\r\n\r\n", "", 200, "", "", 0, true},
		{"a name of any token", good + "x!#$%&'*+-.^_`|~9: b\r\nContent-Length: 0\r\n\r\n", "", 200, "", "", 0, true},
		{"one field many times", good + strings.Repeat("Set-Cookie: a\r\n", 127) + "Content-Length: 0\r\n\r\n", "", 200, "", "", 0, true},
		{"a serialized answer", good + "Content-Type: application/x-java-serialized-object\r\nContent-Length: 0\r\n\r\n", "", 200,
			"application/x-java-serialized-object", "", 0, true},
		{"bytes behind it", empty + "HTTP/1.1 200 OK\r\n", "", 200, "", "", 0, false},
		{"a body behind no content", "HTTP/1.1 204 X\r\n\r\nevil", "", 204, "", "", -1, false},
		{"a second answer behind the chunks", chunked("0\r\n\r\n" + empty), "", 200, "", "", -1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{0, 1, 2, 3, 7, 64} {
				e, next := saying(tt.raw, step), saying(empty, 0)
				u := to(forward.Config{}, e, next)
				x := opened(t, u)
				h := post(0)
				h.Method = tt.method
				if err := x.Send(h, nil); err != nil {
					t.Fatal(err)
				}
				r, err := x.Reply(context.Background())
				if err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
				b, err := r.AppendTo(nil)
				if err != nil || r.Status != tt.status || string(b) != tt.body || r.ContentType != tt.kind || r.ContentLength != tt.length {
					t.Errorf("step %d: %+v, %q, %v", step, r, b, err)
				}
				if again, err := r.AppendTo(nil); len(again) != 0 || err != nil {
					t.Errorf("step %d: behind its end %q, %v", step, again, err)
				}
				x.Done()
				if rest := len(e.says) > 0; step == 0 || !rest { // what has not come yet no script can tell
					if kept := e.closed == 0; kept != tt.kept {
						t.Errorf("step %d: kept %v, want %v", step, kept, tt.kept)
					}
				}
			}
		})
	}
}

// TestRefusedAnswers: an answer that is not written as it must be is refused with its own words, in whatever
// pieces it comes, and its connection is closed.
func TestRefusedAnswers(t *testing.T) {
	const form = "upstream.reply: engine:8080: reply is not HTTP/1.1 as it is written: "
	const began = " (an answer had begun)"
	bad := func(s string) string { return form + s + began }
	badChunk := func(s string) string {
		return "upstream.reply: engine:8080: reply is badly chunked: " + s + began
	}
	const cut = "upstream.cut: engine:8080: unexpected EOF" + began
	large := "upstream.too-large: engine:8080: reply is longer than the limit of 100 bytes" + began
	for _, tt := range []struct{ name, raw, want string }{
		{"nothing", "", "upstream.silent: engine:8080: unexpected EOF"},
		{"one byte", "H", cut},
		{"a head without its end", good + "X: y\r\n", cut},
		{"a body that ends early", good + "Content-Length: 3\r\n\r\nab", cut},
		{"a body that never comes", good + "Content-Length: 3\r\n\r\n", cut},
		{"an interim reply and nothing", "HTTP/1.1 100 X\r\n\r\n", "upstream.silent: engine:8080: unexpected EOF"},
		{"an old version", "HTTP/1.0 200 OK\r\n\r\n", `upstream.reply: engine:8080: answer in HTTP/1.0: status line "HTTP/1.0 200 OK"` + began},
		{"a newer version", "HTTP/2.0 200 OK\r\n\r\n", bad(`status line "HTTP/2.0 200 OK"`)},
		{"a version in lower case", "http/1.1 200 OK\r\n\r\n", bad(`status line "http/1.1 200 OK"`)},
		{"a blank in front", " HTTP/1.1 200 OK\r\n\r\n", bad(`status line " HTTP/1.1 200 OK"`)},
		{"an empty line in front", "\r\n" + empty, bad(`status line ""`)},
		{"two blanks", "HTTP/1.1  200 OK\r\n\r\n", bad(`status " 20"`)},
		{"a tab for a blank", "HTTP/1.1\t200 OK\r\n\r\n", bad(`status line "HTTP/1.1\t200 OK"`)},
		{"no status", "HTTP/1.1 OK\r\n\r\n", bad(`status line "HTTP/1.1 OK"`)},
		{"two digits", "HTTP/1.1 20\r\n\r\n", bad(`status line "HTTP/1.1 20"`)},
		{"four digits", "HTTP/1.1 2000\r\n\r\n", bad(`status line "HTTP/1.1 2000"`)},
		{"a sign", "HTTP/1.1 +20 OK\r\n\r\n", bad(`status "+20"`)},
		{"a letter", "HTTP/1.1 2O0 OK\r\n\r\n", bad(`status "2O0"`)},
		{"status 099", "HTTP/1.1 099 X\r\n\r\n", bad(`status line "HTTP/1.1 099 X"`)},
		{"status 600", "HTTP/1.1 600 X\r\n\r\n", bad(`status line "HTTP/1.1 600 X"`)},
		{"another protocol", "HTTP/1.1 101 X\r\n\r\n", bad(`status line "HTTP/1.1 101 X"`)},
		{"a nul in the phrase", "HTTP/1.1 200 O\x00\r\n\r\n", bad(`status line "HTTP/1.1 200 O\x00"`)},
		{"a long status line is shown in part", "X" + strings.Repeat("y", 200) + "\r\n\r\n", bad(`status line "X` + strings.Repeat("y", 79) + `"`)},
		{"a page", "<html></html>\r\n\r\n", bad(`status line "<html></html>"`)},
		{"a bare line feed", "HTTP/1.1 200 OK\n\n", "upstream.reply: engine:8080: line feed without carriage return" + began},
		{"a bare line feed in the fields", good + "X: y\nContent-Length: 0\r\n\r\n",
			"upstream.reply: engine:8080: line feed without carriage return" + began},
		{"a bare return", good + "X: y\rz\r\n\r\n", bad(`field "X: y\rz"`)},
		{"a folded line", good + "X: y\r\n z: 1\r\n\r\n", bad(`field " z: 1"`)},
		{"no colon", good + "nonsense\r\n\r\n", bad(`field "nonsense"`)},
		{"no name", good + ": x\r\n\r\n", bad(`field ": x"`)},
		{"a blank before the colon", good + "Content-Length : 0\r\n\r\n", bad(`field "Content-Length : 0"`)},
		{"a letter beyond ascii in a name", good + "\xe4: 1\r\n\r\n", bad(`field "\xe4: 1"`)},
		{"delete in a value", good + "X: \x7f\r\n\r\n", bad(`field "X: \x7f"`)},
		{"two lengths", good + "Content-Length: 1\r\ncontent-length: 1\r\n\r\nx", bad(`field stands twice: "content-length: 1"`)},
		{"two types", good + "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", bad(`field stands twice: "Content-Type: c/d"`)},
		{"two connections", good + "Connection: close\r\nConnection: close\r\n\r\n", bad(`field stands twice: "Connection: close"`)},
		{"two encodings", good + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			bad(`field stands twice: "Transfer-Encoding: chunked"`)},
		{"a length and an encoding", good + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			bad("both transfer encoding and content length")},
		{"no length", good + "Content-Length:\r\n\r\n", bad(`content length ""`)},
		{"a length with a zero in front", good + "Content-Length: 01\r\n\r\nx", bad(`content length "01"`)},
		{"a length with a sign", good + "Content-Length: -1\r\n\r\n", bad(`content length "-1"`)},
		{"a list of lengths", good + "Content-Length: 1, 1\r\n\r\nx", bad(`content length "1, 1"`)},
		{"a length in hex", good + "Content-Length: 0x1\r\n\r\nx", bad(`content length "0x1"`)},
		{"a length beyond 63 bits", good + "Content-Length: 9223372036854775808\r\n\r\nx", bad(`content length "9223372036854775808"`)},
		{"a length of twenty digits", good + "Content-Length: 10000000000000000000\r\n\r\n", bad(`content length "10000000000000000000"`)},
		{"another encoding", good + "Transfer-Encoding: gzip\r\n\r\n", bad(`transfer encoding "gzip"`)},
		{"two encodings in one", good + "Transfer-Encoding: chunked, chunked\r\n\r\n", bad(`transfer encoding "chunked, chunked"`)},
		{"an interim reply with a body", "HTTP/1.1 103 X\r\nContent-Length: 1\r\n\r\nx" + empty, bad("interim reply with a body")},
		{"an interim reply in chunks", "HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", bad("interim reply with a body")},
		{"129 fields", good + strings.Repeat("X: y\r\n", 129) + "\r\n", bad("more than 128 fields")},
		{"a head without end", good + "X: " + strings.Repeat("y", 13<<10) + "\r\n\r\n", bad("head is too long")},
		{"1001 interim replies", strings.Repeat("HTTP/1.1 100 X\r\n\r\n", 1001) + empty,
			"upstream.reply: engine:8080: more than 1000 interim replies" + began},
		{"no size", chunked("\r\n0\r\n\r\n"), badChunk(`size ""`)},
		{"a size that is none", chunked("g\r\n\r\n"), badChunk(`size "g"`)},
		{"a size with a blank", chunked("1 \r\nx\r\n0\r\n\r\n"), badChunk(`size "1 "`)},
		{"a size with a sign", chunked("+1\r\nx\r\n0\r\n\r\n"), badChunk(`size "+1"`)},
		{"a size with an extension", chunked("1;a=b\r\nx\r\n0\r\n\r\n"), badChunk(`size "1;a=b"`)},
		{"a size of nine digits", chunked("000000001\r\nx\r\n0\r\n\r\n"), badChunk(`line "000000001\r"`)},
		{"a size without end", chunked(strings.Repeat("0", 100)), badChunk(`line "0000000000"`)},
		{"a size before a bare line feed", chunked("1\nx\r\n0\r\n\r\n"), badChunk(`line without CRLF "1"`)},
		{"a line feed alone for a size", chunked("\nx"), badChunk(`line without CRLF ""`)},
		{"a chunk that is longer", chunked("1\r\nxy\r\n0\r\n\r\n"), badChunk(`line "y\r"`)},
		{"a chunk before a bare line feed", chunked("1\r\nx\n0\r\n\r\n"), badChunk(`line without CRLF ""`)},
		{"a trailer", chunked("0\r\nX: y\r\n\r\n"), badChunk(`trailer "X: y"`)},
		{"a long trailer", chunked("0\r\nX-Evil: yes\r\n\r\n"), badChunk(`line "X-Evil: ye"`)},
		{"no end of the chunks", chunked("1\r\nx\r\n"), cut},
		{"half a chunk", chunked("5\r\nab"), cut},
		{"half an end", chunked("0\r\n"), cut},
		{"a chunk of 4 GiB", chunked("ffffffff\r\nx"), cut},
		{"named too large", good + "Content-Length: 101\r\n\r\n" + strings.Repeat("x", 101), large},
		{"too large in chunks", chunked(strings.Repeat("32\r\n"+strings.Repeat("x", 50)+"\r\n", 3) + "0\r\n\r\n"), large},
		{"too large until it closes", good + "\r\n" + strings.Repeat("x", 101), large},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{0, 1, 3, 1000} {
				e := saying(tt.raw, step)
				_, b, x, err := answered(t, e, forward.Config{MaxReply: 100}, "")
				if err == nil || err.Error() != tt.want {
					t.Errorf("step %d: %q, %v\nwant %s", step, b, err, tt.want)
				}
				if f := faultOf(t, err); f.Started != strings.HasSuffix(tt.want, began) || f.Addr != "engine:8080" {
					t.Errorf("step %d: %+v", step, f)
				}
				x.Done()
				if e.closed != 1 {
					t.Errorf("step %d: the connection is kept", step)
				}
			}
		})
	}
}

// TestOldVersionIsASentinel: callers tell an engine that speaks HTTP/1.0 from one that speaks nonsense.
func TestOldVersionIsASentinel(t *testing.T) {
	for raw, old := range map[string]bool{
		"HTTP/1.0 200 OK\r\n\r\n":     true,
		"HTTP/1.0 \r\n\r\n":           true,
		"HTTP/1.01 200 OK\r\n\r\n":    false,
		"HTTP/1.2 200 OK\r\n\r\n":     false,
		"SSH-2.0-OpenSSH_9.9\r\n\r\n": false,
	} {
		_, _, _, err := answered(t, saying(raw, 0), forward.Config{}, "")
		if errors.Is(err, forward.ErrOldVersion) != old {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// TestNoPrefixIsAnAnswer: an answer that is cut anywhere is never taken for a whole one, and the connection is
// never kept.
func TestNoPrefixIsAnAnswer(t *testing.T) {
	for _, raw := range []string{
		empty,
		good + "Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nabcde",
		chunked("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
		"HTTP/1.1 100 X\r\n\r\n" + good + "Content-Length: 1\r\n\r\nx",
	} {
		interim := strings.Index(raw, good)
		for n := range len(raw) {
			e := saying(raw[:n], 0)
			_, b, x, err := answered(t, e, forward.Config{}, "")
			f := faultOf(t, err)
			want := forward.ReasonReplyCut
			if n == 0 || n == interim {
				want = forward.ReasonSilent
			}
			if f.Reason != want || f.Started == (want == forward.ReasonSilent) || !errors.Is(f, io.ErrUnexpectedEOF) {
				t.Errorf("%q: %v, want %s", raw[:n], f, want)
			}
			if !strings.HasPrefix("abcdex", string(b)) && string(b) != "x" {
				t.Errorf("%q: body %q", raw[:n], b)
			}
			if x.Done(); e.closed != 1 {
				t.Errorf("%q: the connection is kept", raw[:n])
			}
		}
	}
}

// TestBodyInPieces: Read gives every byte once, whatever the sizes of the pieces and of what is read into.
func TestBodyInPieces(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 4<<10) // 64 KiB: more than the buffer of the connection
	var chunks strings.Builder
	for i := 0; i < len(body); i += 4096 {
		fmt.Fprintf(&chunks, "1000\r\n%s\r\n", body[i:i+4096])
	}
	for _, tt := range []struct{ name, raw string }{
		{"sized", good + "Content-Length: 65536\r\n\r\n" + body},
		{"chunked", chunked(chunks.String() + "0\r\n\r\n")},
		{"until it closes", good + "\r\n" + body},
	} {
		for _, step := range []int{0, 1000, 16 << 10} {
			for _, size := range []int{1, 7, 4096, 8 << 10, 100 << 10} {
				t.Run(fmt.Sprintf("%s in pieces of %d into %d", tt.name, step, size), func(t *testing.T) {
					x := opened(t, to(forward.Config{}, saying(tt.raw, step)))
					if err := x.Send(post(0), nil); err != nil {
						t.Fatal(err)
					}
					r, err := x.Reply(context.Background())
					if err != nil {
						t.Fatal(err)
					}
					if n, err := r.Read(nil); n != 0 || err != nil {
						t.Errorf("into nothing: %d, %v", n, err)
					}
					var got bytes.Buffer
					if _, err := io.CopyBuffer(&got, struct{ io.Reader }{r}, make([]byte, size)); err != nil || got.String() != body {
						t.Errorf("%d bytes, %v", got.Len(), err)
					}
					if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
						t.Errorf("behind the end: %d, %v", n, err)
					}
				})
			}
		}
	}
}

// TestLimitIsExact: a body of the limit passes, one byte more is refused whole, and the fault stays.
func TestLimitIsExact(t *testing.T) {
	for _, tt := range []struct {
		name string
		raw  func(n int) string
	}{
		{"sized", func(n int) string {
			return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", good, n, strings.Repeat("x", n))
		}},
		{"chunked", func(n int) string { return chunked(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", n))) }},
		{"until it closes", func(n int) string { return good + "\r\n" + strings.Repeat("x", n) }},
	} {
		for _, limit := range []int{1, 50, 20 << 10} {
			t.Run(fmt.Sprintf("%s, %d", tt.name, limit), func(t *testing.T) {
				cfg := forward.Config{MaxReply: int64(limit)}
				if _, b, _, err := answered(t, saying(tt.raw(limit), 0), cfg, ""); err != nil || len(b) != limit {
					t.Errorf("%d bytes, %v", len(b), err)
				}
				x := opened(t, to(cfg, saying(tt.raw(limit+1), 0)))
				if err := x.Send(post(0), nil); err != nil {
					t.Fatal(err)
				}
				r, err := x.Reply(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(r)
				if f := faultOf(t, err); f.Reason != forward.ReasonReplyLarge || len(b) > limit {
					t.Errorf("%d bytes, %v", len(b), f)
				}
				if n, again := r.Read(make([]byte, 10)); n != 0 || again != err {
					t.Errorf("behind the fault: %d, %v", n, again)
				}
			})
		}
	}
}

// TestHeadLimitIsExact: a head of the limit passes, one of a byte more does not, whatever is configured.
func TestHeadLimitIsExact(t *testing.T) {
	of := func(n int) string {
		head := good + "Content-Length: 0\r\nX: \r\n\r\n"
		return good + "Content-Length: 0\r\nX: " + strings.Repeat("y", n-len(head)) + "\r\n\r\n"
	}
	for _, tt := range []struct {
		name            string
		configured, max int
	}{
		{"by default", 0, 12 << 10}, {"less", 200, 200}, {"the most", 12 << 10, 12 << 10}, {"more than may be", 1 << 20, 12 << 10},
	} {
		for _, step := range []int{0, 50} {
			cfg := forward.Config{MaxReplyHead: tt.configured}
			if _, _, _, err := answered(t, saying(of(tt.max), step), cfg, ""); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			_, _, _, err := answered(t, saying(of(tt.max+1), step), cfg, "")
			if err == nil || !strings.Contains(err.Error(), "head is too long") {
				t.Errorf("%s: one byte more: %v", tt.name, err)
			}
		}
	}
}

// TestFieldsOfAnAnswer: a field is found by its name in any case, the first of it, without blanks.
func TestFieldsOfAnAnswer(t *testing.T) {
	raw := good + "X-Stagelock-Reference: \t r1 \r\nX-Empty:\r\nSet-Cookie: first\r\nSet-Cookie: second\r\n" +
		"X-Colon: a:b: c\r\nContent-Length: 40000\r\n\r\n" + strings.Repeat("X-Body: no\r\n", 40000/12+1)[:40000]
	r, b, x, err := answered(t, saying(raw, 0), forward.Config{}, "")
	if err != nil || len(b) != 40000 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	for name, want := range map[string]string{
		"X-Stagelock-Reference": "r1", "x-stagelock-reference": "r1", "X-EMPTY": "", "Set-Cookie": "first", "X-Colon": "a:b: c",
		"Content-Length": "40000", "X-Body": "", "HTTP/1.1 200 OK": "", "X-Absent": "", "": "",
	} {
		if got := r.Field(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	x.Done()
	if got := r.Field("Set-Cookie"); got != "" {
		t.Errorf("behind the end: %q", got)
	}
}

// TestWhoEndedTheAnswer: a read that fails is the engine's fault before and in an answer, and the caller's if
// his context ended, with its cause.
func TestWhoEndedTheAnswer(t *testing.T) {
	reset := errors.New("connection reset by peer")
	cause := errors.New("the node is draining")
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	for _, tt := range []struct {
		name string
		raw  string
		end  error
		ctx  context.Context
		want string
	}{
		{"reset at once", "", reset, nil, "upstream.silent: engine:8080: connection reset by peer"},
		{"reset in the head", "HTTP/1.1", reset, nil, "upstream.cut: engine:8080: connection reset by peer (an answer had begun)"},
		{"reset in the body", good + "Content-Length: 9\r\n\r\nx", reset, nil,
			"upstream.cut: engine:8080: connection reset by peer (an answer had begun)"},
		{"reset before it closes", good + "\r\nx", reset, nil, "upstream.cut: engine:8080: connection reset by peer (an answer had begun)"},
		{"a deadline", "", os.ErrDeadlineExceeded, nil, "upstream.silent: engine:8080: i/o timeout"},
		{"the caller went away", empty, nil, ended, "upstream.cancelled: engine:8080: the node is draining"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := saying(tt.raw, 0)
			e.end = tt.end
			x := opened(t, to(forward.Config{}, e))
			if err := x.Send(post(0), nil); err != nil {
				t.Fatal(err)
			}
			ctx := tt.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			r, err := x.Reply(ctx)
			if err == nil {
				_, err = r.AppendTo(nil)
			}
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if tt.ctx != nil && !errors.Is(err, cause) {
				t.Errorf("the cause is lost: %v", err)
			}
			if x.Done(); e.closed != 1 {
				t.Error("the connection is kept")
			}
		})
	}
}

// TestReplyIsCutWithItsExchange: a body that nobody reads to its end costs the connection.
func TestReplyIsCutWithItsExchange(t *testing.T) {
	for _, tt := range []struct {
		name string
		read int
		kept bool
	}{{"nothing is read", 0, false}, {"a part is read", 4, false}, {"all is read", 5, true}} {
		e := saying(good+"Content-Length: 5\r\n\r\nabcde", 0)
		x := opened(t, to(forward.Config{}, e))
		if err := x.Send(post(0), nil); err != nil {
			t.Fatal(err)
		}
		r, err := x.Reply(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, make([]byte, tt.read)); err != nil {
			t.Fatal(err)
		}
		if x.Done(); (e.closed == 0) != tt.kept {
			t.Errorf("%s: closed %d times", tt.name, e.closed)
		}
	}
}

// FuzzAnswer holds: an answer has one meaning, whatever pieces it comes in; no body is longer than its limit.
func FuzzAnswer(f *testing.F) {
	for _, raw := range []string{
		empty, good + "\r\nabc", chunked("3\r\nabc\r\n0\r\n\r\n"), "HTTP/1.1 100 X\r\n\r\n" + empty, chunked("ffffffff\r\n"),
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		said := func(step int) string {
			r, b, _, err := answered(t, saying(string(raw), step), forward.Config{MaxReply: 1000}, "")
			if len(b) > 1000 {
				t.Fatalf("%d bytes", len(b))
			}
			if err != nil {
				return faultOf(t, err).Reason
			}
			return fmt.Sprintf("%d %q %q", r.Status, r.ContentType, b)
		}
		if whole, bytewise := said(0), said(1); whole != bytewise {
			t.Errorf("%q: whole %s, by bytes %s", raw, whole, bytewise)
		}
	})
}
