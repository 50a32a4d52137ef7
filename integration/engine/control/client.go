package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// inputHeader carries the input of a command whose body is content.
const inputHeader = "Stagelock-Input"

// Client sends commands to an engine. It is safe for concurrent use.
type Client struct {
	URL   string // scheme, host and port
	Token string
	HTTP  *http.Client // nil means http.DefaultClient
}

// ErrNoEngine is returned for an answer that no engine gives to a command.
var ErrNoEngine = errors.New("which is not an engine's answer")

// Failure is a command that the engine did not carry out.
type Failure struct {
	Status  int
	Code    string // a content.Code, or token, no-command, input, engine
	Message string
	Cure    string
}

// Error returns the engine's message.
func (f *Failure) Error() string { return f.Message }

// Do sends a command that takes and answers JSON. Errors are *Failure, or what the network did.
func Do[Out any](ctx context.Context, c *Client, name string, in any) (out Out, err error) {
	b, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	r, err := c.send(ctx, name, bytes.NewReader(b), nil)
	if err != nil {
		return out, err
	}
	defer r.Close()
	return out, understood(name, json.NewDecoder(r).Decode(&out))
}

// Stream sends a command that answers one line of JSON after another, and tells of each. It returns
// the last.
func Stream[Out any](ctx context.Context, c *Client, name string, in any, tell func(Out)) (last Out, err error) {
	b, err := json.Marshal(in)
	if err != nil {
		return last, err
	}
	r, err := c.send(ctx, name, bytes.NewReader(b), nil)
	if err != nil {
		return last, err
	}
	defer r.Close()
	for d := json.NewDecoder(r); ; {
		var line Out
		switch err := d.Decode(&line); {
		case errors.Is(err, io.EOF):
			return last, nil
		case err != nil:
			return last, understood(name, err)
		}
		last = line
		tell(line)
	}
}

// Upload sends a command with content.
func Upload[Out any](ctx context.Context, c *Client, name string, in any, content io.Reader) (out Out, err error) {
	b, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	r, err := c.send(ctx, name, content, b)
	if err != nil {
		return out, err
	}
	defer r.Close()
	return out, understood(name, json.NewDecoder(r).Decode(&out))
}

// understood tells an answer that is none of an engine's from one that was cut.
func understood(name string, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) {
		return fmt.Errorf("%s: %w, %w", name, err, ErrNoEngine)
	}
	return err
}

// Download sends a command that answers content. The caller closes it.
func (c *Client) Download(ctx context.Context, name string, in any) (io.ReadCloser, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, name, bytes.NewReader(b), nil)
}

// send returns the body of a good answer. The caller closes it.
func (c *Client) send(ctx context.Context, name string, body io.Reader, input []byte) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+prefix+name, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if input != nil {
		req.Header.Set(inputHeader, ascii(input))
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var a answer
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxInput)).Decode(&a); err != nil {
		return nil, fmt.Errorf("%s: %s, %w", name, resp.Status, ErrNoEngine)
	}
	return nil, &Failure{Status: resp.StatusCode, Code: a.Code, Message: a.Message, Cure: a.Cure}
}

// ascii writes JSON so that a header can carry it.
func ascii(b []byte) string {
	var s strings.Builder
	for _, r := range string(b) {
		switch {
		case r < 0x7f: // no header carries DEL
			s.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&s, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&s, `\u%04x`, r)
		}
	}
	return s.String()
}
