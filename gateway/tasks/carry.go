package tasks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/syncserver"
)

// tokenTime is how long the gateway's own token holds.
const tokenTime = 5 * time.Minute

// request is the call that carries a task to the server, with a token of this moment.
func (t *Target) request(task syncserver.Task, id string, now time.Time) ([]byte, error) {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, fmt.Errorf("there are no random numbers: %w", err)
	}
	signed, err := t.Secret.Sign(t.User, nonce, now)
	if err != nil {
		return nil, fmt.Errorf("there are no credentials: %w", err)
	}
	e := syncserver.Envelope{MessageID: id, To: t.To, Token: signed, Expires: now.Add(tokenTime)}
	return syncserver.Request(e, task, t.Assembly), nil
}

func (t *Target) head(l *Line, ref string, body []byte) forward.RequestHead {
	return forward.RequestHead{
		Target: t.Path, Host: l.Host, ContentType: "text/xml; charset=utf-8", ContentLength: int64(len(body)),
		Fields: []grammar.Field{
			{Name: "SOAPAction", Value: `"` + syncserver.Action + `"`}, {Name: reference, Value: ref},
		},
	}
}

// ErrNotSent is returned where a task was not sent, or was not taken by a gateway on the way: nothing was changed.
var ErrNotSent = errors.New("the task was not sent")

// Carried is what a server said of a task that was carried to it.
type Carried struct {
	syncserver.Reply
	Node string
	// Date is the time on the server's clock when it answered, in whole seconds; zero if it did not say.
	Date time.Time
}

// Carry carries a task to the server, once, and returns what that says; ref is the task's in the server's log. After
// an error that is no ErrNotSent nobody knows whether the server carried it out. It is not sent after ctx's deadline.
func (t *Target) Carry(ctx context.Context, task syncserver.Task, id, ref string, now time.Time) (c Carried, err error) {
	body, err := t.request(task, id, now)
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	if t.Open == nil {
		return c, fmt.Errorf("%w: %w", ErrNotSent, errNoNode)
	}
	line, err := t.Open(ctx)
	if err != nil {
		return c, fmt.Errorf("%w: the server %s cannot be reached: %w", ErrNotSent, t.Server, err)
	}
	c.Node = line.Node
	answered := false
	defer func() {
		line.Exchange.Cut()
		var failed error
		if !answered && !errors.Is(err, ErrNotSent) {
			failed = err
		}
		line.Ended(answered, failed)
	}()
	if err := t.send(ctx, line, ref, body); err != nil {
		return c, err
	}
	reply, err := line.Exchange.Reply(ctx)
	if err != nil {
		return c, fmt.Errorf("the server %s gave no answer: %w", t.Server, err)
	}
	answered = true
	if refusedByGateway(reply) {
		return c, fmt.Errorf("%w: the gateway before %s did not take it", ErrNotSent, t.Server)
	}
	if at, err := http.ParseTime(reply.Field("Date")); err == nil {
		c.Date = at.UTC()
	}
	if c.Reply, err = syncserver.ReadReply(reply.Status, reply); err != nil {
		return c, fmt.Errorf("the server %s gave an answer with status %d that is none: %w", t.Server, reply.Status, err)
	}
	return c, nil
}

// send sends the body of a task, if there is time for it.
func (t *Target) send(ctx context.Context, line *Line, ref string, body []byte) error {
	// A process that was stopped wakes before its timers do.
	if until, ok := ctx.Deadline(); ok && !time.Now().Before(until) {
		return fmt.Errorf("%w: its time was over", ErrNotSent)
	}
	err := line.Exchange.Send(t.head(line, ref, body), body)
	switch {
	case errors.Is(err, grammar.ErrField):
		return fmt.Errorf("%w: it cannot be addressed: %w", ErrNotSent, err)
	case err != nil:
		return fmt.Errorf("the server %s went away: %w", t.Server, err)
	}
	return nil
}
