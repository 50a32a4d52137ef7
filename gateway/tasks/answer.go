package tasks

import (
	"context"
	"net/http"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/syncserver"
)

const reference = "X-Stagelock-Reference"

// deliver answers the sender with what the server said; for an echo, that it is done.
func (c *call) deliver(context.Context) error {
	id, relates, to := c.message()
	c.say(syncserver.Forwarded(c.answer.reply, id, relates, to), false)
	c.cfg.Pause("answer sent")
	return errDone
}

// message names the answer, the call, and to whom it goes.
func (c *call) message() (id, relates, to string) {
	return "urn:uuid:" + c.cfg.NewID(), c.task.Envelope.MessageID, syncserver.Anyone
}

// refuse answers a problem after the body was read as far as its sender deserves.
func (c *call) refuse(ctx context.Context, err error) {
	p := problemOf(err)
	if c.line != nil {
		c.line.Exchange.Cut()
	}
	c.answer.end = string(p.Reason)
	c.Deny(ctx, c, p, c.stopped)
	limit := int64(0)
	if !c.Allowed() {
		limit = strangerDrain
	}
	ends := p.Reason != reasonCut && c.conn.Drain(limit) != nil
	if c.bad != nil && c.bad.Status == 0 {
		return // its client is gone, or takes no answer
	}
	c.say(c.answerTo(p), ends)
}

// answerTo is what the sender of a refused call is told. Who proved who he is learns why; anybody else
// gets one phrase, whatever it was.
func (c *call) answerTo(p *tunnel.Problem) syncserver.Answer {
	id, relates, to := c.message()
	switch {
	case c.bad != nil:
		return syncserver.Answer{Status: c.bad.Status, Reason: syncserver.NotAccepted}
	case p.Code == tunnel.Uncertain:
		return syncserver.Uncertain(c.Ref, id, relates, to)
	case p.Code == tunnel.Unavailable:
		return syncserver.NotReached()
	case p.Code == tunnel.Refused && c.Peer == "":
		return syncserver.Answer{Status: http.StatusBadRequest, Reason: syncserver.NotAccepted}
	case p.Code == tunnel.Refused:
		return syncserver.Denied(p.Msg, c.Ref, id, relates, to)
	}
	if r := refusalOf(p); r != nil && r.Status != 0 {
		return syncserver.Answer{Status: r.Status, Reason: syncserver.NotAccepted}
	}
	return syncserver.Answer{Status: plain[p.Code], Reason: syncserver.NotAccepted}
}

// plain are the statuses of what is refused before it is a call of this wire.
var plain = map[tunnel.Code]int{
	tunnel.BadRequest: http.StatusBadRequest, tunnel.NotFound: http.StatusNotFound, tunnel.Forbidden: http.StatusForbidden,
	tunnel.BadMethod: http.StatusMethodNotAllowed, tunnel.NoLength: http.StatusLengthRequired,
	tunnel.TooLarge: http.StatusRequestEntityTooLarge,
}

// say writes an answer. One that cannot be written is lost with its sender.
func (c *call) say(a syncserver.Answer, ends bool) {
	c.answer.Answer = a
	fields := []grammar.Field{{Name: reference, Value: c.Ref}}
	if len(a.Body) > 0 {
		fields = append(fields, grammar.Field{Name: "Content-Type", Value: "text/xml; charset=utf-8"})
	}
	c.conn.Phrase(a.Reason)
	c.written(c.conn.Respond(a.Status, fields, a.Body, ends || c.closing()))
}

// written notes an answer that was not.
func (c *call) written(err error) {
	if err != nil {
		c.cfg.Log.WithError(err).WithField("req", c.Ref).Debug("answer not written")
	}
}
