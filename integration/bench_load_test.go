package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/tunnel/liferay"
)

// caller makes one call over and over on a connection of its own, without allocating.
type caller struct {
	conn    *tls.Conn
	request []byte
	answer  []byte // room for an answer, which is as long each time
}

// newCaller connects and makes the first call, by which it learns how long an answer is.
func newCaller(ctx context.Context, addr string, config *tls.Config, request []byte) (*caller, error) {
	d := tls.Dialer{Config: config}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &caller{conn: conn.(*tls.Conn), request: request}
	if err := c.first(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

func (c *caller) first() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	for {
		piece := make([]byte, 4096)
		n, err := c.conn.Read(piece)
		c.answer = append(c.answer, piece[:n]...)
		if err != nil {
			return err
		}
		head, body, whole := bytes.Cut(c.answer, []byte("\r\n\r\n"))
		if !whole {
			continue
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("answer %q", c.answer)
		}
		_, text, _ := bytes.Cut(head, []byte("Content-Length: "))
		text, _, _ = bytes.Cut(text, []byte("\r\n"))
		length, err := strconv.Atoi(string(text))
		if err != nil {
			return err
		}
		if len(body) == length {
			return nil
		}
	}
}

func (c *caller) call() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	if _, err := io.ReadFull(c.conn, c.answer); err != nil {
		return err
	}
	if !bytes.HasPrefix(c.answer, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answer %q", c.answer)
	}
	return nil
}

// callers opens connections that make one call each.
func callers(t testing.TB, n int, addr string, config *tls.Config, request []byte) []*caller {
	t.Helper()
	var all []*caller
	for range n {
		c, err := newCaller(t.Context(), addr, config, request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.conn.Close() })
		all = append(all, c)
	}
	return all
}

// times has the callers make n calls together.
func times(n int, all []*caller) error {
	var left atomic.Int64
	left.Store(int64(n))
	return together(all, func() bool { return left.Add(-1) >= 0 })
}

func together(all []*caller, more func() bool) error {
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, c := range all {
		wg.Go(func() {
			for errs[i] == nil && more() {
				errs[i] = c.call()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// smallCall returns a whole request of a call that carries no content.
func (j *javaClient) smallCall(t testing.TB, name string, args ...any) []byte {
	t.Helper()
	call, err := liferay.NewCall(build, j.principal(), method(name).Method, args...)
	if err != nil {
		t.Fatal(err)
	}
	body, err := call.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(j.head(len(body)), body...)
}

// partCall returns a whole request of a part.
func (j *javaClient) partCall(t testing.TB, id int64, name string, content []byte) []byte {
	t.Helper()
	body, err := j.part(id, name, content)
	if err != nil {
		t.Fatal(err)
	}
	return append(j.head(len(body)), body...)
}
