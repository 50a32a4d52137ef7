package wire_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// scripted is a connection that reads what it is told, a piece at a time.
type scripted struct {
	net.Conn
	pieces [][]byte
	reads  int
	until  []time.Time
}

func (s *scripted) Read(p []byte) (int, error) {
	s.reads++
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func (s *scripted) SetWriteDeadline(t time.Time) error {
	s.until = append(s.until, t)
	return nil
}

func TestReadAheadSparesReads(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 2048) // 32 KiB
	for _, tt := range []struct {
		name  string
		wide  bool
		size  int // of each read
		most  int // reads below
		least int
	}{
		{"narrow", false, 1024, 33, 32},
		{"wide", true, 1024, 2, 1},
		{"wide, and the reader is wider", true, wire.WideSize, 2, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			below := &scripted{pieces: [][]byte{data}}
			w := wire.Wrap(below)
			var pool wire.Pool
			if tt.wide {
				w.Widen(&pool, wire.WideSize, nil)
			}
			got, buf := []byte{}, make([]byte, tt.size)
			for {
				n, err := w.Read(buf)
				got = append(got, buf[:n]...)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || n == 0 {
					t.Fatalf("%d, %v", n, err)
				}
			}
			if !bytes.Equal(got, data) {
				t.Errorf("%d bytes came, %d were sent", len(got), len(data))
			}
			if below.reads > tt.most || below.reads < tt.least {
				t.Errorf("%d reads below", below.reads)
			}
		})
	}
}

// asked counts how often a socket may be read, and was.
type asked struct {
	before, after int
	refuse        error
}

func (a *asked) Before() error {
	a.before++
	return a.refuse
}

func (a *asked) After() { a.after++ }

// A pace is asked about the socket only, while a big body flows only, and what it refuses is not read.
func TestPaceIsAskedBeforeTheSocketIsRead(t *testing.T) {
	below := &scripted{pieces: [][]byte{[]byte("abcdef"), []byte("ghij"), []byte("klm"), []byte("nop")}}
	w := wire.Wrap(below)
	var pool wire.Pool
	var pace asked
	refused := errors.New("refused")
	for i, step := range []struct {
		do    func()
		read  string
		err   error
		asked int
	}{
		{func() { w.Widen(&pool, 8, &pace) }, "abc", nil, 1},
		{func() {}, "def", nil, 1}, // was read ahead
		{func() {}, "ghi", nil, 2},
		{func() { w.Narrow() }, "j", nil, 2},
		{func() {}, "klm", nil, 2},
		{func() { w.Widen(&pool, 3, &pace); pace.refuse = refused }, "", refused, 3}, // no wider than a read
		{func() { w.Widen(&pool, 3, nil) }, "nop", nil, 3},
	} {
		step.do()
		b := make([]byte, 3)
		n, err := w.Read(b)
		if string(b[:n]) != step.read || !errors.Is(err, step.err) || pace.before != step.asked {
			t.Errorf("step %d: %q, %v, asked %d times", i, b[:n], err, pace.before)
		}
	}
	if pace.after != 2 || below.reads != 4 {
		t.Errorf("told %d times, %d reads", pace.after, below.reads)
	}
}

// TestNarrowLosesNothing holds in whatever order a body ends and the next begins while bytes of it were
// read ahead.
func TestNarrowLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps string // r reads 3 bytes, w widens, n narrows
		want  string
	}{
		{"narrow with bytes ahead", "wrnrrr", "abcdefghij"},
		{"narrow, then wide again", "wrnwrrr", "abcdefghij"},
		{"wide twice", "wwrrrr", "abcdefghij"},
		{"narrow twice", "nwrnnrrr", "abcdefghij"},
		{"never wide", "nrrrr", "abcdefghij"},
		{"narrow at the end of what was ahead", "wrrnrr", "abcdefghij"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := wire.Wrap(&scripted{pieces: [][]byte{[]byte("abcdef"), []byte("ghij")}})
			var pool wire.Pool
			var got []byte
			for _, step := range tt.steps {
				switch step {
				case 'w':
					w.Widen(&pool, wire.WideSize, nil)
				case 'n':
					w.Narrow()
				default:
					b := make([]byte, 3)
					n, err := w.Read(b)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, b[:n]...)
				}
			}
			if string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDeadlineIsSetSeldom(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const limit = 30 * time.Second
	for _, tt := range []struct {
		name  string
		after []time.Duration // of each write
		set   int
	}{
		{"first", []time.Duration{0}, 1},
		{"within the limit", []time.Duration{0, time.Second, limit}, 1},
		{"a moment behind it", []time.Duration{0, limit + 1}, 2},
		{"long after", []time.Duration{0, time.Hour, time.Hour + time.Second}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d wire.Deadline
			c := &scripted{}
			for _, after := range tt.after {
				now := start.Add(after)
				if err := d.Extend(c, now, limit); err != nil {
					t.Fatal(err)
				}
				left := c.until[len(c.until)-1].Sub(now)
				if left < limit || left > 2*limit {
					t.Errorf("after %s a write has %s", after, left)
				}
			}
			if len(c.until) != tt.set {
				t.Errorf("set %d times, want %d", len(c.until), tt.set)
			}
		})
	}
}

// raw is a wrapper as those of the PROXY protocol are.
type raw struct{ net.Conn }

func (r raw) Raw() net.Conn { return r.Conn }

func TestWrappersAreSeenThrough(t *testing.T) {
	here, there := tcpPair(t)
	defer there.Close()
	w := wire.Wrap(raw{here})
	secure := tls.Server(w, &tls.Config{})
	for _, tt := range []struct {
		name string
		conn net.Conn
		tls  bool
		wire bool
	}{
		{"bare", here, false, false},
		{"wrapped", w, false, true},
		{"below TLS", secure, true, true},
		{"a wrapper over TLS", raw{secure}, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wire.IsTLS(tt.conn); got != tt.tls {
				t.Errorf("TLS %t", got)
			}
			if got, ok := wire.Find[*wire.Wire](tt.conn); ok != tt.wire || ok && got != w {
				t.Errorf("found %v, %t", got, ok)
			}
			if got := wire.Unwrap(tt.conn); got != here {
				t.Errorf("unwrapped a %T", got)
			}
			wire.QuickAck(tt.conn)
		})
	}
	if _, ok := wire.Find[*wire.Wire](nil); ok {
		t.Error("found one in nothing")
	}
}

func tcpPair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if there, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if here, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

// TestProbeTellsWhatThePeerDid holds on a real socket; the probe takes nothing off it.
func TestProbeTellsWhatThePeerDid(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel can be asked on Linux only")
	}
	readable := func(c net.Conn) { // waits for data or an end without taking either
		sc, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = sc.Read(func(fd uintptr) bool { // what came before this call wakes nobody: the socket is asked first
			_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
			return !errors.Is(err, syscall.EAGAIN)
		})
	}
	for _, tt := range []struct {
		name        string
		peer        func(net.Conn)
		quiet, gone bool
	}{
		{"nothing", func(net.Conn) {}, true, false},
		{"sent", func(c net.Conn) { fmt.Fprint(c, "x") }, false, false},
		{"half closed", func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() }, false, true},
		{"closed", func(c net.Conn) { c.Close() }, false, true},
		{"reset", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); c.Close() }, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			here, there := tcpPair(t)
			p := wire.NewProbe(here)
			tt.peer(there)
			if !tt.quiet {
				readable(here)
			}
			if p.Quiet() != tt.quiet || p.Gone() != tt.gone {
				t.Errorf("quiet %t, gone %t", p.Quiet(), p.Gone())
			}
			if tt.name == "sent" {
				b := make([]byte, 2)
				if n, err := here.Read(b); err != nil || string(b[:n]) != "x" || !p.Quiet() {
					t.Errorf("read %q, %v, then quiet %t", b[:n], err, p.Quiet())
				}
			}
		})
	}
	t.Run("closed here", func(t *testing.T) {
		here, _ := tcpPair(t)
		p := wire.NewProbe(here)
		here.Close()
		if p.Quiet() || !p.Gone() || p.Queued() != 0 {
			t.Errorf("quiet %t, gone %t, queued %d", p.Quiet(), p.Gone(), p.Queued())
		}
	})
}

// TestProbeOfNoSocket holds: what cannot be asked counts as alive.
func TestProbeOfNoSocket(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	defer here.Close()
	p := wire.NewProbe(here)
	if p != nil || !p.Quiet() || p.Gone() || p.Queued() != 0 {
		t.Errorf("probe %v", p)
	}
}

func TestIsTimeout(t *testing.T) {
	here, _ := tcpPair(t)
	if err := here.SetReadDeadline(wire.LongAgo); err != nil {
		t.Fatal(err)
	}
	_, err := here.Read(make([]byte, 1))
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"a read whose time is over", err, true},
		{"wrapped", fmt.Errorf("read: %w", err), true},
		{"deadline", os.ErrDeadlineExceeded, true},
		{"end", io.EOF, false},
		{"closed", net.ErrClosed, false},
		{"none", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wire.IsTimeout(tt.err); got != tt.want {
				t.Errorf("%v: %t", tt.err, got)
			}
		})
	}
}

func TestPoolLendsOneSize(t *testing.T) {
	var p wire.Pool
	b := p.Take(10)
	if len(*b) != 10 {
		t.Errorf("%d bytes", len(*b))
	}
	p.Give(b)
	if again := p.Take(10); len(*again) != 10 {
		t.Errorf("%d bytes", len(*again))
	}
}

// A buffer goes back where it came from, whichever pool the next body would have had one of.
func TestBuffersGoBackToTheirPool(t *testing.T) {
	w := wire.Wrap(&scripted{pieces: [][]byte{[]byte("abcdef"), []byte("ghij")}})
	var small, large wire.Pool
	three := make([]byte, 3)
	for i, step := range []func(){
		func() { w.Widen(&small, 8, nil) }, func() { _, _ = w.Read(three) }, w.Narrow, // three bytes are left in it
		func() { w.Widen(&large, 16, nil) }, func() { _, _ = w.Read(three) }, w.Narrow,
		func() { w.Widen(&large, 16, nil) }, func() { _, _ = w.Read(three) }, func() { _, _ = w.Read(three[:1]) }, w.Narrow,
	} {
		if step(); i == 4 && string(three) != "def" {
			t.Errorf("%q", three)
		}
	}
	for range 3 {
		if a, b := len(*small.Take(8)), len(*large.Take(16)); a != 8 || b != 16 {
			t.Errorf("buffers of %d and %d", a, b)
		}
	}
}
