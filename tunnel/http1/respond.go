package http1

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// unbuffered tells nginx to pass chunks on as they come: by default it keeps a sign of life back until
// the answer is over or its buffer full.
const unbuffered = "X-Accel-Buffering: no\r\n"

// reasons are the phrases of status lines.
var reasons = map[int]string{
	200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
	404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 411: "Length Required",
	413: "Content Too Large",
	421: "Misdirected Request", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
	500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
	504: "Gateway Timeout",
}

// Respond answers the request in one write, or in two if the body is large. It says Connection:
// close, and Next will return ErrFinished, if close is set, if the request was refused or asked
// for it, or if its body was not read to the end. An answer to HEAD has no body. It returns
// ErrField, and writes nothing, if a field is not one field for every reader.
func (c *Conn) Respond(status int, fields []grammar.Field, body []byte, close bool) error {
	if c.answered {
		return ErrAnswered
	}
	c.closing = c.closing || close || c.remaining > 0
	buf := c.p.small.Take(wire.BufferSize)
	defer c.p.small.Give(buf)
	b, err := c.appendHead((*buf)[:0], status, fields)
	if err != nil {
		return err
	}
	if status != 204 {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	c.answered = true
	if c.req.Method == "HEAD" || status == 204 {
		body = nil
	}
	if len(b)+len(body) <= wire.BigSize {
		return c.write(append(b, body...))
	}
	if err := c.write(b); err != nil {
		return err
	}
	return c.write(body)
}

// Phrase has the next answer say p in place of the usual phrase of its status, for clients that show
// nothing else. What is no phrase in ASCII is not said.
func (c *Conn) Phrase(p string) {
	if !strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r > '~' }) {
		c.phrase = p
	}
}

// appendHead writes status line and fields without the framing and the last empty line.
func (c *Conn) appendHead(b []byte, status int, fields []grammar.Field) ([]byte, error) {
	if status < 200 || status > 599 {
		return nil, fmt.Errorf("%w: status %d", grammar.ErrField, status)
	}
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, cmp.Or(c.phrase, reasons[status])...)
	c.phrase = ""
	b = append(b, "\r\n"...)
	b, err := grammar.AppendFields(b, fields)
	if err != nil {
		return nil, err
	}
	if c.closing {
		b = append(b, "Connection: close\r\n"...)
	}
	return b, nil
}

// write sends b under the write timeout.
func (c *Conn) write(b []byte) error {
	if err := c.writeTime.Extend(c.nc, c.p.now(), c.p.writeTimeout()); err != nil {
		c.closing = true
		return fmt.Errorf("answer: %w", err)
	}
	if _, err := c.nc.Write(b); err != nil {
		c.closing = true
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// Chunks is an answer whose length is not known when it begins: each Write leaves at once as one
// chunk.
type Chunks struct {
	c    *Conn
	head []byte // until the first write
	over bool
}

// Chunked begins an answer in chunks. Its head leaves with the first Write. It returns ErrField
// like Respond.
func (c *Conn) Chunked(status int, fields []grammar.Field) (*Chunks, error) {
	if c.answered {
		return nil, ErrAnswered
	}
	c.closing = c.closing || c.remaining > 0
	head, err := c.appendHead(nil, status, fields)
	if err != nil {
		return nil, err
	}
	c.answered = true
	return &Chunks{c: c, head: append(head, unbuffered+"Transfer-Encoding: chunked\r\n\r\n"...)}, nil
}

// Write sends p as one chunk, in one write. An empty p sends nothing: an empty chunk would be the
// last.
func (k *Chunks) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := k.send(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Finish sends p, if it is not empty, and the end of the answer in one write.
func (k *Chunks) Finish(p []byte) error {
	if err := k.send(p, true); err != nil {
		return err
	}
	k.over = true
	return nil
}

// Close ends the answer.
func (k *Chunks) Close() error { return k.Finish(nil) }

// Abort closes the connection short of the end of the answer, which every client takes for a
// failure and none repeats.
func (k *Chunks) Abort() error {
	k.over, k.c.closing = true, true
	return k.c.Close()
}

func (k *Chunks) send(p []byte, last bool) error {
	if k.over {
		return ErrAnswered
	}
	buf := k.c.p.small.Take(wire.BufferSize)
	defer k.c.p.small.Give(buf)
	b := (*buf)[:0]
	b = append(b, k.head...)
	k.head = nil
	if k.c.req.Method == "HEAD" {
		return k.c.write(b)
	}
	if len(p) > 0 {
		b = strconv.AppendInt(b, int64(len(p)), 16)
		b = append(b, "\r\n"...)
		b = append(b, p...)
		b = append(b, "\r\n"...)
	}
	if last {
		b = append(b, "0\r\n\r\n"...)
	}
	return k.c.write(b)
}
