package http1

import (
	"crypto/tls"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// Gone tells without waiting whether the client has closed or reset its side, as it does when it
// gives up during a long call. False where the platform cannot tell. It may be called while the
// connection is read or written, by one goroutine.
func (c *Conn) Gone() bool { return c.probe.Gone() }

// Finish ends a connection whose last answer said Connection: close. It gives the client half of
// limit to close by itself, then closes for writing and waits the other half, dropping what comes,
// up to 1 MiB: a plain close with unread input would destroy the answer on its way. The connection is
// closed when it returns.
func (c *Conn) Finish(limit time.Duration) {
	defer c.Close()
	c.narrow()
	read, err := c.drop(0, limit/2)
	if wire.IsTimeout(err) && c.closeWrite() == nil {
		_, _ = c.drop(read, limit/2)
	}
}

// drop reads until the client closes, for at most limit.
func (c *Conn) drop(read int, limit time.Duration) (int, error) {
	if err := c.nc.SetReadDeadline(c.p.now().Add(limit)); err != nil {
		return read, err
	}
	buf := c.p.small.Take(wire.BufferSize)
	defer c.p.small.Give(buf)
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
	_ = c.writeTime.Extend(c.nc, c.p.now(), c.p.writeTimeout())
	if t, ok := wire.Find[*tls.Conn](c.nc); ok {
		if err := t.CloseWrite(); err != nil {
			return err
		}
	}
	if t, ok := wire.Unwrap(c.nc).(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return nil
}
