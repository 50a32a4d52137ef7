package http1_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// bigLength is long enough for the body to be read ahead.
const bigLength = 200_000

// readAhead has serve read a request with a big body, in faked time, over a wire that reads ahead, with TLS or without.
func readAhead(t *testing.T, secure bool, p *http1.Profile, serve func(*http1.Conn), peer func(net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		server = wire.Wrap(server)
		if secure {
			own, theirs := tlsConfigs(t)
			server, client = tls.Server(server, own), tls.Client(client, theirs)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c := http1.NewConn(server, p)
			defer c.Close()
			if r, err := c.Next(context.Background()); err != nil || r.ContentLength != bigLength {
				t.Error(err)
				return
			}
			if got := http1.Flowing(p); got != 1 {
				t.Errorf("%d big bodies flow", got)
			}
			serve(c)
		}()
		send(t, client, strings.TrimSuffix(call(strings.Repeat("x", bigLength)), strings.Repeat("x", bigLength)))
		peer(client)
		<-done
		_ = client.Close()
	})
}

// What is read ahead keeps the pace of a body: a client that stops is given up after its window, however slow the
// engine is that takes the rest meanwhile, which is not the client's fault.
func TestPaceOfABodyReadAhead(t *testing.T) {
	const window = 10 * time.Second
	for _, tt := range []struct {
		name   string
		comes  int           // of the body
		pause  time.Duration // of the engine, behind each read
		within time.Duration // the client is given up, if it is
	}{
		{"all of it", bigLength, 0, 0},
		{"to a slow engine", bigLength, 3 * window, 0},
		{"half of it", bigLength / 2, 0, window},
		{"half of it, to a slow engine", bigLength / 2, 3 * window, window},
		{"nothing", 0, 0, window},
	} {
		for _, secure := range []bool{false, true} {
			name := tt.name + map[bool]string{false: ", plain", true: ", TLS"}[secure]
			t.Run(name, func(t *testing.T) {
				p := profile()
				p.MinRate, p.Grace = 1_000_000, window // a window lasts for more than the body
				readAhead(t, secure, p, func(c *http1.Conn) {
					buf, got := make([]byte, 20_000), 0
					for {
						begun := time.Now()
						n, err := c.Read(buf)
						if got += n; err != nil {
							given(t, err, got, tt.comes, time.Since(begun), tt.within)
							return
						}
						<-time.After(tt.pause) // in faked time
					}
				}, func(client net.Conn) {
					if tt.comes > 0 { // a pipe passes on that nothing was written
						_, _ = client.Write(make([]byte, tt.comes))
					}
				})
			})
		}
	}
}

// A body that is read ahead and trickles is given up once a window lacks its share, however often a little of it comes.
func TestTrickleOfABodyReadAhead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pause time.Duration // behind each 100 bytes
		slow  bool
	}{{"half the rate", 200 * time.Millisecond, true}, {"twice the rate", 50 * time.Millisecond, false}} {
		for _, secure := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{false: ", plain", true: ", TLS"}[secure], func(t *testing.T) {
				p := profile()
				p.MinRate, p.Grace = 1000, 10*time.Second
				readAhead(t, secure, p, func(c *http1.Conn) {
					got, err := io.Copy(io.Discard, c)
					if !tt.slow {
						if err != nil || got != bigLength {
							t.Errorf("%d bytes, %v", got, err)
						}
						return
					}
					if wantError(t, err, 408, http1.ReasonTimeout); got < 4000 || got > 6000 {
						t.Errorf("given up after %d bytes", got)
					}
				}, func(client net.Conn) {
					for range bigLength / 100 {
						if _, err := client.Write(make([]byte, 100)); err != nil {
							return // it was given up
						}
						<-time.After(tt.pause) // in faked time
					}
				})
			})
		}
	}
}

// given holds how a body ended against how it should have.
func given(t *testing.T, err error, got, comes int, took, within time.Duration) {
	t.Helper()
	if got != comes {
		t.Errorf("%d bytes were read, %d came", got, comes)
	}
	if within == 0 {
		if !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		return
	}
	wantError(t, err, 408, http1.ReasonTimeout)
	if took != within {
		t.Errorf("given up after %v, want %v", took, within)
	}
}

// Whoever stops a body need not wait until what was read ahead of it has gone, nor for its client.
func TestAbortOfABodyReadAhead(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, begun := range []bool{false, true} {
			readAhead(t, secure, profile(), func(c *http1.Conn) {
				buf := make([]byte, 10_000)
				for got := 0; begun && got < len(buf); {
					n, err := c.Read(buf)
					if got += n; err != nil {
						t.Error(err)
						return
					}
				}
				c.AbortReads()
				n, err := c.Read(buf)
				if wantError(t, err, 408, http1.ReasonTimeout); n != 0 {
					t.Errorf("%d bytes were read", n)
				}
			}, func(client net.Conn) {
				if begun {
					_, _ = client.Write(make([]byte, 50_000))
				}
			})
		}
	}
}

// timed counts the deadlines that a connection is given.
type timed struct {
	*script
	deadlines int
}

func (s *timed) SetReadDeadline(time.Time) error {
	s.deadlines++
	return nil
}

// What was read ahead costs no deadline: one is set where the socket is read.
func TestDeadlinesOfABodyReadAhead(t *testing.T) {
	s := &timed{script: &script{in: []byte(call(strings.Repeat("x", bigLength))), step: 100_000}}
	c := http1.NewConn(wire.Wrap(s), profile())
	if _, err := c.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, reads, buf := s.deadlines, 0, make([]byte, 10_000)
	for c.Remaining() > 0 {
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
		reads++
	}
	if got := s.deadlines - before; got < 2 || got > 3 || reads < 20 {
		t.Errorf("%d deadlines for %d reads", got, reads)
	}
}
