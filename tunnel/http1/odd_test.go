package http1_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1"
)

// odd is a message that a general server repairs, forwards, or refuses late.
type odd struct {
	name   string
	raw    string
	status int
	reason string
}

const (
	line = "POST " + target + " HTTP/1.1\r\n"
	host = "Host: live.example.com\r\n"
	cl3  = "Content-Length: 3\r\n"
	te   = "Transfer-Encoding: chunked\r\n"
	// pipelined is what an attacker hides behind a message.
	pipelined = "POST " + target + " HTTP/1.1\r\nHost: live.example.com\r\nContent-Length: 6\r\n\r\nhidden"
)

func chunked(body string) string { return line + host + te + "\r\n" + body }
func length(v string) string     { return line + host + "Content-Length:" + v + "\r\n\r\nabc" }
func encoding(v string) string {
	return line + host + "Transfer-Encoding:" + v + "\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
}
func with(field string) string { return line + host + field + cl3 + "\r\nabc" }
func first(l string) string    { return l + "\r\n" + host + cl3 + "\r\nabc" }

// oddMessages are the messages that were sent to a general server and its proxy, and what this
// package says to each.
var oddMessages = []odd{
	// A general proxy passed these on as complete messages.
	{"length and encoding", line + host + cl3 + te + "\r\n0\r\n\r\n", 400, http1.ReasonEncoding},
	{"encoding and length", line + host + te + cl3 + "\r\n0\r\n\r\n", 400, http1.ReasonEncoding},
	{"equal lengths", with(cl3), 400, http1.ReasonLength},
	{"folded encoding", line + host + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, http1.ReasonHeader},
	{"folded field", with("X-A: b\r\n c\r\n"), 400, http1.ReasonHeader},
	{"underscore in encoding", with("Transfer_Encoding: chunked\r\n"), 400, http1.ReasonHeader},
	{"chunk extension", chunked("3;a=b\r\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"blank after chunk size", chunked("3  \r\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"trailer", chunked("3\r\nabc\r\n0\r\nX-A: b\r\n\r\n"), 411, http1.ReasonChunked},
	{"length in trailer", chunked("3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"), 411, http1.ReasonChunked},
	{"bare line feeds", strings.ReplaceAll(with(""), "\r\n", "\n"), 400, http1.ReasonHeader},
	{"empty host", line + "Host:\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"absolute form", first("POST http://other.example.com" + target + " HTTP/1.1"), 400, http1.ReasonRequestLine},
	{"1.0 and encoding", "POST " + target + " HTTP/1.0\r\n" + host + te + "\r\n0\r\n\r\n", 400, http1.ReasonRequestLine},
	{"version 1.2", first("POST " + target + " HTTP/1.2"), 400, http1.ReasonRequestLine},
	{"connection list", with("Connection: close, Authorization, X-Forwarded-For\r\n"), 400, http1.ReasonHop},
	{"upgrade h2c", with("Upgrade: h2c\r\n"), 400, http1.ReasonHop},
	{"upgrade websocket", with("Upgrade: websocket\r\n"), 400, http1.ReasonHop},
	{"get with body", "GET " + target + " HTTP/1.1\r\n" + host + cl3 + "\r\nabc", 400, http1.ReasonLength},
	{"connect", "CONNECT live.example.com:443 HTTP/1.1\r\n" + host + "\r\n", 405, http1.ReasonMethod},
	{"trace", "TRACE " + target + " HTTP/1.1\r\n" + host + "\r\n", 405, http1.ReasonMethod},
	// Of these it passed the head on, and failed then.
	{"chunk extension with line feed", chunked("3;a\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"chunk size with line feed", chunked("3\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"bad chunk end", chunked("3\r\nabcXX0\r\n\r\n"), 411, http1.ReasonChunked},
	{"line feed as chunk end", chunked("3\r\nabc\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"chunk size 0x3", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"chunk size +3", chunked("+3\r\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"chunk size -1", chunked("-1\r\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"blank before chunk size", chunked(" 3\r\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"chunk size overflows", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"empty chunk size", chunked("\r\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"chunk size of 24 zeros", chunked("0000000000000000000000003\r\nabc\r\n0\r\n\r\n"), 411, http1.ReasonChunked},
	{"no last chunk", chunked("3\r\nabc\r\n"), 411, http1.ReasonChunked},
	{"short body", line + host + "Content-Length: 5000000\r\n\r\nabc", 400, http1.ReasonCut},
	{"field after line feed", with("X-A: b\nContent-Length: 9\r\n"), 400, http1.ReasonHeader},
	// These it refused.
	{"different lengths", with("Content-Length: 4\r\n"), 400, http1.ReasonLength},
	{"list of equal lengths", length(" 3, 3"), 400, http1.ReasonLength},
	{"list of lengths", length(" 3, 4"), 400, http1.ReasonLength},
	{"length +3", length(" +3"), 400, http1.ReasonLength},
	{"length -3", length(" -3"), 400, http1.ReasonLength},
	{"length 0x3", length(" 0x3"), 400, http1.ReasonLength},
	{"length 1_0", length(" 1_0"), 400, http1.ReasonLength},
	{"empty length", length(""), 400, http1.ReasonLength},
	{"blank in length", length(" 1 0"), 400, http1.ReasonLength},
	{"length 2^64", length(" 18446744073709551616"), 400, http1.ReasonLength},
	{"length of 19 nines", length(" 9999999999999999999"), 400, http1.ReasonLength},
	{"vertical tab in length", length(" \v3"), 400, http1.ReasonHeader},
	{"leading zero in length", length(" 03"), 400, http1.ReasonLength},
	{"blank before colon", with("X-A : b\r\n"), 400, http1.ReasonHeader},
	{"tab before colon", with("X-A\t: b\r\n"), 400, http1.ReasonHeader},
	{"blank before first field", line + " " + host + cl3 + "\r\nabc", 400, http1.ReasonHeader},
	{"field without name", with(": b\r\n"), 400, http1.ReasonHeader},
	{"line without colon", with("nonsense\r\n"), 400, http1.ReasonHeader},
	{"encoding identity", encoding(" identity"), 400, http1.ReasonEncoding},
	{"encoding gzip", encoding(" gzip"), 400, http1.ReasonEncoding},
	{"encoding gzip, chunked", encoding(" gzip, chunked"), 400, http1.ReasonEncoding},
	{"encoding chunked, identity", encoding(" chunked, identity"), 400, http1.ReasonEncoding},
	{"encoding in upper case", encoding(" Chunked"), 400, http1.ReasonEncoding},
	{"encoding xchunked", encoding(" xchunked"), 400, http1.ReasonEncoding},
	{"encoding quoted", encoding(` "chunked"`), 400, http1.ReasonEncoding},
	{"empty encoding", encoding(""), 400, http1.ReasonEncoding},
	{"encoding twice", line + host + te + te + "\r\n0\r\n\r\n", 400, http1.ReasonEncoding},
	{"vertical tab in encoding", encoding("\vchunked"), 400, http1.ReasonHeader},
	{"nul in encoding", encoding(" chunked\x00"), 400, http1.ReasonHeader},
	{"bare carriage return", with("X-A: b\rc\r\n"), 400, http1.ReasonHeader},
	{"nul in value", with("X-A: b\x00c\r\n"), 400, http1.ReasonHeader},
	{"high byte in value", with("X-A: b\xe9\r\n"), 400, http1.ReasonHeader},
	{"delete in value", with("X-A: b\x7f\r\n"), 400, http1.ReasonHeader},
	{"high byte in name", with("X-\xe9: b\r\n"), 400, http1.ReasonHeader},
	{"no host", line + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"two hosts", with(host), 400, http1.ReasonHost},
	{"invalid host", line + "Host: live example com\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"other host", line + "Host: other.example.com\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"host with port 0", line + "Host: live.example.com:0\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"host with port 65536", line + "Host: live.example.com:65536\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"host with port 0443", line + "Host: live.example.com:0443\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"host with two ports", line + "Host: live.example.com:443:443\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"host with an empty port", line + "Host: live.example.com:\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"other host with port", line + "Host: other.example.com:8443\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"host with a dot", line + "Host: live.example.com.\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"host with user", line + "Host: a@live.example.com\r\n" + cl3 + "\r\nabc", 400, http1.ReasonHost},
	{"no version", "POST " + target + "\r\n" + host + cl3 + "\r\nabc", 400, http1.ReasonRequestLine},
	{"version 2.0", first("POST " + target + " HTTP/2.0"), 400, http1.ReasonRequestLine},
	{"preface of 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, http1.ReasonRequestLine},
	{"version in lower case", first("POST " + target + " http/1.1"), 400, http1.ReasonRequestLine},
	{"two blanks", first("POST  " + target + " HTTP/1.1"), 400, http1.ReasonRequestLine},
	{"two blanks before version", first("POST " + target + "  HTTP/1.1"), 400, http1.ReasonRequestLine},
	{"blank after version", first("POST " + target + " HTTP/1.1 "), 400, http1.ReasonRequestLine},
	{"tabs in request line", first("POST\t" + target + "\tHTTP/1.1"), 400, http1.ReasonRequestLine},
	{"high byte in target", first("POST /\xe9 HTTP/1.1"), 400, http1.ReasonRequestLine},
	{"target without slash", first("POST api HTTP/1.1"), 400, http1.ReasonRequestLine},
	{"target star", first("POST * HTTP/1.1"), 400, http1.ReasonRequestLine},
	{"empty line first", "\r\n" + with(""), 400, http1.ReasonRequestLine},
	{"method in lower case", first("post " + target + " HTTP/1.1"), 400, http1.ReasonRequestLine},
	{"hello of TLS", "\x16\x03\x01\x02\x00\x01", 400, http1.ReasonRequestLine},
	{"expect other", with("Expect: 200-ok\r\n"), 400, http1.ReasonExpect},
	{"expect in upper case", with("Expect: 100-Continue\r\n"), 400, http1.ReasonExpect},
	{"te", with("TE: trailers\r\n"), 400, http1.ReasonHop},
	{"trailer field", with("Trailer: X-A\r\n"), 400, http1.ReasonHop},
	{"proxy connection", with("Proxy-Connection: keep-alive\r\n"), 400, http1.ReasonHop},
	{"proxy authorization", with("PROXY-Authorization: Basic eDp5\r\n"), 400, http1.ReasonHop},
	{"settings of 2", with("HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), 400, http1.ReasonHop},
	{"connection upgrade", with("Connection: upgrade\r\n"), 400, http1.ReasonHop},
	{"two connections", with("Connection: close\r\nConnection: close\r\n"), 400, http1.ReasonHop},
	{"two content types", with("Content-Type: a\r\nContent-Type: a\r\n"), 400, http1.ReasonHeader},
	{"two credentials", with("Authorization: Basic YTpi\r\nAuthorization: Basic YTpi\r\n"), 400, http1.ReasonHeader},
	{"no length", line + host + "\r\n", 411, http1.ReasonNoLength},
	{"put", "PUT " + target + " HTTP/1.1\r\n" + host + cl3 + "\r\nabc", 405, http1.ReasonMethod},
	{"options star", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 405, http1.ReasonMethod},
	{"65 fields", with(strings.Repeat("X-A: b\r\n", 63)), 400, http1.ReasonHeader},
	{"head of 9 KiB", with("X-A: " + strings.Repeat("b", 9<<10) + "\r\n"), 400, http1.ReasonHeader},
	{"endless line", "POST /" + strings.Repeat("a", 20<<10), 400, http1.ReasonHeader},
	{"head cut", line + host, 400, http1.ReasonCut},
	{"too large", line + host + "Content-Length: 1073741825\r\n\r\nabc", 413, http1.ReasonTooLarge},
}

// readAll reads one request with its body.
func readAll(c *http1.Conn) (*http1.Request, []byte, error) {
	r, err := c.Next(context.Background())
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(c)
	return r, b, err
}

func checkRefusal(t *testing.T, err error, want odd) {
	t.Helper()
	var e *http1.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %d %s", err, want.status, want.reason)
	}
	if e.Status != want.status || e.Reason != want.reason {
		t.Errorf("got %v, want %d %s", err, want.status, want.reason)
	}
	if e.Msg == "" {
		t.Error("refusal says nothing to the client")
	}
}

func TestOddMessages(t *testing.T) {
	if len(oddMessages) < 78 {
		t.Fatalf("only %d messages", len(oddMessages))
	}
	for _, tt := range oddMessages {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{0, 1} {
				s := &script{in: []byte(tt.raw), step: step}
				c := http1.NewConn(s, profile())
				_, _, err := readAll(c)
				checkRefusal(t, err, tt)
				if doubtful := tt.status != 405 && tt.status != 413 && tt.reason != http1.ReasonHost; doubtful &&
					c.Remaining() > 0 && tt.reason != http1.ReasonCut {
					t.Errorf("%d bytes could be drained of a body whose length is in doubt", c.Remaining())
				}
				checkClosed(t, c, s, tt.status)
			}
		})
	}
}

// checkClosed answers and expects that nothing that follows is taken for a request.
func checkClosed(t *testing.T, c *http1.Conn, s *script, status int) {
	t.Helper()
	s.in = append(s.in, pipelined...)
	if err := c.Respond(status, nil, []byte("no"), false); err != nil {
		t.Fatalf("Respond: %v", err)
	}
	answer := s.out.String()
	if !strings.HasPrefix(answer, "HTTP/1.1 "+strconv.Itoa(status)+" ") || !strings.Contains(answer, "\r\nConnection: close\r\n") {
		t.Errorf("answer %q", answer)
	}
	if r, err := c.Next(context.Background()); !errors.Is(err, http1.ErrFinished) {
		t.Errorf("Next after a refusal = %v, %v, want ErrFinished", r, err)
	}
}

func TestOddMessagesAfterGoodOnes(t *testing.T) {
	for _, tt := range oddMessages {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{in: []byte(call("first") + call("second") + tt.raw)}
			c := http1.NewConn(s, profile())
			for _, want := range []string{"first", "second"} {
				_, b, err := readAll(c)
				if err != nil || string(b) != want {
					t.Fatalf("body %q, %v, want %q", b, err, want)
				}
				if err := c.Respond(200, nil, nil, false); err != nil {
					t.Fatal(err)
				}
			}
			_, _, err := readAll(c)
			checkRefusal(t, err, tt)
			s.out.Reset()
			checkClosed(t, c, s, tt.status)
		})
	}
}

func TestGoodMessages(t *testing.T) {
	for _, tt := range []struct{ name, raw, body string }{
		{"as the vendor writes it", call("body"), "body"},
		{"smallest", with(""), "abc"},
		{"empty body", line + host + "Content-Length: 0\r\n\r\n", ""},
		{"host in upper case", line + "HOST: LIVE.example.com\r\n" + cl3 + "\r\nabc", "abc"},
		{"host with the port that a firewall turns into ours", line + "Host: live.example.com:443\r\n" + cl3 + "\r\nabc", "abc"},
		{"host with port", line + "Host: live.example.com:8443\r\n" + cl3 + "\r\nabc", "abc"},
		{"no blank after colon", line + "Host:live.example.com\r\nContent-Length:3\r\n\r\nabc", "abc"},
		{"blanks around value", line + "Host: \t live.example.com \t\r\n" + cl3 + "\r\nabc", "abc"},
		{"tab in value", with("X-A: b\tc\r\n"), "abc"},
		{"64 fields", with(strings.Repeat("X-A: b\r\n", 62)), "abc"},
		{"head of 8 KiB", with("X-A: " + strings.Repeat("b", 8<<10-len(with(""))-4) + "\r\n"), "abc"},
		{"keep-alive in upper case", with("Connection: Keep-Alive\r\n"), "abc"},
		{"name like a refused one", with("Upgrade-Insecure-Requests: 1\r\n"), "abc"},
		{"forwarded for", with("X-Forwarded-For: 10.0.0.1\r\nx-forwarded-for: unknown, [::1]:80\r\n"), "abc"},
		{"health", "GET /health HTTP/1.1\r\n" + host + "\r\n", ""},
		{"health without reading", "HEAD /health HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{0, 1, 7} {
				c := http1.NewConn(&script{in: []byte(tt.raw + pipelined), step: step}, profile())
				if _, b, err := readAll(c); err != nil || string(b) != tt.body {
					t.Fatalf("step %d: body %q, %v, want %q", step, b, err, tt.body)
				}
				if err := c.Respond(200, nil, nil, false); err != nil {
					t.Fatal(err)
				}
				if _, b, err := readAll(c); err != nil || string(b) != "hidden" {
					t.Errorf("step %d: next body %q, %v", step, b, err)
				}
			}
		})
	}
}

func TestRequestFields(t *testing.T) {
	raw := "POST /a?b=%41;c HTTP/1.1\r\nHOST: Live.Example.com\r\ncontent-TYPE: x/y\r\nauthorization: Basic YTpi\r\n" +
		"X-Forwarded-For: 10.0.0.1\r\nUser-Agent: Java/17\r\nX-FORWARDED-FOR: 10.0.0.2, 10.0.0.3\r\nConnection: close\r\n" +
		"Content-Length: 9223372036854775807\r\n\r\n"
	p := profile()
	p.MaxContent = 1<<63 - 1
	r, err := http1.NewConn(&script{in: []byte(raw)}, p).Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != "POST" || r.Target != "/a?b=%41;c" || r.Host != "Live.Example.com" || r.ContentType != "x/y" ||
		r.Authorization != "Basic YTpi" || !r.HasAuthorization || r.KeepAlive || r.ExpectContinue || r.UserAgent != "Java/17" ||
		r.ContentLength != 1<<63-1 || strings.Join(r.ForwardedFor, "|") != "10.0.0.1|10.0.0.2, 10.0.0.3" {
		t.Errorf("request %+v", r)
	}
}

func TestZeroProfileAdmitsNothing(t *testing.T) {
	for name, p := range map[string]*http1.Profile{
		"no host":    {MaxContent: 100},
		"empty host": {MaxContent: 100, Hosts: []string{""}},
		"no content": {Hosts: []string{"live.example.com"}},
	} {
		raw := with("")
		if name == "empty host" {
			raw = line + "Host:\r\n" + cl3 + "\r\nabc"
		}
		if _, err := http1.NewConn(&script{in: []byte(raw)}, p).Next(context.Background()); err == nil {
			t.Errorf("%s: request admitted", name)
		}
	}
}
