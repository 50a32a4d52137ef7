package forward

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// bodyState says what comes next in the body of a reply.
type bodyState int

const (
	bodySized   bodyState = iota // chunk bytes of the body
	bodyToClose                  // all until the engine closes
	chunkSize                    // a size line
	chunkData                    // chunk bytes, then CRLF
	chunkLast                    // the empty line after the last chunk
	bodyOver
)

var (
	errChunk = errors.New("reply is badly chunked")
	errLarge = errors.New("reply is longer than the limit")
)

// begin decides from the head how the body ends.
func (r *Reply) begin() {
	switch {
	case r.headOnly || r.Status == 204 || r.Status == 304:
		r.state = bodyOver
	case r.Chunked:
		r.state = chunkSize
	case r.ContentLength >= 0:
		r.state, r.chunk = bodySized, r.ContentLength
		if r.chunk == 0 {
			r.state = bodyOver
		}
	default:
		r.state, r.chunk, r.Close = bodyToClose, math.MaxInt64, true
	}
}

// Read reads the body. It returns io.EOF at its end and a *Fault if it is cut, badly
// chunked, or longer than the limit.
func (r *Reply) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.readBody(p)
	r.total += int64(n)
	if r.total > r.x.u.cfg.MaxReply {
		n, err = 0, r.tooLarge()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
		if r.x.l != nil {
			r.x.l.broken = true
		}
	}
	return n, err
}

func (r *Reply) tooLarge() error {
	limit := r.x.u.cfg.MaxReply
	return r.x.u.fault(ReasonReplyLarge, true, fmt.Errorf("%w of %d bytes", errLarge, limit))
}

// AppendTo appends the whole body to b, and takes little more memory than that.
func (r *Reply) AppendTo(b []byte) ([]byte, error) {
	if r.ContentLength > r.x.u.cfg.MaxReply {
		return b, r.tooLarge()
	}
	for {
		if r.state == bodyOver && r.err == nil {
			return b, nil
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

func (r *Reply) readBody(p []byte) (int, error) {
	if r.x.l == nil {
		return 0, ErrClosed
	}
	for r.state == chunkSize || r.state == chunkLast {
		if err := r.chunkLine(); err != nil {
			return 0, err
		}
	}
	if r.state == bodyOver {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.content(p)
	r.chunk -= int64(n)
	if n == 0 {
		return 0, r.ended(err)
	}
	if r.chunk == 0 {
		return n, r.endOfChunk()
	}
	return n, nil
}

// content returns bytes of the body from the buffer, or else from the connection.
func (r *Reply) content(p []byte) (int, error) {
	if int64(len(p)) > r.chunk {
		p = p[:r.chunk]
	}
	l := r.x.l
	if l.r == l.w {
		if len(p) >= wire.BufferSize/2 {
			return l.read(r.ctx, r.x.u.cfg.Now, p, 0)
		}
		if err := r.refill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.buf[l.r:l.w])
	l.r += n
	return n, nil
}

// refill reads more behind the head, which stays.
func (r *Reply) refill() error {
	l := r.x.l
	if l.r > r.head {
		l.w = r.head + copy(l.buf[r.head:], l.buf[l.r:l.w])
		l.r = r.head
	}
	n, err := l.read(r.ctx, r.x.u.cfg.Now, l.buf[l.w:], 0)
	l.w += n
	if n > 0 {
		return nil
	}
	return err
}

// ended judges the end of input in the middle of a body.
func (r *Reply) ended(err error) error {
	if r.state == bodyToClose && errors.Is(err, io.EOF) {
		r.state = bodyOver
		return io.EOF
	}
	return r.x.readFault(r.ctx, true, err)
}

func (r *Reply) endOfChunk() error {
	if r.state == bodySized {
		r.state = bodyOver
		return nil
	}
	line, err := r.line(2)
	if err != nil {
		return err
	}
	if len(line) != 0 {
		return r.badChunk("chunk is longer than its size", line)
	}
	r.state = chunkSize
	return nil
}

// chunkLine reads a size, or the empty line after the last chunk: trailers are refused.
func (r *Reply) chunkLine() error {
	line, err := r.line(10)
	if err != nil {
		return err
	}
	if r.state == chunkLast {
		if len(line) != 0 {
			return r.badChunk("trailer", line)
		}
		r.state = bodyOver
		return nil
	}
	size, ok := parseChunkSize(line)
	if !ok {
		return r.badChunk("size", line)
	}
	r.state, r.chunk = chunkData, size
	if size == 0 {
		r.state = chunkLast
	}
	return nil
}

func (r *Reply) badChunk(what string, line []byte) error {
	return r.x.u.fault(ReasonReply, true, fmt.Errorf("%w: %s %.20q", errChunk, what, line))
}

// line reads one line of at most limit bytes with its CRLF, which it takes off.
func (r *Reply) line(limit int) ([]byte, error) {
	l := r.x.l
	for {
		in := l.buf[l.r:l.w]
		if i := bytes.IndexByte(in, '\n'); i >= 0 && i < limit {
			if i == 0 || in[i-1] != '\r' {
				return nil, r.badChunk("line without CRLF", in[:i])
			}
			l.r += i + 1
			return in[:i-1], nil
		}
		if len(in) >= limit {
			return nil, r.badChunk("line", in[:limit])
		}
		if err := r.refill(); err != nil {
			return nil, r.x.readFault(r.ctx, true, err)
		}
	}
}

// parseChunkSize reads one to eight hexadecimal digits: no sign, no extension, no blank.
func parseChunkSize(line []byte) (int64, bool) {
	if len(line) == 0 || len(line) > 8 {
		return 0, false
	}
	var n int64
	for _, c := range line {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		n = n<<4 | int64(d)
	}
	return n, true
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
