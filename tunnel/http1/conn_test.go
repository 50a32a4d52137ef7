package http1_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1"
)

// piped runs serve on one end of a pipe in a bubble of faked time; peer has the other end.
func piped(t *testing.T, p *http1.Profile, serve func(context.Context, *http1.Conn), peer func(net.Conn, context.CancelCauseFunc)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		client, server := net.Pipe()
		c := http1.NewConn(server, p)
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer c.Close()
			serve(ctx, c)
		}()
		peer(client, cancel)
		<-done
		_ = client.Close()
	})
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		t.Errorf("client writes: %v", err)
	}
}

// trickle sends one byte a step until the other side closes, and returns how many it could send.
func trickle(c net.Conn, s string, step time.Duration) int {
	for i := range len(s) {
		if _, err := c.Write([]byte{s[i]}); err != nil {
			return i
		}
		<-time.After(step) // in faked time
	}
	return len(s)
}

func wantError(t *testing.T, err error, status int, reason string) {
	t.Helper()
	var e *http1.Error
	if !errors.As(err, &e) || e.Status != status || e.Reason != reason {
		t.Errorf("got %v, want %d %s", err, status, reason)
	}
}

func TestSlowHead(t *testing.T) {
	p := profile()
	p.HeadTimeout = 5 * time.Second
	piped(t, p, func(ctx context.Context, c *http1.Conn) {
		start := time.Now()
		_, err := c.Next(ctx)
		wantError(t, err, 408, http1.ReasonTimeout)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("cause of %v is lost", err)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("gave up after %v", d)
		}
	}, func(client net.Conn, _ context.CancelCauseFunc) { trickle(client, call("x"), 100*time.Millisecond) })
}

func TestSilence(t *testing.T) {
	p := profile()
	p.HeadTimeout, p.IdleTimeout = 5*time.Second, 60*time.Second
	var first, second time.Duration
	piped(t, p, func(ctx context.Context, c *http1.Conn) {
		start := time.Now()
		_, err := c.Next(ctx)
		first = time.Since(start)
		if !errors.Is(err, http1.ErrIdle) {
			t.Errorf("Next = %v, want ErrIdle", err)
		}
	}, func(net.Conn, context.CancelCauseFunc) {})
	piped(t, p, func(ctx context.Context, c *http1.Conn) {
		if _, err := c.Next(ctx); err != nil {
			t.Error(err)
		}
		_ = c.Respond(200, nil, nil, false)
		start := time.Now()
		_, err := c.Next(ctx)
		second = time.Since(start)
		if !errors.Is(err, http1.ErrIdle) {
			t.Errorf("Next = %v, want ErrIdle", err)
		}
	}, func(client net.Conn, _ context.CancelCauseFunc) {
		send(t, client, call(""))
		_, _ = client.Read(make([]byte, 1024))
	})
	if first != 5*time.Second || second != 60*time.Second {
		t.Errorf("waited %v for the first head and %v for the next", first, second)
	}
}

func TestNextEndsWithContext(t *testing.T) {
	errDraining := errors.New("draining")
	p := profile()
	piped(t, p, func(ctx context.Context, c *http1.Conn) {
		if _, err := c.Next(ctx); err != nil {
			t.Error(err)
		}
		_ = c.Respond(200, nil, nil, false)
		if _, err := c.Next(ctx); !errors.Is(err, errDraining) {
			t.Errorf("Next = %v, want the cause of the context", err)
		}
	}, func(client net.Conn, cancel context.CancelCauseFunc) {
		send(t, client, call(""))
		_, _ = client.Read(make([]byte, 1024))
		synctest.Wait()
		cancel(errDraining)
	})
}

func TestContextDoesNotEndARequestThatBegan(t *testing.T) {
	piped(t, profile(), func(ctx context.Context, c *http1.Conn) {
		_, b, err := readAllCtx(ctx, c)
		if err != nil || string(b) != "whole" {
			t.Errorf("body %q, %v", b, err)
		}
	}, func(client net.Conn, cancel context.CancelCauseFunc) {
		raw := call("whole")
		send(t, client, raw[:10])
		synctest.Wait()
		cancel(nil)
		synctest.Wait()
		send(t, client, raw[10:])
	})
}

func readAllCtx(ctx context.Context, c *http1.Conn) (*http1.Request, []byte, error) {
	r, err := c.Next(ctx)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(c)
	return r, b, err
}

func TestSlowBody(t *testing.T) {
	p := profile()
	p.MinRate, p.Grace = 1000, 10*time.Second
	for _, tt := range []struct {
		name string
		step time.Duration
		slow bool
	}{{"half the rate", 2 * time.Millisecond, true}, {"twice the rate", 500 * time.Microsecond, false}} {
		t.Run(tt.name, func(t *testing.T) {
			body := strings.Repeat("x", 30_000)
			piped(t, p, func(_ context.Context, c *http1.Conn) {
				_, b, err := readAll(c)
				if !tt.slow {
					if err != nil || len(b) != len(body) {
						t.Errorf("%d bytes, %v", len(b), err)
					}
					return
				}
				wantError(t, err, 408, http1.ReasonTimeout)
				if len(b) < 4000 || len(b) > 6000 {
					t.Errorf("gave up after %d bytes", len(b))
				}
			}, func(client net.Conn, _ context.CancelCauseFunc) {
				send(t, client, strings.TrimSuffix(call(body), body))
				trickle(client, body, tt.step)
			})
		})
	}
}

// TestSlowEngineIsNotTheClientsFault lets more time pass between reads than a window of the rate
// has.
func TestSlowEngineIsNotTheClientsFault(t *testing.T) {
	p := profile()
	p.MinRate, p.Grace = 10_000, time.Second
	body := strings.Repeat("x", 40_000)
	piped(t, p, func(ctx context.Context, c *http1.Conn) {
		if _, err := c.Next(ctx); err != nil {
			t.Error(err)
		}
		buf := make([]byte, 1000)
		for c.Remaining() > 0 {
			if _, err := c.Read(buf); err != nil {
				t.Errorf("with %d to come: %v", c.Remaining(), err)
				return
			}
			<-time.After(3 * time.Second) // in faked time
		}
	}, func(client net.Conn, _ context.CancelCauseFunc) { send(t, client, call(body)) })
}

func TestExpect(t *testing.T) {
	raw := strings.Replace(call("body"), "Cache-Control: no-cache", "Expect: 100-continue", 1)
	head, body := raw[:len(raw)-4], raw[len(raw)-4:]
	const invitation = "HTTP/1.1 100 Continue\r\n\r\n"
	t.Run("invited when the body is read", func(t *testing.T) {
		piped(t, profile(), func(_ context.Context, c *http1.Conn) {
			if _, b, err := readAll(c); err != nil || string(b) != "body" {
				t.Errorf("body %q, %v", b, err)
			}
		}, func(client net.Conn, _ context.CancelCauseFunc) {
			send(t, client, head)
			got := make([]byte, len(invitation))
			if _, err := io.ReadFull(client, got); err != nil || string(got) != invitation {
				t.Errorf("client read %q, %v", got, err)
			}
			send(t, client, body)
		})
	})
	t.Run("refused without the body", func(t *testing.T) {
		s := &script{in: []byte(head)}
		c := http1.NewConn(s, profile())
		if _, err := c.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Drain(0); err != nil {
			t.Errorf("Drain = %v", err)
		}
		if err := c.Respond(404, nil, nil, false); err != nil {
			t.Error(err)
		}
		if got := s.out.String(); !strings.HasPrefix(got, "HTTP/1.1 404 Not Found\r\n") || !strings.Contains(got, "Connection: close") {
			t.Errorf("answer %q", got)
		}
	})
	t.Run("not invited when it sends at once", func(t *testing.T) {
		s := &script{in: []byte(raw)}
		if _, b, err := readAll(http1.NewConn(s, profile())); err != nil || string(b) != "body" || s.out.Len() > 0 {
			t.Errorf("body %q, %v, sent %q", b, err, s.out.String())
		}
	})
}

func TestDrain(t *testing.T) {
	body := strings.Repeat("x", 200_000)
	for _, tt := range []struct {
		name  string
		limit int64
		want  error
		keeps bool
	}{
		{"without limit", 0, nil, true},
		{"limit is long enough", 200_000, nil, true},
		{"a stranger's limit", 64 << 10, http1.ErrDrainLimit, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{in: []byte(call(body) + call("next"))}
			c := http1.NewConn(s, profile())
			if _, err := c.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := c.Drain(tt.limit); !errors.Is(err, tt.want) {
				t.Errorf("Drain = %v, want %v", err, tt.want)
			}
			if read := int64(len(body)) - c.Remaining(); tt.limit > 0 && read > tt.limit {
				t.Errorf("read %d, limit %d", read, tt.limit)
			}
			if err := c.Respond(403, nil, nil, false); err != nil {
				t.Fatal(err)
			}
			_, b, err := readAll(c)
			if tt.keeps && string(b) != "next" || !tt.keeps && !errors.Is(err, http1.ErrFinished) {
				t.Errorf("next body %q, %v", b, err)
			}
		})
	}
}

// TestDrainAfterRefusals drains the body of heads whose framing was read, so that the client hears
// the answer.
func TestDrainAfterRefusals(t *testing.T) {
	for name, head := range map[string]string{
		"other host": line + "Host: other\r\n",
		"put":        "PUT / HTTP/1.1\r\n" + host,
	} {
		s := &script{in: []byte(head + "Content-Length: 6\r\n\r\nabcdef")}
		c := http1.NewConn(s, profile())
		if _, err := c.Next(t.Context()); err == nil {
			t.Fatalf("%s: accepted", name)
		}
		if c.Remaining() != 6 {
			t.Errorf("%s: %d bytes remain, want 6", name, c.Remaining())
		}
		if err := c.Drain(0); err != nil || len(s.in) > 0 {
			t.Errorf("%s: Drain = %v, %d bytes unread", name, err, len(s.in))
		}
	}
}

func TestSlowDrain(t *testing.T) {
	p := profile()
	p.MinRate, p.Grace = 1, 10*time.Second
	body := strings.Repeat("x", 1<<20)
	piped(t, p, func(ctx context.Context, c *http1.Conn) {
		if _, err := c.Next(ctx); err != nil {
			t.Error(err)
		}
		start := time.Now()
		wantError(t, c.Drain(0), 408, http1.ReasonTimeout)
		if d := time.Since(start); d > 11*time.Second {
			t.Errorf("drained for %v", d)
		}
	}, func(client net.Conn, _ context.CancelCauseFunc) {
		send(t, client, strings.TrimSuffix(call(body), body))
		trickle(client, body, time.Millisecond)
	})
}

func TestNextRefusesDisorder(t *testing.T) {
	s := &script{in: []byte(call("body") + call("next"))}
	c := http1.NewConn(s, profile())
	if err := c.Respond(200, nil, nil, false); !errors.Is(err, http1.ErrAnswered) {
		t.Errorf("answer before a request: %v", err)
	}
	if _, err := c.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(t.Context()); !errors.Is(err, http1.ErrUnanswered) {
		t.Errorf("Next before the answer: %v", err)
	}
	if err := c.Respond(200, nil, nil, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.out.String(), "Connection: close\r\n") {
		t.Errorf("answer over an unread body does not close: %q", s.out.String())
	}
	if err := c.Respond(200, nil, nil, false); !errors.Is(err, http1.ErrAnswered) {
		t.Errorf("second answer: %v", err)
	}
	if _, err := c.Next(t.Context()); !errors.Is(err, http1.ErrFinished) {
		t.Errorf("Next over an unread body: %v", err)
	}
}

// TestReaderThatStands holds an answer to its time when the client does not read.
func TestReaderThatStands(t *testing.T) {
	p := profile()
	p.WriteTimeout = 3 * time.Second
	piped(t, p, func(ctx context.Context, c *http1.Conn) {
		if _, err := c.Next(ctx); err != nil {
			t.Error(err)
		}
		start := time.Now()
		err := c.Respond(200, nil, []byte("never read"), false)
		if d := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || d < 3*time.Second || d > 6*time.Second {
			t.Errorf("Respond = %v after %v", err, d)
		}
		if _, err := c.Next(ctx); !errors.Is(err, http1.ErrFinished) {
			t.Errorf("Next after it: %v", err)
		}
	}, func(client net.Conn, _ context.CancelCauseFunc) { send(t, client, call("")) })
}

// TestCloseFromAnotherGoroutine ends a wait, also when the context changes in between.
func TestCloseFromAnotherGoroutine(t *testing.T) {
	client, server := loopback(t)
	c := http1.NewConn(server, profile())
	result := make(chan error)
	go func() {
		for {
			ctx, cancel := context.WithCancel(context.Background())
			_, err := c.Next(ctx)
			cancel()
			if err != nil {
				result <- err
				return
			}
			_ = c.Respond(200, nil, nil, false)
		}
	}()
	for range 3 {
		send(t, client, call(""))
		if _, err := client.Read(make([]byte, 1024)); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	if err := <-result; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Next = %v", err)
	}
	if _, err := c.Next(t.Context()); err == nil {
		t.Error("Next of a closed connection")
	}
}
