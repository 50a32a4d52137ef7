package http1_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

const emptyReply = "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"

func head(n int64) forward.RequestHead {
	return forward.RequestHead{Target: target, Host: "engine", ContentType: "x/y", Authorization: "Basic YTpi", ContentLength: n}
}

func open(t testing.TB, up *forward.Upstream) *forward.Exchange {
	t.Helper()
	x, err := up.Open(context.Background(), false)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// whole does one exchange and returns the reply's body and whether the connection was a kept one.
func whole(t testing.TB, up *forward.Upstream, body string) (string, bool) {
	t.Helper()
	x := open(t, up)
	defer x.Done()
	reused := x.Reused()
	if err := x.Send(head(int64(len(body))), []byte(body)); err != nil {
		t.Fatal(err)
	}
	r, err := x.Reply(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), reused
}

func upstream(t testing.TB, cfg forward.Config, engine *sink) *forward.Upstream {
	t.Helper()
	cfg.Addr = engine.Addr().String()
	up := forward.New(cfg)
	t.Cleanup(func() { _ = up.Close() })
	return up
}

func TestExchange(t *testing.T) {
	engine := newSink(t, answering(okReply))
	up := upstream(t, forward.Config{}, engine)
	for i := range 3 {
		if got, reused := whole(t, up, "body"); got != "answer!" || reused != (i > 0) {
			t.Errorf("exchange %d: %q, reused %v", i, got, reused)
		}
	}
	want := strings.Repeat("POST "+target+" HTTP/1.1\r\nHost: engine\r\nContent-Type: x/y\r\nAuthorization: Basic YTpi\r\n"+
		"Content-Length: 4\r\n\r\nbody", 3)
	if got := string(received(engine, 0)); got != want || len(engine.recordings()) != 1 {
		t.Errorf("engine got %q on %d connections", got, len(engine.recordings()))
	}
	x, err := up.Open(t.Context(), true)
	if err != nil || x.Reused() {
		t.Errorf("a fresh connection was reused, %v", err)
	}
	x.Done()
}

// writes counts the writes on a connection.
type writes struct {
	net.Conn

	sizes *[]int
}

func (w writes) Write(p []byte) (int, error) {
	*w.sizes = append(*w.sizes, len(p))
	return w.Conn.Write(p)
}

// NetConn lets the package see the socket below.
func (w writes) NetConn() net.Conn { return w.Conn }

// TestWrites holds that small calls leave in one write and big bodies in writes of 256 KiB.
func TestWrites(t *testing.T) {
	var sizes []int
	engine := newSink(t, answering(emptyReply))
	up := upstream(t, forward.Config{Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, n, a)
		return writes{c, &sizes}, err
	}}, engine)
	const over = len("POST /api/liferay/do HTTP/1.1\r\nHost: engine\r\nContent-Type: x/y\r\nAuthorization: Basic YTpi\r\nContent-Length: \r\n\r\n")
	for _, tt := range []struct {
		name  string
		first int
		rest  int
		want  []int
	}{
		{"small", 700, 0, []int{over + 3 + 700}},
		{"no body", 0, 0, []int{over + 1}},
		{"held", 100_000, 0, []int{over + 6 + 100_000}},
		{"held and large", 300_000, 0, []int{256 << 10, 300_000 - 256<<10 + over + 6}},
		{"part", 500, 600_000, []int{over + 6 + 500, 256 << 10, 256 << 10, 600_000 - 512<<10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sizes = nil
			x := open(t, up)
			defer x.Done()
			if err := x.Send(head(int64(tt.first+tt.rest)), make([]byte, tt.first)); err != nil {
				t.Fatal(err)
			}
			seen := 0
			src := &script{in: make([]byte, tt.rest+10), step: 1460}
			n, err := x.CopyN(src, int64(tt.rest), func(p []byte) { seen += len(p) })
			if err != nil || n != int64(tt.rest) || seen != tt.rest || len(src.in) != 10 {
				t.Errorf("copied %d, %v, tap saw %d, %d left", n, err, seen, len(src.in))
			}
			if r, err := x.Reply(t.Context()); err != nil || r.Status != 200 {
				t.Error(err)
			}
			if got := sizes; !equal(got, tt.want) {
				t.Errorf("writes of %v, want %v", got, tt.want)
			}
		})
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestExactLength(t *testing.T) {
	engine := newSink(t, answering(emptyReply))
	up := upstream(t, forward.Config{}, engine)
	x := open(t, up)
	if err := x.Send(head(3), []byte("four")); !errors.Is(err, forward.ErrOverrun) {
		t.Errorf("Send of 4 with 3 named: %v", err)
	}
	if err := x.Send(head(6), []byte("four")); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Write([]byte("abc")); !errors.Is(err, forward.ErrOverrun) {
		t.Errorf("Write of 3 with 2 left: %v", err)
	}
	if _, err := x.CopyN(strings.NewReader("abc"), 3, nil); !errors.Is(err, forward.ErrOverrun) {
		t.Errorf("CopyN of 3 with 2 left: %v", err)
	}
	if x.Unsent() != 2 {
		t.Errorf("%d unsent, want 2", x.Unsent())
	}
	if n, err := x.Write([]byte("56")); n != 2 || err != nil {
		t.Errorf("Write of the last bytes: %d, %v", n, err)
	}
	if _, err := x.Reply(t.Context()); err != nil {
		t.Error(err)
	}
	x.Done()
	if _, err := x.Write(nil); !errors.Is(err, forward.ErrClosed) {
		t.Errorf("Write after Done: %v", err)
	}
	if _, err := x.Reply(t.Context()); !errors.Is(err, forward.ErrClosed) {
		t.Errorf("Reply after Done: %v", err)
	}
}

func TestSendRefusesHeads(t *testing.T) {
	engine := newSink(t, answering(emptyReply))
	up := upstream(t, forward.Config{}, engine)
	for name, change := range map[string]func(*forward.RequestHead){
		"line break in target":      func(h *forward.RequestHead) { h.Target = "/a\r\nX: y" },
		"blank in target":           func(h *forward.RequestHead) { h.Target = "/a b" },
		"no target":                 func(h *forward.RequestHead) { h.Target = "" },
		"target without slash":      func(h *forward.RequestHead) { h.Target = "a" },
		"no host":                   func(h *forward.RequestHead) { h.Host = "" },
		"line break in host":        func(h *forward.RequestHead) { h.Host = "a\r\nb" },
		"line break in type":        func(h *forward.RequestHead) { h.ContentType = "a\nb" },
		"line break in credentials": func(h *forward.RequestHead) { h.Authorization = "a\rb" },
		"get with length":           func(h *forward.RequestHead) { h.Method = "GET" },
		"other method":              func(h *forward.RequestHead) { h.Method = "PUT" },
		"framing field": func(h *forward.RequestHead) {
			h.Fields = []grammar.Field{{Name: "Transfer-Encoding", Value: "chunked"}}
		},
		"negative length": func(h *forward.RequestHead) { h.ContentLength = -1 },
	} {
		x := open(t, up)
		h := head(4)
		change(&h)
		if err := x.Send(h, nil); !errors.Is(err, grammar.ErrField) && !errors.Is(err, forward.ErrOverrun) {
			t.Errorf("%s: %v", name, err)
		}
		x.Done()
	}
	if got := received(engine, 0); len(got) > 0 {
		t.Errorf("engine got %q", got)
	}
	if n := len(engine.recordings()); n > 1 {
		t.Errorf("%d connections: one on which nothing was sent is not kept", n)
	}
}

// TestDeadConnectionsAreNotReused lets the engine close, reset or talk out of turn while the
// connection is kept.
func TestDeadConnectionsAreNotReused(t *testing.T) {
	sc, cc := tlsConfigs(t)
	for _, secure := range []bool{false, true} {
		for _, tt := range []struct {
			name string
			end  func(net.Conn)
		}{
			{"closed", func(c net.Conn) { _ = c.Close() }},
			{"unasked answer", func(c net.Conn) { _, _ = io.WriteString(c, emptyReply) }},
			{"reset", func(c net.Conn) {
				if n, ok := c.(interface{ NetConn() net.Conn }); ok {
					c = n.NetConn()
				}
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}},
		} {
			name := tt.name
			if secure {
				name += " with TLS"
			}
			t.Run(name, func(t *testing.T) {
				end, ended := make(chan struct{}), make(chan struct{})
				engine := newSink(t, func(c net.Conn, r *recording) {
					if secure {
						c = tls.Server(c, sc)
					}
					in := http1.NewConn(c, &http1.Profile{Hosts: []string{"engine"}, MaxContent: 100})
					_, _, _ = readAll(in)
					_ = in.Respond(200, nil, nil, false)
					if _, ok := <-end; ok {
						tt.end(c)
						close(ended)
					}
					_, _ = io.Copy(io.Discard, c)
				})
				cfg := forward.Config{}
				var kept net.Conn
				cfg.Dial = func(ctx context.Context, n, a string) (net.Conn, error) {
					c, err := new(net.Dialer).DialContext(ctx, n, a)
					kept = c
					return c, err
				}
				if secure {
					cfg.TLS = cc
				}
				up := upstream(t, cfg, engine)
				whole(t, up, "x")
				end <- struct{}{}
				<-ended
				close(end)
				peek(t, kept)
				if _, reused := whole(t, up, "y"); reused {
					t.Error("a dead connection was reused")
				}
			})
		}
	}
}

func TestExtraBytesAfterAReply(t *testing.T) {
	engine := newSink(t, answering(emptyReply+"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"))
	up := upstream(t, forward.Config{}, engine)
	for range 2 {
		if got, reused := whole(t, up, "x"); got != "" || reused {
			t.Errorf("answer %q, reused %v", got, reused)
		}
	}
}

func TestIdleTimeout(t *testing.T) {
	engine := newSink(t, answering(emptyReply))
	now := time.Now()
	up := upstream(t, forward.Config{IdleTimeout: time.Minute, Now: func() time.Time { return now }}, engine)
	whole(t, up, "x")
	now = now.Add(59 * time.Second)
	if _, reused := whole(t, up, "x"); !reused {
		t.Error("not reused within the timeout")
	}
	now = now.Add(time.Minute)
	if _, reused := whole(t, up, "x"); reused {
		t.Error("reused after the timeout")
	}
	now = now.Add(time.Minute)
	up.Prune()
	for _, r := range engine.recordings() {
		<-r.done // both connections were closed
	}
}

func TestClosedUpstream(t *testing.T) {
	engine := newSink(t, answering(emptyReply))
	up := upstream(t, forward.Config{}, engine)
	x := open(t, up)
	_ = up.Close()
	x.Done()
	<-engine.first(t).done
	_, err := up.Open(t.Context(), false)
	var ue *forward.Fault
	if !errors.As(err, &ue) || !errors.Is(err, forward.ErrClosed) || ue.Started {
		t.Errorf("Open after Close: %v", err)
	}
}

func TestConnectFails(t *testing.T) {
	_, err := forward.New(forward.Config{Addr: ports.Free(t)}).Open(t.Context(), false)
	var ue *forward.Fault
	if !errors.As(err, &ue) || ue.Reason != forward.ReasonConnect || ue.Started || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Open = %v", err)
	}
}

// TestCut shows that the engine sees an error, not an end, and less than the Content-Length.
func TestCut(t *testing.T) {
	sc, cc := tlsConfigs(t)
	for _, secure := range []bool{false, true} {
		engine := newSink(t, func(c net.Conn, r *recording) {
			if secure {
				c = tls.Server(c, sc)
			}
			buf := make([]byte, 4096)
			for {
				n, err := c.Read(buf)
				r.add(buf[:n])
				if err != nil {
					r.end = err
					return
				}
			}
		})
		cfg := forward.Config{}
		if secure {
			cfg.TLS = cc
		}
		x := open(t, upstream(t, cfg, engine))
		if err := x.Send(head(1000), make([]byte, 900)); err != nil {
			t.Fatal(err)
		}
		r := engine.first(t)
		eventually(t, func() bool { return len(r.bytes()) > 0 })
		x.Done() // short of its length: it cuts
		<-r.done
		if !errors.Is(r.end, syscall.ECONNRESET) {
			t.Errorf("TLS %v: engine's read ended with %v, want a reset", secure, r.end)
		}
		if n := len(r.bytes()); n >= len("POST "+target)+1000 {
			t.Errorf("TLS %v: engine got %d bytes", secure, n)
		}
	}
}

func TestCopyNSource(t *testing.T) {
	engine := newSink(t, answering(emptyReply))
	up := upstream(t, forward.Config{}, engine)
	x := open(t, up)
	defer x.Cut()
	if err := x.Send(head(100), nil); err != nil {
		t.Fatal(err)
	}
	var ue *forward.Fault
	if n, err := x.CopyN(strings.NewReader("short"), 100, nil); n != 0 || !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &ue) {
		t.Errorf("CopyN of a short source: %d, %v", n, err)
	}
	errSource := errors.New("source")
	if _, err := x.CopyN(io.MultiReader(strings.NewReader("a"), failing{errSource}), 50, nil); !errors.Is(err, errSource) {
		t.Errorf("CopyN of a failing source: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestTrickleIsFlushed holds that bytes of a slow client do not wait for a full buffer.
func TestTrickleIsFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		up := forward.New(forward.Config{Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil }})
		done := make(chan struct{})
		go func() {
			defer close(done)
			x := open(t, up)
			defer x.Cut()
			_ = x.Send(head(100), nil)
			_, _ = x.CopyN(&slowly{step: 300 * time.Millisecond}, 100, nil)
		}()
		buf := make([]byte, 4096)
		start := time.Now()
		_, _ = far.Read(buf) // the head
		n, err := far.Read(buf)
		if d := time.Since(start); err != nil || n != 5 || d != 1500*time.Millisecond {
			t.Errorf("got %d bytes after %v, %v", n, d, err)
		}
		_ = far.Close()
		<-done
	})
}

type slowly struct{ step time.Duration }

func (s *slowly) Read(p []byte) (int, error) {
	<-time.After(s.step) // in faked time
	p[0] = 'x'
	return 1, nil
}

// TestAwait does something else while the engine works, as heartbeats need.
func TestAwait(t *testing.T) {
	for _, secure := range []bool{false, true} {
		sc, cc := tlsConfigs(t)
		answer := make(chan struct{})
		engine := newSink(t, func(c net.Conn, r *recording) {
			if secure {
				c = tls.Server(c, sc)
			}
			in := http1.NewConn(c, &http1.Profile{Hosts: []string{"engine"}, MaxContent: 100})
			_, _, _ = readAll(in)
			<-answer
			_ = in.Respond(200, nil, []byte("late"), false)
			_, _ = in.Next(context.Background())
		})
		cfg := forward.Config{}
		if secure {
			cfg.TLS = cc
		}
		x := open(t, upstream(t, cfg, engine))
		if err := x.Send(head(1), []byte("x")); err != nil {
			t.Fatal(err)
		}
		for _, limit := range []time.Duration{time.Millisecond, 60 * time.Millisecond} { // in front of and behind the hook on ctx
			if ready, err := x.Await(t.Context(), limit); ready || err != nil {
				t.Fatalf("Await = %v, %v", ready, err)
			}
		}
		close(answer)
		if ready, err := x.Await(t.Context(), time.Minute); !ready || err != nil {
			t.Fatalf("Await = %v, %v", ready, err)
		}
		if ready, err := x.Await(t.Context(), time.Minute); !ready || err != nil {
			t.Errorf("second Await = %v, %v", ready, err)
		}
		r, err := x.Reply(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := r.AppendTo(nil); err != nil || string(b) != "late" {
			t.Errorf("reply %q, %v", b, err)
		}
		x.Done()
	}
}

// TestReplyEndsWithContext cancels while the engine is silent, and while its body stands still.
func TestReplyEndsWithContext(t *testing.T) {
	for _, tt := range []struct {
		name, reply string
		started     bool
	}{
		{"silent", "", false},
		{"in the head", "HTTP/1.1 200", true},
		{"in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				go func() {
					_, _ = far.Read(make([]byte, 4096))
					if tt.reply != "" {
						_, _ = io.WriteString(far, tt.reply)
					}
				}()
				errGone := errors.New("client has gone")
				ctx, cancel := context.WithCancelCause(context.Background())
				time.AfterFunc(time.Hour, func() { cancel(errGone) })
				up := forward.New(forward.Config{Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil }})
				x := open(t, up)
				defer x.Done()
				if err := x.Send(head(1), []byte("x")); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				r, err := x.Reply(ctx)
				if err == nil {
					_, err = r.AppendTo(nil)
				}
				var ue *forward.Fault
				if !errors.As(err, &ue) || ue.Reason != forward.ReasonCancelled || ue.Started != tt.started || !errors.Is(err, errGone) {
					t.Errorf("got %v", err)
				}
				if d := time.Since(start); d != time.Hour {
					t.Errorf("ended after %v", d)
				}
			})
		})
	}
}

// TestEarlyAnswer reads the answer of an engine that refuses in the middle of a body.
func TestEarlyAnswer(t *testing.T) {
	engine := newSink(t, func(c net.Conn, r *recording) {
		_, _ = c.Read(make([]byte, 10))
		_, _ = io.WriteString(c, "HTTP/1.1 401 \r\nContent-Length: 2\r\n\r\nno")
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	up := upstream(t, forward.Config{}, engine)
	x := open(t, up)
	if err := x.Send(head(1<<20), make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	r, err := x.Reply(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b, err := r.AppendTo(nil); r.Status != 401 || string(b) != "no" || err != nil {
		t.Errorf("reply %d %q, %v", r.Status, b, err)
	}
	x.Done()
	again := open(t, up)
	defer again.Done()
	if again.Reused() {
		t.Error("a connection with half a request was kept")
	}
}

// TestThroughTLS carries a part through TLS on both sides and compares every byte.
func TestThroughTLS(t *testing.T) {
	sc, cc := tlsConfigs(t)
	var got []byte
	engine := newSink(t, func(c net.Conn, r *recording) {
		in := http1.NewConn(tls.Server(wire.Wrap(c), sc), &http1.Profile{Hosts: []string{"engine"}, MaxContent: 1 << 30})
		for {
			_, b, err := readAll(in)
			if err != nil {
				return
			}
			got = b
			_ = in.Respond(200, nil, []byte("done"), false)
		}
	})
	up := upstream(t, forward.Config{TLS: cc}, engine)
	client, server := loopback(t)
	done := make(chan error)
	go func() { done <- relay(context.Background(), tls.Server(wire.Wrap(server), sc), profile(), up) }()
	tc := tls.Client(client, cc)
	body := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	for _, n := range []int{10, len(body), 0, 100_000} {
		send(t, tc, call(string(body[:n])))
		buf := make([]byte, 1024)
		k, err := tc.Read(buf)
		if err != nil || !strings.HasSuffix(string(buf[:k]), "done") {
			t.Fatalf("answer %q, %v", buf[:k], err)
		}
		if !bytes.Equal(got, body[:n]) {
			t.Errorf("body of %d bytes arrived as %d others", n, len(got))
		}
	}
	_ = tc.Close()
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Errorf("relay ended with %v", err)
	}
}

func TestConnectTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := forward.New(forward.Config{ConnectTimeout: 3 * time.Second,
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}})
		start := time.Now()
		_, err := up.Open(context.Background(), true)
		if d := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || d != 3*time.Second {
			t.Errorf("Open = %v after %v", err, d)
		}
	})
}

func TestMaxIdle(t *testing.T) {
	engine := newSink(t, answering(emptyReply))
	up := upstream(t, forward.Config{MaxIdle: 2}, engine)
	var all []*forward.Exchange
	for range 3 {
		all = append(all, open(t, up))
	}
	for _, x := range all {
		if err := x.Send(head(0), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Reply(t.Context()); err != nil {
			t.Fatal(err)
		}
		x.Done()
		x.Done() // a second time does nothing
	}
	kept := 0
	for range 3 {
		x := open(t, up)
		defer x.Done()
		if x.Reused() {
			kept++
		}
	}
	if kept != 2 {
		t.Errorf("%d connections kept, want 2", kept)
	}
}

// TestStalledEngine holds a write to its time.
func TestStalledEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		up := forward.New(forward.Config{WriteTimeout: 5 * time.Second,
			Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil }})
		x := open(t, up)
		defer x.Done()
		start := time.Now()
		err := x.Send(head(10), nil)
		var ue *forward.Fault
		if d := time.Since(start); !errors.As(err, &ue) || ue.Reason != forward.ReasonSend || d < 5*time.Second || d > 10*time.Second {
			t.Errorf("Send = %v after %v", err, d)
		}
	})
}

// TestManyInterimRepliesInOneRead: the seventeenth lost the answer.
func TestManyInterimRepliesInOneRead(t *testing.T) {
	const many = 60 // what fits into one read
	answer := strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", many) + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
	x := open(t, upstream(t, forward.Config{}, newSink(t, answering(answer))))
	if err := x.Send(head(1), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if ready, err := x.Await(t.Context(), time.Minute); !ready || err != nil {
		t.Fatalf("Await = %v, %v", ready, err)
	}
	r, err := x.Reply(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b, err := r.AppendTo(nil); err != nil || string(b) != "done" || r.Status != 200 {
		t.Errorf("reply %d %q, %v", r.Status, b, err)
	}
	x.Done()
}

func TestSpokenIsWhatNobodyAskedFor(t *testing.T) {
	engine := newSink(t, answering(emptyReply))
	x := open(t, upstream(t, forward.Config{}, engine))
	if x.Spoken() {
		t.Error("before the call")
	}
	if err := x.Send(head(1), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if ready, err := x.Await(t.Context(), time.Minute); !ready || err != nil {
		t.Fatalf("Await = %v, %v", ready, err)
	}
	if !x.Spoken() {
		t.Error("the answer is there")
	}
	if _, err := x.Reply(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.Done()
	if x.Spoken() {
		t.Error("after the end")
	}
}
