package wire

import (
	"crypto/tls"
	"net"
)

// Wire lies between a TCP connection and TLS. While a big body flows it reads ahead, so that one
// system call brings many TLS records; else it is not there. A listener wraps what it accepts:
// tls.Server(wire.Wrap(c), config).
type Wire struct {
	net.Conn
	quick *quick // nil: the connection cannot be asked directly

	from *Pool // nil: it does not read ahead
	pace Pace  // nil: nobody asks
	buf  *[]byte
	lent *Pool // whose buf is
	r, w int
}

// Pace is asked before each read of the socket while a big body flows, and told when that has ended. What was
// read ahead waits for nobody and costs it nothing.
type Pace interface {
	Before() error // why nothing is to be read any more
	After()
}

// Wrap returns c as a Wire.
func Wrap(c net.Conn) *Wire { return &Wire{Conn: c, quick: newQuick(c)} }

func (w *Wire) receive(p []byte) (int, error) {
	if w.quick == nil || len(p) > maxQuick {
		return w.Conn.Read(p)
	}
	return w.quick.read(p)
}

// Write writes p.
func (w *Wire) Write(p []byte) (int, error) {
	if w.quick == nil || len(p) > maxQuick {
		return w.Conn.Write(p)
	}
	return w.quick.write(p)
}

// NetConn returns the connection below.
func (w *Wire) NetConn() net.Conn { return w.Conn }

// Read reads from the buffer, and fills it first while a big body flows.
func (w *Wire) Read(p []byte) (int, error) {
	if w.r == w.w {
		if w.from == nil || len(p) >= len(*w.buf) {
			w.drop()
			return w.paced(p)
		}
		n, err := w.paced(*w.buf)
		w.r, w.w = 0, n
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, (*w.buf)[w.r:w.w])
	w.r += n
	return n, nil
}

func (w *Wire) paced(p []byte) (int, error) {
	if w.pace == nil {
		return w.receive(p)
	}
	if err := w.pace.Before(); err != nil {
		return 0, err
	}
	n, err := w.receive(p)
	w.pace.After()
	return n, err
}

// Widen begins the reading ahead, at a pace unless that is nil, with a buffer of the pool, whose size that is,
// unless there is one still.
func (w *Wire) Widen(from *Pool, size int, pace Pace) {
	if w.buf == nil {
		w.buf, w.lent = from.Take(size), from
	}
	w.from, w.pace = w.lent, pace
}

// Narrow ends the reading ahead; the buffer goes back once it is empty.
func (w *Wire) Narrow() {
	if w.from == nil {
		return
	}
	from := w.from
	w.from, w.pace = nil, nil
	if w.r == w.w {
		from.Give(w.buf)
		w.buf = nil
	}
}

// drop forgets a buffer that was read to its end after narrow; the collector takes it.
func (w *Wire) drop() {
	if w.from == nil {
		w.buf = nil
	}
}

// Find returns the first connection of type T in the chain of wrappers.
func Find[T net.Conn](c net.Conn) (T, bool) {
	for c != nil {
		if t, ok := c.(T); ok {
			return t, true
		}
		c = below(c)
	}
	var none T
	return none, false
}

// below returns what a wrapper wraps, or nil.
func below(c net.Conn) net.Conn {
	switch w := c.(type) {
	case interface{ NetConn() net.Conn }:
		return w.NetConn()
	case interface{ Raw() net.Conn }: // PROXY protocol wrappers call it so
		return w.Raw()
	}
	return nil
}

// Unwrap returns the connection under all wrappers.
func Unwrap(c net.Conn) net.Conn {
	for {
		next := below(c)
		if next == nil {
			return c
		}
		c = next
	}
}

// IsTLS reports whether there is TLS in the chain of wrappers.
func IsTLS(c net.Conn) bool {
	_, ok := Find[*tls.Conn](c)
	return ok
}

// QuickAck makes the kernel acknowledge at once what just came. Called right after a TLS handshake
// it spares clients that do not set TCP_NODELAY a wait of 40 ms for the first answer. It does
// nothing where the platform has no such switch.
func QuickAck(c net.Conn) {
	if p := NewProbe(Unwrap(c)); p != nil {
		p.quickAck()
	}
}
