package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// client is one connection of the driver.
type client struct {
	conn    net.Conn
	resumed bool   // its session was that of an earlier connection
	b       []byte // room for an answer
	answer  []byte // body of the last answer
}

func dial(ctx context.Context, addr string, config *tls.Config) (*client, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &client{conn: conn, b: make([]byte, 8<<10), resumed: conn.ConnectionState().DidResume}, nil
}

func (c *client) close() error { return c.conn.Close() }

// call sends a request and reads its whole answer, without allocating.
func (c *client) call(request []byte) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	n := 0
	for {
		m, err := c.conn.Read(c.b[n:])
		if n += m; err != nil {
			return fmt.Errorf("the answer %q was cut: %w", c.b[:n], err)
		}
		end := bytes.Index(c.b[:n], []byte("\r\n\r\n"))
		if end < 0 && n < len(c.b) {
			continue
		}
		if !bytes.HasPrefix(c.b[:n], []byte("HTTP/1.1 200 ")) || bytes.Contains(c.b[:n], []byte("Exception")) {
			return fmt.Errorf("the answer is %q", c.b[:n])
		}
		if whole := end + 4 + contentLength(c.b[:end+2]); n < whole {
			if whole > len(c.b) {
				return fmt.Errorf("an answer of %d bytes is not of these calls", whole)
			}
			if _, err := io.ReadFull(c.conn, c.b[n:whole]); err != nil {
				return err
			}
			n = whole
		}
		c.answer = c.b[end+4 : n]
		return nil
	}
}

// id is the long at the end of the last answer.
func (c *client) id() (int64, error) {
	if len(c.answer) < 8 {
		return 0, fmt.Errorf("%q is no id", c.answer)
	}
	return int64(binary.BigEndian.Uint64(c.answer[len(c.answer)-8:])), nil
}

// serial is what no two creates of a run have in common.
var serial atomic.Uint64

// worker makes the calls of one connection, one after another.
type worker struct {
	client *client
	once   func(n int) error
	finish func() error // once all are timed; nil: nothing
}

// begin returns a worker for each connection of a scene.
func (s scene) begin(ctx context.Context, r *rival, c *calls) (all []*worker, err error) {
	for range s.conns {
		w := &worker{}
		if !s.fresh {
			if w.client, err = dial(ctx, r.addr, r.config()); err != nil {
				return all, err
			}
		}
		all = append(all, w)
		if err := s.set(ctx, r, c, w); err != nil {
			return all, err
		}
	}
	return all, nil
}

// drive has the workers call until more says no, and returns how long each call took.
func drive(all []*worker, more func() bool) (taken *histogram, err error) {
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	each := make([]histogram, len(all))
	for i, w := range all {
		wg.Go(func() {
			for n := 0; errs[i] == nil && more(); n++ {
				begun := time.Now()
				errs[i] = w.once(n)
				each[i].add(time.Since(begun))
			}
		})
	}
	wg.Wait()
	taken = &histogram{}
	for i := range each {
		taken.merge(&each[i])
	}
	return taken, errors.Join(errs...)
}
