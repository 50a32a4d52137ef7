package http1_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

// encodings are spellings of a Transfer-Encoding line that some server somewhere takes for one.
var encodings = []string{
	"Transfer-Encoding: chunked", "transfer-encoding: chunked", "TRANSFER-ENCODING: CHUNKED", "Transfer-Encoding:chunked",
	"Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", " Transfer-Encoding: chunked", "\tTransfer-Encoding: chunked",
	"Transfer-Encoding:\tchunked", "Transfer-Encoding:\vchunked", "Transfer-Encoding:\fchunked", "Transfer-Encoding: chunked\t",
	"Transfer-Encoding: \x00chunked", "Transfer-Encoding: chunked\x00", "Transfer-Encoding: chunked\r", "Transfer-Encoding: chunk",
	"Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity, chunked", "Transfer-Encoding: x\r\n chunked",
	"Transfer-Encoding:\r\n chunked", "Transfer-Encoding:\n chunked", "Transfer_Encoding: chunked", "Transfer Encoding: chunked",
	"Transfer-Encoding\x00: chunked", "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked",
	"X: y\r\n\tTransfer-Encoding: chunked", "Transfer-Encoding: 'chunked'", "Transfer-Encoding: \"chunked\"",
	"Transfer-Encoding: chunked;q=1", "Transfer-Encoding:  chunked", "Transfer-Encoding: \xa0chunked", "Transfer-Encoding\xa0: chunked",
	"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
	"\x85Transfer-Encoding: chunked", "Transfer\x2dEncoding\x0b: chunked", "Transfer-encoding: \u2028chunked", "Transfer-Encoding:: chunked",
	"X-Transfer-Encoding: chunked", "Transfer-Encodings: chunked", // harmless: no server takes them for one
}

// lengths are spellings of the Content-Length line; %d is the number.
var lengths = []string{
	"Content-Length: %d", "content-length:%d", "Content-Length: %d\r\nContent-Length: %d", "Content-Length: 0%d",
	"Content-Length: +%d", "Content-Length: %d,%d", "Content-Length : %d", "Content-Length:\r\n %d", "Content_Length: %d",
	"Content-Length: %d\x00", "Content-Length: \v%d", "Content-Length: %d\r\ncontent-length: 0", "Content-Length: 0x%d", "",
}

// mutation is a message in two spellings at once, and what is hidden behind it.
type mutation struct{ name, raw string }

func mutations() []mutation {
	var list []mutation
	for _, te := range encodings {
		for _, cl := range lengths {
			for _, teFirst := range []bool{true, false} {
				for _, body := range []string{"0\r\n\r\n" + pipelined, "3\r\nabc\r\n0\r\n\r\n"} {
					a, b := te, strings.ReplaceAll(cl, "%d", "5")
					if !teFirst {
						a, b = b, a
					}
					head := line + host
					for _, f := range []string{a, b} {
						if f != "" {
							head += f + "\r\n"
						}
					}
					list = append(list, mutation{strconv.Quote(a + "|" + b), head + "\r\n" + body})
				}
			}
		}
	}
	return list
}

// lenientView reads a head as the most tolerant of servers does: any line end, any bytes around a
// name, folds joined, underscores for dashes. It returns every length and every encoding that it
// can find.
func lenientView(raw string) (lengths, encodings []string) {
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	head = strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "", "\r", "\n", "_", "-").Replace(head)
	for l := range strings.SplitSeq(head, "\n") {
		name, value, _ := strings.Cut(l, ":")
		clean := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r == '-' {
				return r
			}
			return -1
		}, strings.ToLower(name))
		switch clean {
		case "content-length":
			lengths = append(lengths, strings.TrimSpace(value))
		case "transfer-encoding", "transferencoding":
			encodings = append(encodings, value)
		}
	}
	return lengths, encodings
}

// TestSmuggling sends every mutation through a relay to a raw engine. Whatever is taken for a
// request must be one for the most lenient reader as well, and nothing else may reach the engine,
// at any position of a connection.
func TestSmuggling(t *testing.T) {
	list := mutations()
	if len(list) < 500 {
		t.Fatalf("only %d mutations", len(list))
	}
	engine := newSink(t, answering("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"))
	up := forward.New(forward.Config{Addr: engine.Addr().String()})
	defer up.Close()
	accepted, refused, smuggled := 0, 0, 0
	for _, m := range list {
		for _, before := range []int{0, 1} {
			if smuggle(t, engine, up, m, before) {
				accepted++
			} else {
				refused++
			}
			if t.Failed() {
				smuggled++
			}
		}
	}
	t.Logf("%d refused, %d were plain requests", refused, accepted)
	t.Logf("prove: %d messages with bent heads, chunks and positions, %d smuggled", accepted+refused, smuggled)
	if refused < 1000 || accepted < 10 {
		t.Errorf("%d refused, %d accepted", refused, accepted)
	}
}

// smuggle tells whether the mutation was taken for a request, after it has checked what reached the
// engine.
func smuggle(t *testing.T, engine *sink, up *forward.Upstream, m mutation, before int) bool {
	t.Helper()
	seen := engine.size()
	s := &script{in: []byte(strings.Repeat(call("good"), before) + m.raw)}
	err := relay(context.Background(), s, profile(), up)
	got := received(engine, seen)
	posts := bytes.Count(got, []byte("POST "))
	var e *http1.Error
	if errors.As(err, &e) && posts == before {
		if e.Status != 400 && e.Status != 411 {
			t.Errorf("%s: %v", m.name, err)
		}
		return false
	}
	cl, te := lenientView(m.raw)
	want := before + strings.Count(m.raw, "POST ")
	if len(te) != 0 || len(cl) != 1 || cl[0] != "5" || posts != want && strings.HasSuffix(m.raw, pipelined) {
		t.Errorf("%s: %d requests reached the engine, lengths %q, encodings %q", m.name, posts-before, cl, te)
	}
	return true
}

// received returns the bytes that reached the engine, without the first ones on each connection.
func received(s *sink, from int) []byte {
	var all []byte
	for _, r := range s.recordings() {
		all = append(all, r.tail(from)...)
	}
	return all
}

// TestNothingUpstreamForOddMessages holds the table against a raw engine.
func TestNothingUpstreamForOddMessages(t *testing.T) {
	engine := newSink(t, func(c net.Conn, r *recording) {
		buf := make([]byte, 1024)
		for {
			n, err := c.Read(buf)
			r.add(buf[:n])
			if err != nil {
				return
			}
		}
	})
	up := forward.New(forward.Config{Addr: engine.Addr().String()})
	for _, m := range oddMessages {
		if err := relay(context.Background(), &script{in: []byte(m.raw + pipelined)}, profile(), up); err == nil {
			t.Errorf("%s: no refusal", m.name)
		}
	}
	_ = up.Close()
	if got := received(engine, 0); len(got) > 0 || len(engine.recordings()) > 0 {
		t.Errorf("%d bytes on %d connections reached the engine: %q", len(got), len(engine.recordings()), got)
	}
}
