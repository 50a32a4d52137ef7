package relay

import (
	"context"
	"errors"

	"github.com/stagelock/stagelock/gateway/relay/answer"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/tunnel"
)

// strangerDrain is how much of the body of a stranger is read before he is told so.
const strangerDrain = 64 << 10

// deliver answers the publisher.
//
// An answer that could not be written is kept for the client's repeat, or lost with a client that
// is gone: either way nothing is left to say to it.
func (c *call) deliver(ctx context.Context) error {
	c.settle(ctx) // before the client can go on
	c.written(c.out.Value(c.answer.body, c.closing()))
	c.relay.cfg.Pause("answer sent")
	return nil
}

// written notes an answer that was not; what Next returns afterwards tells whether it arrived.
func (c *call) written(err error) {
	if err != nil {
		c.relay.cfg.Log.WithError(err).WithField("req", c.Ref).Debug("answer not written")
	}
}

// closing says whether the connection ends after this answer.
func (c *call) closing() bool { return c.OverLimit || c.Ending() || c.relay.Draining() }

// refuse answers a problem, after the body was read as far as its sender deserves: a client whose
// writing is cut sends the whole call again.
func (c *call) refuse(ctx context.Context, err error) {
	p := problems.Of(err)
	c.engine.Cut() // short of its length: the engine never had a complete object
	c.answer.end, c.out.Reason = string(p.Reason), string(p.Reason)
	c.Deny(ctx, c, p, c.stopped)
	text := answer.InWords(p)
	if !text || c.out.Begun() {
		c.answer.body = c.exception(p)
		c.keepRefusal(ctx)
	}
	c.settle(ctx)
	if c.out.Begun() {
		c.refuseLate()
		return
	}
	ends := c.drainBody(p) || c.closing()
	if text || len(c.answer.body) == 0 { // nothing is what a void call answers that was carried out
		c.refuseInWords(p, ends)
		return
	}
	c.written(c.out.Value(c.answer.body, ends))
}

// lastWord answers what could not be refused as it should, unless something was answered already.
func (c *call) lastWord(fault error) {
	c.engine.Cut()
	c.answer.end = string(problems.ReasonFault)
	c.written(c.out.LastWord(problems.Of(fault), c.line()))
}

func (c *call) refuseInWords(p *tunnel.Problem, ends bool) {
	status, e := 0, c.refusal
	if e == nil && p.Code == tunnel.BadRequest { // a body that came too slowly has a status of its own
		_ = errors.As(p, &e)
	}
	if e != nil {
		if status = e.Status; status == 0 {
			return // its client is gone, or takes no answer
		}
	}
	c.written(c.out.Text(p, status, c.policy.RetryAfter, ends))
}

// drainBody reads what is left of the body, of a stranger's only a little, and says whether the
// connection must end.
func (c *call) drainBody(p *tunnel.Problem) (ends bool) {
	limit := int64(0)
	if !c.Allowed() {
		limit = strangerDrain
	}
	return p.Reason != problems.ReasonCut && c.conn.Drain(limit) != nil
}

// refuseLate ends an answer that had begun with heartbeats.
func (c *call) refuseLate() {
	if len(c.answer.body) == 0 || c.out.Value(c.answer.body, false) != nil {
		c.out.Abort()
	}
}

// exception writes what the publisher's CMS shows; nothing if it cannot be written.
func (c *call) exception(p *tunnel.Problem) []byte {
	body, err := c.out.Exception(p, c.line())
	if err != nil {
		c.relay.cfg.Log.WithError(err).Error("answer cannot be written")
	}
	return body
}
