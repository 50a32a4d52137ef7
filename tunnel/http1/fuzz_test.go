package http1_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/blind"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

// canonical writes an accepted request in the one form that this package would choose.
func canonical(r *http1.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Target, r.Host)
	if r.Method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", r.ContentLength)
	}
	for _, f := range []struct {
		name, value string
		stands      bool
	}{
		{"Content-Type", r.ContentType, r.ContentType != ""},
		{"Authorization", r.Authorization, r.HasAuthorization},
		{"User-Agent", r.UserAgent, r.UserAgent != ""},
		{"Connection", "close", !r.KeepAlive},
		{"Expect", "100-continue", r.ExpectContinue},
	} {
		if f.stands {
			fmt.Fprintf(&b, "%s: %s\r\n", f.name, f.value)
		}
	}
	for _, v := range r.ForwardedFor {
		fmt.Fprintf(&b, "X-Forwarded-For: %s\r\n", v)
	}
	return b.String() + "\r\n"
}

// public returns what a caller sees of a request.
func public(r *http1.Request) []any {
	var all []any
	v := reflect.ValueOf(*r)
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			all = append(all, fmt.Sprintf("%q", fmt.Sprint(v.Field(i).Interface())))
		}
	}
	return all
}

func requestSeeds(f blind.Seeds) {
	for _, m := range oddMessages {
		if len(m.raw) < 2000 {
			f.Add([]byte(m.raw))
		}
	}
	f.Add([]byte(call("body")))
	f.Add([]byte("HEAD /health HTTP/1.1\r\nHost: live.example.com\r\nX-Forwarded-For: \t::1 \r\n\r\n"))
}

// readsRequest holds that an accepted head, written canonically, is read as the same request; that
// the delivery in pieces changes nothing; and that no byte behind the head is taken from the body.
func readsRequest(t testing.TB, raw []byte) {
	s := &script{in: bytes.Clone(raw)}
	c := http1.NewConn(s, profile())
	r, err := c.Next(context.Background())
	for _, step := range []int{1, 3} {
		slow := http1.NewConn(&script{in: bytes.Clone(raw), step: step}, profile())
		again, err2 := slow.Next(context.Background())
		if fmt.Sprint(err) != fmt.Sprint(err2) && !bothRefused(err, err2) {
			t.Fatalf("%q: %v, but in steps of %d: %v", raw, err, step, err2)
		}
		if err == nil && fmt.Sprint(public(r)) != fmt.Sprint(public(again)) {
			t.Fatalf("%q: %+v and %+v", raw, r, again)
		}
	}
	if err != nil {
		return
	}
	end := bytes.Index(raw, []byte("\r\n\r\n")) + 4
	checkBody(t, c, raw[end:])
	text := canonical(r)
	again, err := http1.NewConn(&script{in: []byte(text)}, profile()).Next(context.Background())
	if err != nil || fmt.Sprint(public(r)) != fmt.Sprint(public(again)) {
		t.Fatalf("%q written as %q: %+v and %+v, %v", raw, text, r, again, err)
	}
}

func FuzzRequest(f *testing.F) {
	requestSeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) { readsRequest(t, raw) })
}

// bothRefused tells whether both are refusals; which one may depend on how much was read at once.
func bothRefused(a, b error) bool {
	var ea, eb *http1.Error
	return errors.As(a, &ea) && errors.As(b, &eb)
}

// checkBody reads up to 1 MiB of body and expects the bytes behind the head.
func checkBody(t testing.TB, c *http1.Conn, rest []byte) {
	t.Helper()
	want := rest[:min(int64(len(rest)), c.Remaining())]
	whole := int64(len(want)) == c.Remaining()
	var got bytes.Buffer
	_, err := got.ReadFrom(c)
	if !bytes.Equal(got.Bytes(), want) || whole != (err == nil) {
		t.Fatalf("body %q, %v, want %q", got.Bytes(), err, want)
	}
}

func replySeeds(f blind.Seeds) {
	for _, s := range []string{
		okReply, emptyReply, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nbody",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nx\r\n0\r\n\r\n",
		"HTTP/1.1 500 \r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 204 No Content\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
}

// readsReply holds that delivery in pieces changes nothing, that no reply is longer than the limit,
// and that a refused reply never leaves a connection that is used again.
func readsReply(t testing.TB, raw []byte) {
	cfg := forward.Config{MaxReply: 1000}
	r, b, x, err := replied(string(raw), 0, cfg, "")
	_, b2, x2, err2 := replied(string(raw), 1, cfg, "")
	if (err == nil) != (err2 == nil) || err == nil && !bytes.Equal(b, b2) {
		t.Fatalf("%q: %q, %v, but byte by byte: %q, %v", raw, b, err, b2, err2)
	}
	if len(b) > 1000 {
		t.Fatalf("%q: %d bytes", raw, len(b))
	}
	if err == nil && (r.Status < 200 || r.Status > 599 || !bytes.Contains(raw, []byte("\r\n\r\n"))) {
		t.Fatalf("%q: accepted as %+v", raw, r)
	}
	x.Done()
	x2.Done()
}

func FuzzReply(f *testing.F) {
	replySeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) { readsReply(t, raw) })
}

func TestBlind(t *testing.T) {
	blind.Run(t, "FuzzRequest", requestSeeds, func(t testing.TB, in *blind.Input) { readsRequest(t, in.Bytes(0)) })
	blind.Run(t, "FuzzReply", replySeeds, func(t testing.TB, in *blind.Input) { readsReply(t, in.Bytes(0)) })
}
