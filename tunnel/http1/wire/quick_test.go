package wire_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// wrapped returns the two ends of a TCP connection, the first one wrapped.
func wrapped(t testing.TB) (*wire.Wire, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close(); near.Close() })
	return wire.Wrap(near), far.(*net.TCPConn)
}

// A Wire over a socket fails as the socket would.
func TestWireReadsAsASocketDoes(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w *wire.Wire, far *net.TCPConn) error
		want error
	}{
		{"the far end closes", func(_ *wire.Wire, far *net.TCPConn) error { return far.Close() }, io.EOF},
		{"the far end resets", func(_ *wire.Wire, far *net.TCPConn) error {
			return errors.Join(far.SetLinger(0), far.Close())
		}, syscall.ECONNRESET},
		{"a deadline that has passed", func(w *wire.Wire, _ *net.TCPConn) error {
			return w.SetReadDeadline(wire.LongAgo)
		}, os.ErrDeadlineExceeded},
		{"a deadline that passes", func(w *wire.Wire, _ *net.TCPConn) error {
			return w.SetReadDeadline(time.Now().Add(time.Millisecond))
		}, os.ErrDeadlineExceeded},
		{"this end is closed", func(w *wire.Wire, _ *net.TCPConn) error { return w.Close() }, net.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, first := range []bool{true, false} {
				w, far := wrapped(t)
				ended := make(chan error, 1)
				read := func() {
					n, err := w.Read(make([]byte, 10))
					if n != 0 {
						err = errors.New("something came")
					}
					ended <- err
				}
				if !first { // it may be waiting when it happens
					go read()
				}
				if err := tt.do(w, far); err != nil {
					t.Fatal(err)
				}
				if first {
					read()
				}
				err := <-ended
				if !errors.Is(err, tt.want) {
					t.Errorf("%v, want %v", err, tt.want)
				}
				if wire.IsTimeout(err) != errors.Is(tt.want, os.ErrDeadlineExceeded) {
					t.Errorf("%v counts as a timeout or does not", err)
				}
			}
		})
	}
}

func TestWireWritesAsASocketDoes(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(w *wire.Wire, far *net.TCPConn) error
		want error
	}{
		{"the far end resets", func(_ *wire.Wire, far *net.TCPConn) error {
			return errors.Join(far.SetLinger(0), far.Close())
		}, syscall.ECONNRESET},
		{"a deadline passes while nobody reads", func(w *wire.Wire, _ *net.TCPConn) error {
			return w.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		}, os.ErrDeadlineExceeded},
		{"this end is closed", func(w *wire.Wire, _ *net.TCPConn) error { return w.Close() }, net.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, far := wrapped(t)
			if err := tt.do(w, far); err != nil {
				t.Fatal(err)
			}
			var err error
			for err == nil { // until the kernel has no room, or knows
				_, err = w.Write(make([]byte, 32<<10))
			}
			if !errors.Is(err, tt.want) && (tt.want != syscall.ECONNRESET || !errors.Is(err, syscall.EPIPE)) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// What the kernel takes in pieces arrives whole and in order, in both directions at once.
func TestWireCarriesMoreThanTheKernelHasRoomFor(t *testing.T) {
	w, far := wrapped(t)
	if err := errors.Join(far.SetReadBuffer(64<<10), w.Conn.(*net.TCPConn).SetWriteBuffer(16<<10)); err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, 1<<20)
	for i := range sent {
		sent[i] = byte(i ^ i>>8 ^ i>>16)
	}
	failed := make(chan error, 3)
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 60<<10)
			if k, err := w.Write(rest[:n]); k != n || err != nil {
				failed <- errors.Join(err, io.ErrShortWrite)
				return
			}
			rest = rest[n:]
		}
		failed <- nil
	}()
	go func() {
		got := make([]byte, len(sent))
		_, err := io.ReadFull(far, got)
		if err == nil && !bytes.Equal(got, sent) {
			err = errors.New("other bytes came than were sent")
		}
		failed <- err
		_, err = far.Write(sent)
		failed <- err
	}()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(w, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("other bytes came back than were sent: %v", err)
	}
	for range 3 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
