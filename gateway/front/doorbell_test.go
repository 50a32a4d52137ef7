package front_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/front"
)

// bell is a listener with a bell, at an address of this machine.
func bell(t *testing.T, at string) *front.Doorbell {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Skip(err) // there is no IPv6
	}
	d := front.NewDoorbell(l)
	t.Cleanup(func() { d.Close() })
	return d
}

// acceptedBy accepts until the listener ends, and hands on what it got.
func acceptedBy(d net.Listener) <-chan net.Conn {
	all := make(chan net.Conn, 10)
	go func() {
		defer close(all)
		for {
			c, err := d.Accept()
			if err != nil {
				return
			}
			all <- c
		}
	}()
	return all
}

// TestBellIsHeard: by the loop that accepts, and by nobody behind it; other connections pass as ever.
func TestBellIsHeard(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		t.Run(at, func(t *testing.T) {
			d := bell(t, at)
			all := acceptedBy(d)
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				if err := d.Ring(ctx); err != nil {
					t.Fatal(err)
				}
				cancel()
			}
			_, port, err := net.SplitHostPort(d.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			c, err := net.Dial("tcp", net.JoinHostPort(map[bool]string{true: "::1", false: "127.0.0.1"}[at[0] == '['], port))
			if errors.Is(err, syscall.EADDRNOTAVAIL) {
				t.Skip(err) // there is no IPv6, although one can listen
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			got := <-all
			defer got.Close()
			if got.RemoteAddr().String() != c.LocalAddr().String() {
				t.Errorf("%s was handed on, not %s", got.RemoteAddr(), c.LocalAddr())
			}
			if len(all) > 0 {
				t.Errorf("%d more connections were handed on", len(all))
			}
		})
	}
}

// everywhere says of a listener that it is one of all addresses of IPv6.
type everywhere struct{ net.Listener }

func (e everywhere) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv6unspecified, Port: e.Listener.Addr().(*net.TCPAddr).Port}
}

// TestBellOnAMachineWithoutIPv6: a listener of [::] takes IPv4 too, and the bell was never rung where there is no ::1.
func TestBellOnAMachineWithoutIPv6(t *testing.T) {
	l := aloneOnItsPort(t)
	d := front.NewDoorbell(everywhere{l})
	t.Cleanup(func() { d.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // in which its connection is made
	defer cancel()
	if err := d.Ring(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody accepts: %v", err)
	}
	acceptedBy(d)
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := d.Ring(ctx); err != nil {
		t.Errorf("it is accepted: %v", err)
	}
}

// aloneOnItsPort listens on IPv4 only, and has nobody listen on that port of ::1 meanwhile.
func aloneOnItsPort(t *testing.T) net.Listener {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0)
		if err != nil {
			return l // there is no IPv6
		}
		syscall.CloseOnExec(fd)
		t.Cleanup(func() { _ = syscall.Close(fd) })
		at := &syscall.SockaddrInet6{Port: l.Addr().(*net.TCPAddr).Port, Addr: [16]byte{15: 1}}
		if err := syscall.Bind(fd, at); err == nil || errors.Is(err, syscall.EADDRNOTAVAIL) {
			return l // bound and not listening: who connects is refused
		}
		l.Close()
	}
	t.Fatal("no port is free")
	return nil
}

// TestBellOfALoopThatHangs: nobody accepts, so the ring comes back with the end of the patience.
func TestBellOfALoopThatHangs(t *testing.T) {
	d := bell(t, "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // in which its connection is made
	defer cancel()
	if err := d.Ring(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	all := acceptedBy(d) // the loop goes on: the connection of the bell that is gone is one as any other
	if err := d.Ring(t.Context()); err != nil {
		t.Errorf("after the loop goes on: %v", err)
	}
	if c := <-all; c == nil {
		t.Error("the connection is lost")
	}
}

// TestBellOfAListenerThatIsClosed: nobody has to answer.
func TestBellOfAListenerThatIsClosed(t *testing.T) {
	d := bell(t, "127.0.0.1:0")
	rung := make(chan error, 1)
	go func() { rung <- d.Ring(t.Context()) }()
	d.Close()
	if err := <-rung; err != nil {
		t.Errorf("got %v", err)
	}
	if err := d.Ring(t.Context()); err != nil {
		t.Errorf("once it is closed: %v", err)
	}
	if err := d.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed again: %v", err)
	}
}
