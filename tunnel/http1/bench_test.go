package http1_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// repeat is a connection that brings the same request again and again, one a read.
type repeat struct {
	script
	raw []byte
}

func (r *repeat) Read(p []byte) (int, error)  { return copy(p, r.raw), nil }
func (r *repeat) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkHead(b *testing.B) {
	c := http1.NewConn(&repeat{raw: []byte(call(""))}, profile())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Next(context.Background()); err != nil {
			b.Fatal(err)
		}
		c.Forget()
	}
}

const okReply = "HTTP/1.1 200 \r\nContent-Type: application/x-java-serialized-object\r\nContent-Length: 7\r\n" +
	"Date: Mon, 01 Jan 2024 00:00:00 GMT\r\nKeep-Alive: timeout=20\r\nConnection: keep-alive\r\n\r\nanswer!"

// quickEngine answers as soon as a read ends a body of n bytes; it costs next to nothing.
func quickEngine(b testing.TB, n int) *sink {
	return newSink(b, func(c net.Conn, _ *recording) {
		buf, answer := make([]byte, 256<<10), []byte(okReply)
		want := 0
		for {
			k, err := c.Read(buf)
			if err != nil {
				return
			}
			if want == 0 {
				want = bytes.Index(buf[:k], []byte("\r\n\r\n")) + 4 + n
			}
			if want -= k; want == 0 {
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}
	})
}

// front is a relay in front of an engine, on plain TCP or TLS; it returns a connected client.
func front(b *testing.B, engine *sink, secure bool) net.Conn {
	b.Helper()
	up := forward.New(forward.Config{Addr: engine.Addr().String()})
	client, server := loopback(b)
	done := make(chan struct{})
	if secure {
		sc, cc := tlsConfigs(b)
		server, client = tls.Server(wire.Wrap(server), sc), tls.Client(client, cc)
	}
	ctx, cancel := context.WithCancel(b.Context())
	go func() {
		defer close(done)
		_ = relay(ctx, server, profile(), up)
	}()
	b.Cleanup(func() {
		_ = client.Close()
		cancel()
		<-done
		_ = up.Close()
	})
	return client
}

func benchCalls(b *testing.B, secure bool) {
	body := strings.Repeat("x", 350)
	client := front(b, quickEngine(b, len(body)), secure)
	raw, buf := []byte(call(body)), make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(raw); err != nil {
			b.Fatal(err)
		}
		if _, err := client.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallCall(b *testing.B)    { benchCalls(b, false) }
func BenchmarkSmallCallTLS(b *testing.B) { benchCalls(b, true) }

func benchParts(b *testing.B, secure bool) {
	const size = 10 << 20
	client := front(b, quickEngine(b, size), secure)
	raw, buf := []byte(call(strings.Repeat("x", size))), make([]byte, 1024)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(raw); err != nil {
			b.Fatal(err)
		}
		if _, err := client.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPart(b *testing.B)    { benchParts(b, false) }
func BenchmarkPartTLS(b *testing.B) { benchParts(b, true) }

// BenchmarkDirect is the same calls to the engine without the relay, to compare.
func BenchmarkDirect(b *testing.B) {
	body := strings.Repeat("x", 350)
	engine := quickEngine(b, len(body))
	client, err := net.Dial("tcp", engine.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	raw, buf := []byte(call(body)), make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(raw); err != nil {
			b.Fatal(err)
		}
		if _, err := client.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChunkedReply(b *testing.B) {
	const size = 1 << 20
	chunk := "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n"
	reply := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat(chunk, size>>16) + "0\r\n\r\n"
	engine := newSink(b, answering(reply))
	up := forward.New(forward.Config{Addr: engine.Addr().String()})
	defer up.Close()
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		x, err := up.Open(b.Context(), false)
		if err != nil {
			b.Fatal(err)
		}
		if err := x.Send(forward.RequestHead{Target: "/", Host: "engine"}, nil); err != nil {
			b.Fatal(err)
		}
		r, err := x.Reply(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != size {
			b.Fatal(n, err)
		}
		x.Done()
	}
}
