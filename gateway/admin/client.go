package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"

	"github.com/stagelock/stagelock/gateway/status"
)

// Errors of a Client.
var (
	ErrNobody = errors.New("no gateway answers")                     // nothing listens there
	ErrDenied = errors.New("this user may not speak to the gateway") // the socket is another user's
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 16 << 20

// Client asks a running gateway. It is safe for concurrent use.
type Client struct {
	at   Address
	http http.Client
}

// NewClient returns a Client of the gateway that listens at that address.
func NewClient(at Address) *Client {
	c := &Client{at: at}
	c.http.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, at.Network, at.Name)
		},
	}
	return c
}

// Status returns how the gateway is. The error is ErrNobody, ErrDenied, or an answer that cannot be
// understood.
func (c *Client) Status(ctx context.Context) (s status.Status, err error) {
	err = c.ask(ctx, http.MethodGet, statusPath, &s, http.StatusOK)
	return s, err
}

// Reload has the gateway read its configuration again. Errors are those of Status; a configuration
// that was refused is none.
func (c *Client) Reload(ctx context.Context) (r Reloaded, err error) {
	err = c.ask(ctx, http.MethodPost, reloadPath, &r, http.StatusOK, http.StatusUnprocessableEntity)
	return r, err
}

// Order asks for something at a path and reads the answer into it. A status of 409 is refusal, which is
// read from the answer and returned.
func (c *Client) Order(ctx context.Context, path string, order, into any, refusal error) error {
	b, err := json.Marshal(order)
	if err != nil {
		return err
	}
	var raw json.RawMessage
	status, err := c.exchange(ctx, http.MethodPost, path, bytes.NewReader(b), &raw, http.StatusOK, http.StatusConflict)
	switch {
	case err != nil:
		return err
	case status == http.StatusConflict:
		if err := json.Unmarshal(raw, refusal); err != nil {
			return err
		}
		return refusal
	}
	return json.Unmarshal(raw, into)
}

func (c *Client) ask(ctx context.Context, method, path string, into any, good ...int) error {
	_, err := c.exchange(ctx, method, path, nil, into, good...)
	return err
}

// exchange returns the status of an answer that is good.
func (c *Client) exchange(
	ctx context.Context, method, path string, in io.Reader, into any, good ...int,
) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, in)
	if err != nil {
		return 0, err
	}
	res, err := c.http.Do(req)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return 0, fmt.Errorf("%w: %s", ErrDenied, c.at)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF): // it just went
		return 0, fmt.Errorf("%w at %s", ErrNobody, c.at)
	case err != nil:
		return 0, fmt.Errorf("%s: %w", c.at, err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return 0, fmt.Errorf("the answer of %s broke off: %w", c.at, err)
	}
	for _, code := range good {
		if res.StatusCode == code && json.Unmarshal(body, into) == nil {
			return code, nil
		}
	}
	return 0, fmt.Errorf("%s answers with status %d: %.200s", c.at, res.StatusCode, body)
}
