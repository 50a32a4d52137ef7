package http1

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// Unsent returns how many bytes of answers the kernel of the client has not acknowledged, below
// TLS. It returns ErrUnsupported where the platform cannot tell.
func (c *Conn) Unsent() (int, error) { return c.probe.unsent() }

// Gone tells without waiting whether the client has closed or reset its side, as it does when it
// gives up during a long call. False where the platform cannot tell. It may be called while the
// connection is read or written, by one goroutine.
func (c *Conn) Gone() bool { return c.probe.gone() }

// Delivered tells whether the last answer has reached the client, given what Next returned after
// it: a request on the same connection proves it, and so does a clean close with nothing
// unacknowledged. A reset, a timeout or an unknown proves nothing; nor does a close below TLS that
// TLS did not announce, since a balancer between can have taken the answer and cut both sides.
func (c *Conn) Delivered(next error) bool {
	var refusal *Error
	if next == nil || errors.As(next, &refusal) {
		return true
	}
	if !errors.Is(next, io.EOF) || c.torn() {
		return false
	}
	n, err := c.Unsent()
	return err == nil && n == 0
}

// Finish ends a connection whose last answer said Connection: close. It gives the client half of
// limit to close by itself, then closes for writing and waits the other half, dropping what comes,
// up to 1 MiB: a plain close with unread input would destroy the answer on its way. It tells
// whether the answer was delivered, and the connection is closed when it returns.
func (c *Conn) Finish(limit time.Duration) (delivered bool) {
	defer c.Close()
	c.narrow()
	read, err := c.drop(0, limit/2)
	if isTimeout(err) && c.closeWrite() == nil {
		_, err = c.drop(read, limit/2)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	n, err := c.Unsent()
	return err == nil && n <= 1 && !c.torn() // our own FIN counts one
}

func (c *Conn) torn() bool { return c.wire != nil && c.wire.torn }

// drop reads until the client closes, for at most limit.
func (c *Conn) drop(read int, limit time.Duration) (int, error) {
	if err := c.nc.SetReadDeadline(c.p.now().Add(limit)); err != nil {
		return read, err
	}
	buf := c.p.small.take(bufferSize)
	defer c.p.small.give(buf)
	for read <= lingerBytes {
		n, err := c.nc.Read(*buf)
		read += n
		if err != nil {
			return read, err
		}
	}
	return read, ErrDrainLimit
}

// closeWrite says that no more comes, in TLS and in TCP.
func (c *Conn) closeWrite() error {
	_ = c.writeTime.extend(c.nc, c.p.now(), c.p.writeTimeout())
	if t, ok := find[*tls.Conn](c.nc); ok {
		if err := t.CloseWrite(); err != nil {
			return err
		}
	}
	if t, ok := unwrap(c.nc).(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return nil
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
