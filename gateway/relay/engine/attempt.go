package engine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// Attempt is one call on its way to the engine. It belongs to one goroutine. Done must be called.
type Attempt struct {
	Engine   *Config
	From     Caller
	Request  int64  // staging request that the call names, whose node it goes to; 0: none
	Home     string // the node that created that request
	Failover bool   // the call may be sent again to another node

	member   *upstream.Member
	exchange *forward.Exchange
	part     bool // content streamed by; head and content are with the engine already
	retried  bool
	released bool // the engine may have the whole call
	length   int64
	held     []byte       // a small call as it is sent
	in       source.Input // the reply
	said     liferay.Reply
	fields   [4]grammar.Field
}

// Room returns the buffer that the reply was read into, when nothing of it is needed any more.
func (a *Attempt) Room() []byte { return a.in.Buffer() }

// Released reports whether the engine may have the whole call.
func (a *Attempt) Released() bool { return a.released }

// Streamed reports whether Stream was called.
func (a *Attempt) Streamed() bool { return a.part }

// Node returns the name of the node that the call went to, or an empty text.
func (a *Attempt) Node() string {
	if a.member == nil {
		return ""
	}
	return a.member.Name()
}

// connect takes a connection to the node of the call's request, or to another one if that cannot be
// reached: nothing was sent yet, so nothing is sent twice.
func (a *Attempt) connect(ctx context.Context, except *upstream.Member) error {
	for range 2 {
		m := a.Engine.Pool.Pick(a.Request, a.Home, except)
		if m == nil {
			break
		}
		x, err := m.Open(ctx, false)
		if err == nil {
			a.use(m, x)
			return nil
		}
		m.Failed(err)
		except = m
	}
	return Down(nil)
}

// Down is an engine that cannot be reached.
func Down(err error) *tunnel.Problem {
	return tunnel.NotBegun(ReasonDown, "the live engine cannot be reached", err)
}

// use makes an exchange the call's, in place of the one it had.
func (a *Attempt) use(m *upstream.Member, x *forward.Exchange) {
	a.Done()
	a.member, a.exchange = m, x
}

// Done gives the connection back. It may be called again.
func (a *Attempt) Done() {
	if a.exchange == nil {
		return
	}
	a.exchange.Done()
	a.member.Ended()
	a.exchange = nil
}

// Cut ends the connection: a call that was not sent whole is none then.
func (a *Attempt) Cut() {
	if a.exchange != nil {
		a.exchange.Cut()
	}
}

// failed is an engine that went away while a call was on its way: before the tail left, nothing can have
// been carried out.
func (a *Attempt) failed(err error) error {
	a.member.Failed(err)
	return a.afterFailure(err)
}

// afterFailure is failed for a failure that was counted already.
func (a *Attempt) afterFailure(err error) error {
	if !a.released {
		return tunnel.NotBegun(ReasonDown, "the live engine went away", err)
	}
	return tunnel.MayHaveRun(ReasonLost, "the live engine went away before it answered", err)
}

// Stream opens a call of that length and sends how it begins. Its tail is sent by Release.
func (a *Attempt) Stream(ctx context.Context, length int64, begin []byte) error {
	a.part = true
	if err := a.connect(ctx, nil); err != nil {
		return err
	}
	if err := a.exchange.Send(a.head(length), begin); err != nil {
		return a.failed(err)
	}
	return nil
}

// Copy sends n bytes of content on as they come. What content fails with is returned as it is.
func (a *Attempt) Copy(content io.Reader, n int64) error {
	_, err := a.exchange.CopyN(content, n, nil)
	var own *forward.Fault
	if errors.As(err, &own) {
		return a.failed(err)
	}
	return err
}

// Release sends the tail of a call that streamed: from here on the engine may carry it out.
//
// An engine that has answered already does not get it: it answered something else.
func (a *Attempt) Release(ctx context.Context, tail []byte) error {
	if a.exchange.Spoken() {
		return a.early(ctx)
	}
	a.released = true
	if _, err := a.exchange.Write(tail); err != nil {
		return a.failed(err)
	}
	return nil
}

// early is an engine that answered a call before it had it: it cannot have carried it out.
func (a *Attempt) early(ctx context.Context) error {
	defer a.exchange.Cut()
	reply, err := a.exchange.Reply(ctx)
	if err != nil {
		return a.failed(err)
	}
	text := strconv.Itoa(reply.Status) + " " + http.StatusText(reply.Status)
	return &tunnel.Problem{Code: tunnel.Refused, Reason: turnedAway[reply.Status/100],
		Msg: "the live engine answered with status " + text + " before it had the whole call; nothing was carried out"}
}

// Send sends a call whole. From here on the engine may carry it out.
func (a *Attempt) Send(ctx context.Context, call []byte, length int64) error {
	a.held, a.length = call, length
	if err := a.connect(ctx, nil); err != nil {
		return err
	}
	if err := a.send(); err != nil {
		return a.failover(ctx, err)
	}
	return nil
}

func (a *Attempt) send() error {
	a.released = true
	err := a.exchange.Send(a.head(a.length), a.held)
	if errors.Is(err, grammar.ErrField) || errors.Is(err, forward.ErrOverrun) {
		a.released = false // nothing was written
	}
	return err
}

// reconnect takes a connection to another node, or a fresh one to the same if there is none: a kept
// connection may just have been closed.
func (a *Attempt) reconnect(ctx context.Context) error {
	member, reused := a.member, a.exchange.Reused()
	a.exchange.Cut() // which forgets that
	err := a.connect(ctx, member)
	if err == nil || !reused {
		return err
	}
	x, fresh := member.Open(ctx, true)
	if fresh != nil {
		return errors.Join(err, fresh)
	}
	a.use(member, x)
	return nil
}

// failover sends a call that may be repeated to another node, once, after one failed before a byte of
// its answer.
func (a *Attempt) failover(ctx context.Context, err error) error {
	var up *forward.Fault
	if !a.Failover || a.part || a.retried || !errors.As(err, &up) || up.Started {
		return a.failed(err)
	}
	a.retried = true
	a.member.Failed(err)
	if other := a.reconnect(ctx); other != nil {
		return a.afterFailure(errors.Join(err, other))
	}
	if err := a.send(); err != nil {
		return a.failed(err)
	}
	return nil
}

// Await waits for the reply's head, for as long as it takes: the engine goes on even if nobody waits.
// Each interval that passes it calls beat. A call that may be repeated is, unless begun says that its
// answer has.
func (a *Attempt) Await(
	ctx context.Context, interval time.Duration, beat func(), begun func() bool,
) (*forward.Reply, error) {
	reply, err := a.await(ctx, interval, beat)
	if err != nil && !begun() {
		if err := a.failover(ctx, err); err != nil {
			return nil, err
		}
		reply, err = a.await(ctx, interval, beat)
	}
	if err != nil {
		return nil, a.failed(err)
	}
	return reply, nil
}

func (a *Attempt) await(ctx context.Context, interval time.Duration, beat func()) (*forward.Reply, error) {
	for {
		there, err := a.exchange.Await(ctx, interval)
		if err != nil {
			return nil, err
		}
		if there {
			return a.exchange.Reply(ctx)
		}
		beat()
	}
}
