package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/http1/wire"
)

const (
	maxInterim     = 1000 // 1xx heads in front of a reply that Await did not see
	maxReplyFields = 128  // header fields of a reply
	quickRead      = 50 * time.Millisecond
)

// Reply is the answer of the engine. Its body is read from it, up to the limit of the
// configuration. It is valid until the Exchange ends.
type Reply struct {
	Status        int
	ContentType   string
	ContentLength int64 // -1 if it is not named
	Chunked       bool
	Close         bool // the connection ends after it

	x        *Exchange
	ctx      context.Context // of the one call this value lives for
	head     int             // length of the head, which stays at the front of the buffer
	headOnly bool            // the request was HEAD
	chunk    int64           // bytes left of the body or of the chunk
	total    int64           // bytes of the body so far
	state    bodyState
	seen     uint
	err      error // sticky
}

// whole tells whether the reply was read to its end.
func (r *Reply) whole() bool { return r.x != nil && r.state == bodyOver }

// Field returns the value of the first header field of that name, as the engine sent it; nothing
// once the Exchange has ended.
func (r *Reply) Field(name string) string {
	if r.x.l == nil {
		return ""
	}
	_, rest, _ := bytes.Cut(r.x.l.buf[:r.head], crlf)
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, crlf)
		if n := bytes.IndexByte(line, ':'); n == len(name) && strings.EqualFold(string(line[:n]), name) {
			return grammar.Trim(string(line[n+1:]))
		}
	}
	return ""
}

var crlf = []byte("\r\n")

// readHead reads heads until one is final.
func (r *Reply) readHead() error {
	l := r.x.l
	for range maxInterim + 1 {
		n, err := r.completeHead()
		if err != nil {
			return err
		}
		err = r.parse(l.buf[:n])
		if err != nil {
			return r.x.u.fault(ReasonReply, true, err)
		}
		if r.Status >= 200 {
			r.head, l.r = n, n
			r.begin()
			return nil
		}
		l.w = copy(l.buf, l.buf[n:l.w])
	}
	return r.x.u.fault(ReasonReply, true, fmt.Errorf("more than %d interim replies", maxInterim))
}

// completeHead reads until the buffer begins with a complete head and returns its length.
func (r *Reply) completeHead() (int, error) {
	l := r.x.l
	var s grammar.Scanner
	for {
		n, err := s.Find(l.buf[:l.w])
		if err != nil {
			return 0, r.x.u.fault(ReasonReply, true, err)
		}
		if n > 0 && n <= r.x.u.cfg.MaxReplyHead {
			return n, nil
		}
		if l.w >= r.x.u.cfg.MaxReplyHead {
			return 0, r.x.u.fault(ReasonReply, true, fmt.Errorf("%w: head is too long", errReply))
		}
		k, err := l.read(r.ctx, r.x.u.cfg.Now, l.buf[l.w:], 0)
		l.w += k
		if k == 0 {
			return 0, r.x.readFault(r.ctx, l.w > 0, err)
		}
	}
}

var errReply = errors.New("reply is not HTTP/1.1 as it is written")

// parse reads one complete head.
func (r *Reply) parse(head []byte) error {
	r.ContentType, r.ContentLength, r.Chunked, r.Close, r.seen = "", -1, false, false, 0
	end := bytes.IndexByte(head, '\n') + 1
	if err := r.statusLine(head[:end-2]); err != nil {
		return err
	}
	for n := 0; ; n++ {
		start := end
		end += bytes.IndexByte(head[start:], '\n') + 1
		line := head[start : end-2]
		switch {
		case len(line) == 0:
			return r.framing()
		case n == maxReplyFields:
			return fmt.Errorf("%w: more than %d fields", errReply, maxReplyFields)
		}
		if err := r.field(line); err != nil {
			return err
		}
	}
}

// statusLine accepts HTTP/1.1, one blank, three digits, and a phrase after another blank or
// nothing.
func (r *Reply) statusLine(line []byte) error {
	const prefix = "HTTP/1.1 "
	if bytes.HasPrefix(line, []byte("HTTP/1.0 ")) {
		return fmt.Errorf("%w: status line %.80q", ErrOldVersion, line)
	}
	if len(line) < len(prefix)+3 || string(line[:len(prefix)]) != prefix {
		return fmt.Errorf("%w: status line %.80q", errReply, line)
	}
	code, phrase := line[len(prefix):len(prefix)+3], line[len(prefix)+3:]
	r.Status = 0
	for _, d := range code {
		if d < '0' || d > '9' {
			return fmt.Errorf("%w: status %q", errReply, code)
		}
		r.Status = r.Status*10 + int(d-'0')
	}
	known := r.Status >= 100 && r.Status <= 599 && r.Status != 101
	if !known || len(phrase) > 0 && phrase[0] != ' ' || !printable(phrase) {
		return fmt.Errorf("%w: status line %.80q", errReply, line)
	}
	return nil
}

// printable allows the bytes above 7E too: nothing of a reply's head is passed on.
func printable(b []byte) bool {
	for _, c := range b {
		if grammar.Classes[c]&grammar.InValue == 0 && c < 0x80 {
			return false
		}
	}
	return true
}

// replyRules are the fields of a reply that are read, each allowed once.
var replyRules = map[string]struct {
	bit  uint
	read func(*Reply, []byte) error
}{
	"content-length":    {grammar.BitLength, (*Reply).readLength},
	"transfer-encoding": {grammar.BitEncoding, (*Reply).readEncoding},
	"connection":        {grammar.BitConnection, (*Reply).readConnection},
	"content-type":      {grammar.BitType, (*Reply).readType},
}

// serialized is the content type of every good reply: it is not allocated anew.
const serialized = "application/x-java-serialized-object"

func (r *Reply) readType(v []byte) error {
	r.ContentType = serialized
	if string(v) != serialized {
		r.ContentType = string(v)
	}
	return nil
}

func (r *Reply) field(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !printable(line[colon:]) {
		return fmt.Errorf("%w: field %.80q", errReply, line)
	}
	for _, c := range line[:colon] {
		if grammar.Classes[c]&grammar.InToken == 0 {
			return fmt.Errorf("%w: field %.80q", errReply, line)
		}
	}
	var low grammar.Folded
	rule, ok := replyRules[string(grammar.Fold(&low, line[:colon]))]
	if !ok {
		return nil
	}
	if r.seen&rule.bit != 0 {
		return fmt.Errorf("%w: field stands twice: %.80q", errReply, line)
	}
	r.seen |= rule.bit
	return rule.read(r, bytes.Trim(line[colon+1:], " \t"))
}

func (r *Reply) readLength(v []byte) error {
	n, ok := grammar.ParseLength(string(v))
	if !ok {
		return fmt.Errorf("%w: content length %.40q", errReply, v)
	}
	r.ContentLength = n
	return nil
}

func (r *Reply) readEncoding(v []byte) error {
	if !strings.EqualFold(string(v), "chunked") {
		return fmt.Errorf("%w: transfer encoding %.40q", errReply, v)
	}
	r.Chunked = true
	return nil
}

// readConnection keeps a connection only for what it knows.
func (r *Reply) readConnection(v []byte) error {
	r.Close = !strings.EqualFold(string(v), "keep-alive")
	return nil
}

func (r *Reply) framing() error {
	if r.Chunked && r.ContentLength >= 0 {
		return fmt.Errorf("%w: both transfer encoding and content length", errReply)
	}
	if r.Status < 200 && (r.Chunked || r.ContentLength > 0) {
		return fmt.Errorf("%w: interim reply with a body", errReply)
	}
	return nil
}

// read reads once, without a deadline if limit is 0. The first moments are waited without a hook
// on ctx: most replies come then, and the hook costs. A read that ctx has ended leaves the link
// broken.
func (l *link) read(
	ctx context.Context, now func() time.Time, p []byte, limit time.Duration,
) (int, error) {
	if err := ctx.Err(); err != nil {
		l.broken = true
		return 0, err
	}
	if ctx.Done() == nil {
		return l.readUntil(p, deadline(now, limit))
	}
	quick := quickRead
	if limit > 0 && limit < quick {
		quick = limit
	}
	n, err := l.readUntil(p, now().Add(quick))
	if n > 0 || !wire.IsTimeout(err) || quick == limit {
		return n, err
	}
	if limit > 0 {
		limit -= quick
	}
	until := deadline(now, limit)
	if err := l.nc.SetReadDeadline(until); err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = l.nc.SetReadDeadline(wire.LongAgo) // fails on a closed connection only
	})
	n, err = l.nc.Read(p)
	if !stop() {
		l.broken = true
	}
	return n, err
}

func deadline(now func() time.Time, limit time.Duration) time.Time {
	if limit == 0 {
		return time.Time{}
	}
	return now().Add(limit)
}

func (l *link) readUntil(p []byte, until time.Time) (int, error) {
	if err := l.nc.SetReadDeadline(until); err != nil {
		return 0, err
	}
	n, err := l.nc.Read(p)
	if n == 0 && err == nil {
		err = io.ErrNoProgress
	}
	return n, err
}

// readFault says why a reply cannot be read further.
func (x *Exchange) readFault(ctx context.Context, started bool, err error) *Fault {
	reason := ReasonReplyCut
	switch {
	case ctx.Err() != nil:
		reason, err = ReasonCancelled, context.Cause(ctx)
	case !started:
		reason = ReasonSilent
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return x.u.fault(reason, started, err)
}
