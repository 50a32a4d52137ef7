package forward_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

// clock is a time that the test moves.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func at() *clock { return &clock{time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)} }

// use carries one call over x and ends it.
func use(t testing.TB, x *forward.Exchange) {
	t.Helper()
	if err := x.Send(post(0), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Reply(context.Background()); err != nil {
		t.Fatal(err)
	}
	x.Done()
}

// TestKeptConnections: which connections are kept, for how long, and which one is taken.
func TestKeptConnections(t *testing.T) {
	now := at()
	first, second, third := saying(empty, 0), saying(empty, 0), saying(empty, 0)
	u := to(forward.Config{MaxIdle: 2, IdleTimeout: time.Minute, Now: now.Now}, first, second, third)
	a, b, c := opened(t, u), opened(t, u), opened(t, u)
	for _, x := range []*forward.Exchange{a, b, c} {
		if x.Reused() {
			t.Error("a new connection says that it is not")
		}
	}
	use(t, b)
	use(t, a)
	use(t, c) // beyond two
	if first.closed+second.closed != 0 || third.closed != 1 {
		t.Fatalf("closed %d, %d, %d times", first.closed, second.closed, third.closed)
	}
	x := opened(t, u)
	if !x.Reused() {
		t.Error("none is used again")
	}
	first.says = [][]byte{[]byte(empty)}
	use(t, x)
	if n := strings.Count(first.out.String(), "POST"); n != 2 {
		t.Errorf("the one used last carried %d calls, want 2", n)
	}
	now.now = now.now.Add(time.Minute)
	if _, err := u.Open(context.Background(), false); err == nil || first.closed != 1 || second.closed != 1 {
		t.Errorf("too old ones: %v, closed %d and %d times", err, first.closed, second.closed)
	}
}

// TestIdleTimeIsExact: a connection is young until its time is over, for Open and for Prune.
func TestIdleTimeIsExact(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit time.Duration
		after time.Duration
		kept  bool
	}{
		{"at once", time.Minute, 0, true},
		{"just before", time.Minute, time.Minute - 1, true},
		{"just at", time.Minute, time.Minute, false},
		{"long after", time.Minute, time.Hour, false},
		{"by default, before", 0, forward.DefaultUpstreamIdle - 1, true},
		{"by default, at", 0, forward.DefaultUpstreamIdle, false},
		{"a clock that went back", time.Minute, -time.Hour, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, prune := range []bool{false, true} {
				now, e, next := at(), saying(empty, 0), saying(empty, 0)
				u := to(forward.Config{IdleTimeout: tt.limit, Now: now.Now}, e, next)
				use(t, opened(t, u))
				now.now = now.now.Add(tt.after)
				if prune {
					u.Prune()
					if (e.closed == 0) != tt.kept {
						t.Errorf("Prune closed it %d times", e.closed)
					}
				}
				if x := opened(t, u); x.Reused() != tt.kept || (e.closed == 0) != tt.kept {
					t.Errorf("pruned %v: reused %v, closed %d times", prune, x.Reused(), e.closed)
				}
			}
		})
	}
}

// TestPruneKeepsTheYoung: only what is too old goes.
func TestPruneKeepsTheYoung(t *testing.T) {
	now, engines := at(), []*engine{saying(empty, 0), saying(empty, 0), saying(empty, 0)}
	u := to(forward.Config{IdleTimeout: 10 * time.Second, Now: now.Now}, engines...)
	all := []*forward.Exchange{opened(t, u), opened(t, u), opened(t, u)}
	for _, x := range all {
		use(t, x)
		now.now = now.now.Add(4 * time.Second)
	}
	for _, want := range []string{"[1 0 0]", "[1 1 0]", "[1 1 1]", "[1 1 1]"} {
		u.Prune()
		var got []int
		for _, e := range engines {
			got = append(got, e.closed)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("closed %v, want %s", got, want)
		}
		now.now = now.now.Add(4 * time.Second)
	}
}

// TestFreshTakesNoKeptOne: a call that may be sent once only gets a connection that nobody used.
func TestFreshTakesNoKeptOne(t *testing.T) {
	e, next := saying(empty, 0), saying(empty, 0)
	u := to(forward.Config{}, e, next)
	use(t, opened(t, u))
	x, err := u.Open(context.Background(), true)
	if err != nil || x.Reused() {
		t.Fatalf("%v, reused", err)
	}
	use(t, x)
	if n := strings.Count(next.out.String(), "POST"); n != 1 || e.closed != 0 {
		t.Errorf("the fresh one got %d calls, the kept one was closed %d times", n, e.closed)
	}
}

// TestUnusedIsKept: a connection on which nothing was sent is as good as new.
func TestUnusedIsKept(t *testing.T) {
	e := saying(empty, 0)
	u := to(forward.Config{}, e)
	for range 3 {
		opened(t, u).Done()
	}
	x := opened(t, u)
	if x.Reused() || e.closed != 0 || e.out.Len() != 0 {
		t.Errorf("reused %v, closed %d times, got %q", x.Reused(), e.closed, e.out.String())
	}
}

// TestCloseOfAnUpstream: what is kept is closed at once, what is under way when it is done, and nothing opens.
func TestCloseOfAnUpstream(t *testing.T) {
	idle, busy := saying(empty, 0), saying(empty, 0)
	u := to(forward.Config{}, idle, busy)
	a, b := opened(t, u), opened(t, u)
	use(t, a)
	for range 2 {
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if idle.closed != 1 || busy.closed != 0 {
		t.Errorf("closed %d and %d times", idle.closed, busy.closed)
	}
	use(t, b)
	if busy.closed != 1 {
		t.Error("what was under way is kept")
	}
	_, err := u.Open(context.Background(), false)
	if f := faultOf(t, err); f.Reason != forward.ReasonConnect || f.Started || !errors.Is(f, forward.ErrClosed) ||
		f.Error() != "upstream.connect: engine:8080: closed" {
		t.Errorf("got %v", f)
	}
}

// TestOpenFails: an engine that cannot be reached is named with the cause, before anything was sent.
func TestOpenFails(t *testing.T) {
	refused := errors.New("connection refused")
	var asked string
	u := forward.New(forward.Config{Addr: "live:443", Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if until, ok := ctx.Deadline(); !ok || time.Until(until) > forward.DefaultConnectTimeout {
			t.Errorf("the dialer has until %v", until)
		}
		asked = network + " " + addr
		return nil, refused
	}})
	_, err := u.Open(context.Background(), true)
	if f := faultOf(t, err); f.Error() != "upstream.connect: live:443: connection refused" || !errors.Is(f, refused) || f.Started {
		t.Errorf("got %v", f)
	}
	if asked != "tcp live:443" {
		t.Errorf("asked for %s", asked)
	}
}

// TestHandshakeFails: an engine that speaks no TLS gets no call, and its connection is closed.
func TestHandshakeFails(t *testing.T) {
	e := saying(empty, 0)
	u := forward.New(forward.Config{Addr: "live:443", TLS: &tls.Config{ServerName: "live", MinVersion: tls.VersionTLS12},
		Dial: func(context.Context, string, string) (net.Conn, error) { return e, nil }})
	_, err := u.Open(context.Background(), false)
	f := faultOf(t, err)
	var record tls.RecordHeaderError
	if f.Reason != forward.ReasonConnect || f.Started || !errors.As(f, &record) {
		t.Errorf("got %v", f)
	}
	if e.closed == 0 || strings.Contains(e.out.String(), "POST") {
		t.Errorf("closed %d times, got %q", e.closed, e.out.String())
	}
}

// TestAwaitTells: whether the answer has begun, what is no answer yet, and what ended it.
func TestAwaitTells(t *testing.T) {
	const interim = "HTTP/1.1 102 Processing\r\n\r\n"
	gone := errors.New("connection reset by peer")
	for _, tt := range []struct {
		name  string
		raw   string
		end   error
		there bool
		err   string
	}{
		{"it is there", empty, nil, true, ""},
		{"its first byte is there", "H", os.ErrDeadlineExceeded, true, ""},
		{"nothing in time", "", os.ErrDeadlineExceeded, false, ""},
		{"only interim replies in time", interim + interim, os.ErrDeadlineExceeded, false, ""},
		{"interim replies, then it", interim + empty, nil, true, ""},
		{"half an interim reply is left to Reply", interim[:12], os.ErrDeadlineExceeded, true, ""},
		{"nonsense is left to Reply", "SSH-2.0\r\n\r\n", nil, true, ""},
		{"it closes", "", nil, false, "upstream.silent: engine:8080: unexpected EOF"},
		{"it resets", "", gone, false, "upstream.silent: engine:8080: connection reset by peer"},
		{"it closes behind an interim reply", interim, nil, false, "upstream.silent: engine:8080: unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := saying(tt.raw, 0)
			e.end = tt.end
			x := opened(t, to(forward.Config{}, e))
			if err := x.Send(post(0), nil); err != nil {
				t.Fatal(err)
			}
			if x.Spoken() {
				t.Error("spoken before anything was read")
			}
			there, err := x.Await(context.Background(), time.Minute)
			if there != tt.there || tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) {
				t.Errorf("got %v, %v, want %v, %q", there, err, tt.there, tt.err)
			}
			if x.Spoken() != tt.there {
				t.Errorf("spoken %v", x.Spoken())
			}
		})
	}
}

// TestAwaitLosesNothing: whatever was waited for, the answer is the same, and as often as one asks.
func TestAwaitLosesNothing(t *testing.T) {
	raw := strings.Repeat("HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n", 50) + good + "Content-Length: 3\r\n\r\nabc"
	for _, step := range []int{0, 1, 36, 100} {
		x := opened(t, to(forward.Config{}, saying(raw, step)))
		if err := x.Send(post(0), nil); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if there, err := x.Await(context.Background(), time.Minute); !there || err != nil {
				t.Fatalf("step %d: %v, %v", step, there, err)
			}
		}
		r, err := x.Reply(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := r.AppendTo(nil); string(b) != "abc" || err != nil {
			t.Errorf("step %d: %q, %v", step, b, err)
		}
	}
}

// TestAwaitEndsWithItsContext: who no longer waits is told why, and the connection is not used again.
func TestAwaitEndsWithItsContext(t *testing.T) {
	cause := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	e := saying(empty, 0)
	x := opened(t, to(forward.Config{}, e))
	if err := x.Send(post(0), nil); err != nil {
		t.Fatal(err)
	}
	there, err := x.Await(ctx, time.Minute)
	if f := faultOf(t, err); there || f.Reason != forward.ReasonCancelled || f.Started || !errors.Is(f, cause) {
		t.Errorf("%v, %v", there, err)
	}
	if x.Done(); e.closed != 1 {
		t.Error("the connection is kept")
	}
}

// TestReplyEndsWhileItIsAwaited: a context that ends while the engine works ends the read on a real socket.
func TestReplyEndsWhileItIsAwaited(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	heard, done := make(chan struct{}), make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		_, err = io.ReadFull(c, make([]byte, 10))
		close(heard)
		if err == nil {
			_, err = io.Copy(io.Discard, c) // says nothing, until it is cut
		}
		done <- err
	}()
	u := forward.New(forward.Config{Addr: ln.Addr().String()})
	defer u.Close()
	x := opened(t, u)
	if err := x.Send(post(5), []byte("abc")); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() { <-heard; cancel(cause) }()
	_, err = x.Reply(ctx)
	if f := faultOf(t, err); f.Reason != forward.ReasonCancelled || !errors.Is(f, cause) || f.Addr != ln.Addr().String() {
		t.Errorf("got %v", err)
	}
	x.Done()
	if err := <-done; err == nil {
		t.Error("the engine took half a body for a whole one: the connection ended without a reset")
	}
}

// TestManyAtOnce: an Upstream is used from many goroutines, and never lends one connection to two.
func TestManyAtOnce(t *testing.T) {
	var mu sync.Mutex
	made := map[*engine]bool{}
	u := forward.New(forward.Config{Addr: "engine:8080", MaxIdle: 4, Dial: func(context.Context, string, string) (net.Conn, error) {
		e := saying(strings.Repeat(empty, 400), len(empty))
		mu.Lock()
		defer mu.Unlock()
		made[e] = true
		return e, nil
	}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				x := opened(t, u)
				if err := x.Send(post(0), nil); err != nil {
					t.Error(err)
				}
				if _, err := x.Reply(context.Background()); err != nil {
					t.Error(err)
				}
				x.Done()
				u.Prune()
			}
		})
	}
	all.Wait()
	calls, open := 0, 0
	for e := range made {
		calls += strings.Count(e.out.String(), "POST")
		if e.closed == 0 {
			open++
		}
	}
	if calls != 400 || open > 4 {
		t.Errorf("%d calls arrived, want 400; %d connections are open, want at most 4", calls, open)
	}
	if u.Close(); len(made) == 0 {
		t.Error("no engine was asked")
	}
}

func TestFaultText(t *testing.T) {
	cause := io.ErrUnexpectedEOF
	for _, tt := range []struct {
		fault forward.Fault
		want  string
	}{
		{forward.Fault{Addr: "a:1", Reason: forward.ReasonSilent, Err: cause}, "upstream.silent: a:1: unexpected EOF"},
		{forward.Fault{Addr: "a:1", Reason: forward.ReasonReplyCut, Started: true, Err: cause},
			"upstream.cut: a:1: unexpected EOF (an answer had begun)"},
		{forward.Fault{Reason: forward.ReasonConnect, Err: forward.ErrClosed}, "upstream.connect: : closed"},
	} {
		if got := tt.fault.Error(); got != tt.want || !errors.Is(&tt.fault, tt.fault.Err) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
