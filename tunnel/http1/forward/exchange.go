package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

// flushAfter is how long CopyN gathers bytes of a slow client before it sends what it has: engines
// give up after silence.
const flushAfter = time.Second

// Exchange is one request and its reply on one connection. Its methods belong to one goroutine.
// Writes first, then Reply, then Done; Cut at any time.
type Exchange struct {
	u       *Upstream
	l       *link // nil once it ended
	left    int64 // bytes of the body to send
	sent    bool  // the head left
	reply   Reply
	interim int // replies that Await dropped
}

// RequestHead is what Send writes in front of a body. Method is POST if it is empty; only POST
// names a Content-Length.
type RequestHead struct {
	Method        string
	Target        string // path and query, or a whole http address of Host where a proxy forwards
	Host          string
	ContentType   string
	Authorization string
	ContentLength int64
	Fields        []grammar.Field
}

// Reused tells whether the connection has carried a call before: if it then fails before a byte of
// an answer, the engine may just have closed it.
func (x *Exchange) Reused() bool { return x.l != nil && x.l.used }

// Unsent returns how many bytes of the body are still to be written.
func (x *Exchange) Unsent() int64 { return x.left }

// Queued returns how many bytes were written that the other side's kernel has not acknowledged; zero
// where the platform or the connection cannot tell.
func (x *Exchange) Queued() int64 {
	if x.l == nil {
		return 0
	}
	return int64(x.l.probe.Queued())
}

// Send writes the head and first, which begins or is the body, in one write. It returns ErrField
// or ErrOverrun before anything was written, and a *Fault if the write failed.
func (x *Exchange) Send(head RequestHead, first []byte) error {
	if x.l == nil || x.sent {
		return ErrClosed
	}
	if int64(len(first)) > head.ContentLength || head.ContentLength < 0 {
		return fmt.Errorf("%w: %d bytes, %d named", ErrOverrun, len(first), head.ContentLength)
	}
	p, size := &x.u.small, wire.BufferSize
	if len(first) > wire.BufferSize/2 {
		p, size = &x.u.big, wire.BigSize
	}
	buf := p.Take(size)
	defer p.Give(buf)
	b, err := appendRequestHead((*buf)[:0], head)
	if err != nil {
		return err
	}
	x.left, x.sent = head.ContentLength, true
	x.reply.headOnly = head.Method == "HEAD"
	n := max(0, min(len(first), cap(b)-len(b)))
	if err := x.write(append(b, first[:n]...)); err != nil {
		return err
	}
	x.left -= int64(n)
	_, err = x.Write(first[n:])
	return err
}

func appendRequestHead(b []byte, h RequestHead) ([]byte, error) {
	if h.Method == "" {
		h.Method = "POST"
	}
	if !grammar.KnownMethod(h.Method) || h.Method != "POST" && h.ContentLength != 0 {
		return nil, fmt.Errorf("%w: method %q with %d bytes", grammar.ErrField, h.Method, h.ContentLength)
	}
	named := h.Host != "" && grammar.All(h.Host, grammar.InTarget)
	path := strings.TrimPrefix(h.Target, "http://"+h.Host) // whole for a forward proxy
	if !named || path == "" || path[0] != '/' || !grammar.All(h.Target, grammar.InTarget) {
		return nil, fmt.Errorf("%w: target %q, host %q", grammar.ErrField, h.Target, h.Host)
	}
	if !grammar.All(h.ContentType, grammar.InValue) || !grammar.All(h.Authorization, grammar.InValue) {
		return nil, fmt.Errorf("%w: content type or credentials", grammar.ErrField)
	}
	b = append(b, h.Method...)
	b = append(b, ' ')
	b = append(b, h.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, h.Host...)
	b = append(b, "\r\n"...)
	b = appendIf(b, "Content-Type: ", h.ContentType)
	b = appendIf(b, "Authorization: ", h.Authorization)
	b, err := grammar.AppendFields(b, h.Fields)
	if err != nil {
		return nil, err
	}
	if h.Method == "POST" {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, h.ContentLength, 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

func appendIf(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, name...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// Write sends more of the body in one write. More than the Content-Length is ErrOverrun, and
// nothing of it is sent.
func (x *Exchange) Write(p []byte) (int, error) {
	if x.l == nil || !x.sent {
		return 0, ErrClosed
	}
	if int64(len(p)) > x.left {
		return 0, fmt.Errorf("%w: %d more, %d left", ErrOverrun, len(p), x.left)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := x.write(p); err != nil {
		return 0, err
	}
	x.left -= int64(len(p))
	return len(p), nil
}

// write sends p under the write timeout. After a failure the connection cannot be used again, but
// an answer may still be read.
func (x *Exchange) write(p []byte) error {
	err := x.l.writeTime.Extend(x.l.nc, x.u.cfg.Now(), x.u.cfg.WriteTimeout)
	if err == nil {
		_, err = x.l.nc.Write(p)
	}
	if err != nil {
		x.l.broken = true
		return x.u.fault(ReasonSend, false, err)
	}
	return nil
}

// CopyN sends n bytes of src. It gathers many reads into one write of up to 256 KiB, but holds no
// byte for much longer than a second while src trickles. tap, if it is not nil, sees the bytes
// before they leave and must not keep them. An error of src is returned as it is, with
// io.ErrUnexpectedEOF if src ended early; one of the engine is a *Fault.
func (x *Exchange) CopyN(src io.Reader, n int64, tap func([]byte)) (int64, error) {
	if n > x.left {
		return 0, fmt.Errorf("%w: %d more, %d left", ErrOverrun, n, x.left)
	}
	buf, give := x.u.copyBuffer()
	defer give()
	var done int64
	for done < n {
		k, err := x.gather(src, (*buf)[:min(n-done, int64(len(*buf)))])
		if err != nil {
			return done, err
		}
		if tap != nil {
			tap((*buf)[:k])
		}
		if _, err := x.Write((*buf)[:k]); err != nil {
			return done, err
		}
		done += int64(k)
	}
	return done, nil
}

// gather fills p from src, or returns with less once it took too long.
func (x *Exchange) gather(src io.Reader, p []byte) (int, error) {
	var start time.Time
	for n := 0; ; {
		k, err := src.Read(p[n:])
		n += k
		switch {
		case n == len(p):
			return n, nil
		case errors.Is(err, io.EOF):
			return n, io.ErrUnexpectedEOF
		case err != nil:
			return n, err
		case k == 0:
			continue
		}
		now := x.u.cfg.Now()
		if start.IsZero() {
			start = now
		}
		if now.Sub(start) >= flushAfter {
			return n, nil
		}
	}
}

// Spoken reports whether anything came from the engine that nobody has read. It cannot tell for a
// connection with TLS, and says no.
func (x *Exchange) Spoken() bool {
	return x.l != nil && (x.l.r < x.l.w || x.l.tls == nil && !x.l.probe.Quiet())
}

// Done ends the exchange. The connection is kept if nothing was sent, or if the whole request was
// sent, the reply read to its end and neither side wants to close. It is closed after a whole
// reply else, and cut if the exchange stopped halfway.
func (x *Exchange) Done() {
	l := x.l
	switch {
	case l == nil:
		return
	case l.broken || x.sent && (x.left > 0 || !x.reply.whole()):
		x.Cut()
		return
	}
	x.l = nil
	l.used = l.used || x.sent
	if x.reply.Close || l.r != l.w {
		_ = l.nc.Close() // the reply was read
		return
	}
	x.u.put(l)
}

// Cut closes the connection with a reset. The engine's read then fails where a plain close would
// read as an end, which some take for the end of the body; bytes that have not left are dropped;
// and TLS says no last word. What was sent stays short of its Content-Length, so the engine never
// had a complete object.
func (x *Exchange) Cut() {
	l := x.l
	if l == nil {
		return
	}
	x.l = nil
	raw := wire.Unwrap(l.nc)
	if t, ok := raw.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0) // if it fails, the close is a plain one and the object as incomplete
	}
	_ = raw.Close() // nothing more can be done with it
}

// Reply reads the head of the reply and returns it; its body is read from it. Interim replies are
// read over. There is no deadline, but it ends with ctx, and so do reads of the body. It fails
// with a *Fault, whose Started tells whether a byte of an answer had arrived. It may be
// called after a write has failed: an engine that refuses may answer and close early.
func (x *Exchange) Reply(ctx context.Context) (*Reply, error) {
	if x.l == nil || !x.sent || x.reply.x != nil {
		return nil, ErrClosed
	}
	x.reply.x, x.reply.ctx = x, ctx
	x.l.w, x.l.r = copy(x.l.buf, x.l.buf[x.l.r:x.l.w]), 0 // without what Await dropped
	if err := x.reply.readHead(); err != nil {
		x.l.broken = true
		return nil, err
	}
	return &x.reply, nil
}

// Await waits up to limit for the reply to begin and tells whether it has: interim replies do not
// count. It is
// used before Reply, to do something else while the engine works.
func (x *Exchange) Await(ctx context.Context, limit time.Duration) (bool, error) {
	if x.l == nil || !x.sent || x.reply.x != nil {
		return false, ErrClosed
	}
	until := x.u.cfg.Now().Add(limit)
	for {
		x.skipInterim()
		if x.l.r < x.l.w {
			return true, nil
		}
		n, err := x.l.read(ctx, x.u.cfg.Now, x.l.buf, until.Sub(x.u.cfg.Now()))
		x.l.r, x.l.w = 0, n
		switch {
		case n > 0:
			continue
		case wire.IsTimeout(err) && ctx.Err() == nil:
			return false, nil
		}
		x.l.broken = true
		return false, x.readFault(ctx, false, err)
	}
}

// skipInterim drops interim replies that are there whole: the engine is still at work. One that is
// not, or too many, are left to Reply.
func (x *Exchange) skipInterim() {
	for x.interim < maxSkipped {
		rest := x.l.buf[x.l.r:x.l.w]
		end := bytes.Index(rest, []byte("\r\n\r\n"))
		if end < 0 || !bytes.HasPrefix(rest, []byte("HTTP/1.1 1")) {
			return
		}
		x.interim++
		x.l.r += end + 4
	}
}

// maxSkipped bounds interim replies before a reply: one a second is as many in a day. An engine that sends
// more is not one.
const maxSkipped = 100_000
