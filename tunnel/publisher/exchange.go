package publisher

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
	"github.com/stagelock/stagelock/tunnel/publisher/methods"
	"github.com/stagelock/stagelock/tunnel/publisher/proxy"
)

const (
	contentType = "application/x-java-serialized-object"
	reference   = "X-Stagelock-Reference"
	// smallPart is sent in one write with what stands around it.
	smallPart = 64 << 10
	// earlyAnswer is how long an answer may take that came before the whole call was sent.
	earlyAnswer = 2 * time.Second
	// maxText is how much is read of an answer in words.
	maxText = 4 << 10
)

// body is the content of a part.
type body struct {
	content io.Reader
	size    int64
	tell    func(done, queued int64) // bytes written, and those of them that are still on their way
}

// send makes a call, and makes it once more on a new connection if it is repeatable and its
// connection died under it.
func (c *Client) send(ctx context.Context, call *liferay.Call, returns string,
	part *body) (*liferay.Reply, error) {
	name := call.Method.Name
	r, err := c.attempt(ctx, call, returns, part, false)
	var f *failure.Failure
	if errors.As(err, &f) && f.Stale && part == nil && (f.Unexecuted || methods.Repeatable(name)) {
		r, err = c.attempt(ctx, call, returns, part, true)
	}
	return r, err
}

// attempt makes a call once.
func (c *Client) attempt(ctx context.Context, call *liferay.Call, returns string, part *body,
	fresh bool) (*liferay.Reply, error) {
	x, err := c.up.Open(ctx, fresh)
	if err != nil {
		return nil, c.failure(call, failure.Unconnected(ctx, c.cfg.URL, err))
	}
	defer x.Done()
	reused := x.Reused()
	if err := c.write(ctx, x, call, part); err != nil {
		f := c.unsent(ctx, x, call, err)
		f.Stale = reused && f.Broke
		return nil, c.failure(call, f)
	}
	hearing, giveUp := context.WithCancel(ctx)
	defer giveUp()
	reply, err := x.Reply(hearing)
	if err != nil {
		f := failure.Unanswered(ctx, c.cfg.URL, methods.Repeatable(call.Method.Name), err)
		f.Stale = reused
		return nil, c.failure(call, f)
	}
	c.reached.Store(true)
	if reply.Field(reference) != "" {
		c.gateway.Store(true)
	}
	r, f := c.read(ctx, call, reply, returns, giveUp)
	if f != nil {
		return nil, c.failure(call, f.Because(reply))
	}
	return r, nil
}

// failure adds to f which call it was. A connection that breaks where there never was an answer is
// one to a wrong address.
func (c *Client) failure(call *liferay.Call, f *failure.Failure) *failure.Failure {
	f.Call = call.Method.Name
	if f.Kind == failure.Interrupted && !c.reached.Load() {
		f.Kind = failure.Unreachable
		f.Cure = "check the address and its port, and that this machine's address is let in there"
	}
	return f
}

func (c *Client) head(length int64) forward.RequestHead {
	h := forward.RequestHead{
		Target: c.absolute() + c.target, Host: c.cfg.URL.Host, ContentType: contentType, ContentLength: length,
		Fields: []grammar.Field{
			{Name: "Cache-Control", Value: "no-cache"}, {Name: "Pragma", Value: "no-cache"},
			{Name: "User-Agent", Value: "stagelock"}, {Name: "Accept", Value: "*/*"},
		},
	}
	if c.cfg.Level != "" {
		h.Fields = append(h.Fields, grammar.Field{Name: grammar.LevelField, Value: c.cfg.Level})
	}
	if c.absolute() != "" {
		h.Fields = append(h.Fields, proxy.Login(c.cfg.Proxy)...)
	}
	if c.cfg.Authorize != nil {
		h.Authorization = c.cfg.Authorize(c.cfg.Login)
	}
	return h
}

// write sends the whole call.
func (c *Client) write(ctx context.Context, x *forward.Exchange, call *liferay.Call, part *body) error {
	if part == nil {
		whole, err := call.Append(nil)
		if err != nil {
			return err
		}
		return x.Send(c.head(int64(len(whole))), whole)
	}
	front, tail, err := call.Split()
	if err != nil {
		return err
	}
	head := c.head(int64(len(front)) + part.size + int64(len(tail)))
	content := &contentReader{ctx: ctx, r: part.content, tell: func(n int64) { part.tell(n, x.Queued()) }}
	if part.size <= smallPart {
		whole := bytes.NewBuffer(front)
		if _, err := io.CopyN(whole, content, part.size); err != nil {
			return &sourceError{err}
		}
		whole.Write(tail)
		return x.Send(head, whole.Bytes())
	}
	if err := x.Send(head, front); err != nil {
		return err
	}
	if _, err := x.CopyN(content, part.size, nil); err != nil {
		return content.blame(err)
	}
	_, err = x.Write(tail)
	return err
}

// contentReader reads content until ctx ends, and remembers what it failed with.
type contentReader struct {
	ctx  context.Context
	r    io.Reader
	n    int64
	tell func(n int64)
	err  error
}

func (s *contentReader) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if s.n += int64(n); n > 0 {
		s.tell(s.n)
	}
	if err != nil {
		s.err = err
	}
	return n, err
}

// blame tells a fault of the content from one of the connection.
func (s *contentReader) blame(err error) error {
	var up *forward.Fault
	if s.err == nil || errors.As(err, &up) {
		return err
	}
	return &sourceError{err}
}

// sourceError is content that could not be read.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "read content: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// unsent is a call that did not leave whole, so that it cannot have been carried out. The other
// side may have said why.
func (c *Client) unsent(ctx context.Context, x *forward.Exchange, call *liferay.Call, err error) *failure.Failure {
	var up *forward.Fault
	switch {
	case ctx.Err() != nil:
		return failure.GivenUp(ctx, true)
	case !errors.As(err, &up):
		return &failure.Failure{Kind: failure.Unreadable, Msg: "the content could not be read", Unexecuted: true, Err: err,
			Cure: "check the file and its disk, then publish again"}
	}
	early, cancel := context.WithTimeout(ctx, earlyAnswer)
	defer cancel()
	if reply, replyErr := x.Reply(early); replyErr == nil && reply.Status != http.StatusOK {
		c.reached.Store(true)
		return c.status(call, reply).Because(reply)
	}
	return &failure.Failure{Kind: failure.Interrupted, Msg: "the connection to " + c.cfg.URL.Host +
		" broke while the call was sent",
		Cure: "try again; if it happens at the same place, ask who runs the network for a proxy " +
			"with a size limit",
		Err: err, Unexecuted: true, Broke: true}
}

// read reads the answer of a call that was sent whole. giveUp ends reads of it.
func (c *Client) read(ctx context.Context, call *liferay.Call, reply *forward.Reply, returns string,
	giveUp func()) (*liferay.Reply, *failure.Failure) {
	if reply.Status != http.StatusOK {
		return nil, c.status(call, reply)
	}
	ref := reply.Field(reference)
	lim := javaser.DefaultLimits()
	src := &answer{r: reply, silence: c.cfg.Silence, giveUp: giveUp, beat: func(n int64) {
		c.tell(Progress{Stage: Stage(call.Method.Name), Beats: n})
	}}
	defer src.stop()
	r, err := liferay.ReadReply(source.New(src, nil, lim.Held), lim, returns, true)
	switch {
	case src.err != nil: // an answer that was cut short is no empty one
		f := failure.Unanswered(ctx, c.cfg.URL, methods.Repeatable(call.Method.Name), src.err)
		f.Reference = ref
		return nil, f
	case err != nil:
		return nil, failure.Answer(err, ref)
	case r.Thrown != nil:
		return nil, failure.Thrown(r.Thrown, ref)
	}
	return r, nil
}

// answer is the body of an answer. It remembers what it failed with, and tells of heartbeats. Once
// there was one, silence cuts the connection: whoever beats is alive.
type answer struct {
	r       io.Reader
	beat    func(n int64)
	beats   int64
	silence time.Duration
	giveUp  func()
	timer   *time.Timer
	err     error
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		a.err = err
	}
	if n > 0 && (p[n-1] == graph.Reset) && bytes.Count(p[:n],
		[]byte{graph.Reset}) >= n-len(graph.Header()) {
		a.beats++
		a.watch()
		a.beat(a.beats)
	}
	return n, err
}

func (a *answer) watch() {
	if a.timer == nil {
		a.timer = time.AfterFunc(a.silence, a.giveUp)
		return
	}
	a.timer.Reset(a.silence)
}

func (a *answer) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

// status turns an answer that is no 200 into what it means.
func (c *Client) status(call *liferay.Call, reply *forward.Reply) *failure.Failure {
	text := words(reply)
	f := failure.OfStatus(reply.Status, c.cfg.URL, reply.Field("Location"))
	if f.Kind == failure.Uncertain && methods.Repeatable(call.Method.Name) {
		f.Kind, f.Cure = failure.Unavailable, "try again later; ask who runs the proxy or balancer in front of live"
		f.Msg = "something between here and live failed with status " + strconv.Itoa(reply.Status)
	}
	if reply.Status == http.StatusBadRequest && c.cfg.URL.Scheme == "http" {
		f.Cure = "write https:// in the address: a port that speaks TLS answers plain HTTP so"
	}
	f.Reference, f.Status = reply.Field(reference), reply.Status
	if f.Reference != "" && text != "" {
		f.Msg = text
	}
	if f.Reference != "" && strings.Contains(text, "host is not served") {
		f.Cure = "use the name and the port by which the live side is called, or have " + c.cfg.URL.Host + " added to names: there"
	}
	if reply.Status == http.StatusServiceUnavailable {
		f.RetryAfter = retryAfter(reply.Field("Retry-After"))
		f.Unexecuted = f.Reference != "" || f.RetryAfter > 0
	}
	return f
}

func retryAfter(s string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n), 3600) * time.Second
}

// words returns the beginning of an answer's body if it is plain text.
func words(reply *forward.Reply) string {
	b, err := io.ReadAll(io.LimitReader(reply, maxText))
	if err != nil || !strings.HasPrefix(reply.ContentType, "text/plain") {
		return ""
	}
	text := strings.TrimSpace(strings.ToValidUTF8(string(b), ""))
	text, _, _ = strings.Cut(text, " (reference ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
