package relay

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// strangerDrain is how much of the body of a stranger is read before he is told so.
const strangerDrain = 64 << 10

// statuses are the answers that are no 200; the others carry an exception, which only a 200 can.
var statuses = map[tunnel.Code]int{
	tunnel.BadRequest: http.StatusBadRequest, tunnel.NotFound: http.StatusNotFound,
	tunnel.BadMethod: http.StatusMethodNotAllowed, tunnel.NoLength: http.StatusLengthRequired,
	tunnel.TooLarge: http.StatusRequestEntityTooLarge, tunnel.Forbidden: http.StatusForbidden,
	tunnel.Unavailable: http.StatusServiceUnavailable,
}

// beat tells the publisher that the call goes on: first the header of the answer's stream, then
// bytes that Java skips.
func (c *call) beat() error {
	if c.answer.chunks == nil {
		chunks, err := c.conn.Chunked(http.StatusOK, c.fields(serialized))
		if err != nil {
			return err
		}
		c.answer.chunks = chunks
		_, err = chunks.Write(append(javaser.Header(), javaser.Reset))
		return err
	}
	_, err := c.answer.chunks.Write([]byte{javaser.Reset})
	return err
}

var (
	serialized = http1.Field{Name: "Content-Type", Value: contentType}
	plainText  = http1.Field{Name: "Content-Type", Value: "text/plain; charset=utf-8"}
)

func (c *call) fields(typ http1.Field) []http1.Field {
	return []http1.Field{typ, {Name: "X-Stagelock-Reference", Value: c.Ref}}
}

// deliver answers the publisher.
//
// An answer that could not be written is kept for the client's repeat, or lost with a client that
// is gone: either way nothing is left to say to it.
func (c *call) deliver(ctx context.Context) error {
	c.settle(ctx) // before the client can go on
	switch {
	case c.answer.chunks == nil:
		c.respond(http.StatusOK, c.fields(serialized), c.answer.body, c.closing())
	case len(c.answer.body) == 0:
		_ = c.answer.chunks.Close()
	default:
		_ = c.answer.chunks.Finish(c.answer.body[len(javaser.Header()):])
	}
	c.relay.cfg.Pause("answer sent")
	return nil
}

// respond answers; what Next returns afterwards tells whether it arrived.
func (c *call) respond(status int, fields []http1.Field, body []byte, ends bool) {
	if err := c.conn.Respond(status, fields, body, ends); err != nil {
		c.relay.cfg.Log.WithError(err).WithField("req", c.Ref).Debug("answer not written")
	}
}

// closing says whether the connection ends after this answer.
func (c *call) closing() bool { return c.OverLimit || c.Ending() || c.relay.Draining() }

// refuse answers a problem, after the body was read as far as its sender deserves: a client whose
// writing is cut sends the whole call again.
func (c *call) refuse(ctx context.Context, err error) {
	p := asProblem(err)
	if c.sent.exchange != nil {
		c.sent.exchange.Cut() // short of its length: the engine never had a complete object
	}
	c.answer.end = string(p.Reason)
	c.Deny(ctx, c, p, c.stopped)
	status, text := statuses[p.Code]
	if !text || c.answer.chunks != nil {
		c.answer.body = c.exception(p)
		c.keepRefusal(ctx)
	}
	c.settle(ctx)
	if c.answer.chunks != nil {
		c.refuseLate()
		return
	}
	ends := c.drainBody(p) || c.closing()
	if text || len(c.answer.body) == 0 { // nothing is what a void call answers that was carried out
		c.refuseText(p, status, ends)
		return
	}
	c.respond(http.StatusOK, c.fields(serialized), c.answer.body, ends)
}

// refuseText answers with a status that Java's client throws, and a text that people read.
func (c *call) refuseText(p *tunnel.Problem, status int, ends bool) {
	fields := c.fields(plainText)
	if p.Code == tunnel.Unavailable {
		fields = append(fields, http1.Field{Name: "Retry-After", Value: strconv.Itoa(int(c.policy.RetryAfter.Seconds()))})
	}
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	if c.refusal != nil {
		if status = c.refusal.Status; status == 0 {
			return // its client is gone, or takes no answer
		}
	}
	body := []byte(policy.Tell(string(p.Reason), p.Msg) + " (reference " + c.Ref + ")\n")
	c.respond(status, fields, body, ends || p.Code == tunnel.BadRequest)
}

// drainBody reads what is left of the body, of a stranger's only a little, and says whether the
// connection must end.
func (c *call) drainBody(p *tunnel.Problem) (ends bool) {
	limit := int64(0)
	if !c.Allowed() {
		limit = strangerDrain
	}
	return p.Reason != ReasonCut && c.conn.Drain(limit) != nil
}

// refuseLate ends an answer that had begun with heartbeats.
func (c *call) refuseLate() {
	if len(c.answer.body) == 0 || c.answer.chunks.Finish(c.answer.body[len(javaser.Header()):]) != nil {
		_ = c.answer.chunks.Abort()
	}
}

// exception writes what the publisher's CMS shows.
func (c *call) exception(p *tunnel.Problem) []byte {
	msg := policy.Tell(string(p.Reason), p.Msg) + " (stagelock reference " + c.Ref + ")"
	if p.Code == tunnel.Unauthentic {
		body, err := liferay.AppendRemoteAuth(nil, c.line(), liferay.TypeWrongSecret, msg)
		if err == nil {
			return body
		}
	}
	body, err := liferay.AppendThrown(nil, c.line(), liferay.Thrown{Class: liferay.ClassPortalException, Message: msg})
	if err != nil {
		c.relay.cfg.Log.WithError(err).Error("answer cannot be written")
	}
	return body
}

func asProblem(err error) *tunnel.Problem {
	var p *tunnel.Problem
	if errors.As(err, &p) {
		return p
	}
	return unavailable(ReasonFault, "the gateway failed", err)
}
