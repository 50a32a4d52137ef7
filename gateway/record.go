package gateway

import (
	"context"
	"errors"
	"strconv"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
)

// record writes the verdict before the engine can act on the call.
func (c *call) record(ctx context.Context) error {
	ev := c.event(audit.KindVerdict)
	ev.Verdict = audit.Allow
	if c.decision == calls.AnswerVoid {
		ev.Verdict, ev.Reason = audit.Answer, ReasonAnswered
		ev.Detail = "answered by the gateway: " + c.rule.Kind.String()
	}
	if c.replay {
		ev.Verdict, ev.Reason, ev.Detail = audit.Answer, ReasonRepeat, c.end
	}
	if c.rule.Kind == calls.Event {
		ev.Fields = eventFields(c.wire.Args)
	}
	if _, err := c.gateway.audit.Append(ctx, ev); err != nil {
		return c.gateway.unwritten(err)
	}
	c.recorded = true
	c.gateway.pause("record committed")
	return nil
}

// eventFields keeps what a life cycle event said of a publish.
func eventFields(args []any) map[string]string {
	fields := map[string]string{}
	for i, name := range []string{"code", "flag", "process"} {
		if i >= len(args) {
			break
		}
		switch v := args[i].(type) {
		case int64:
			fields[name] = strconv.FormatInt(v, 10)
		case string:
			fields[name] = v
		}
	}
	return fields
}

// deny records a refusal. The verdict of a call that was already allowed stays; the outcome says
// what became of it.
func (c *call) deny(ctx context.Context, p *tunnel.Problem) {
	ctx = context.WithoutCancel(ctx) // a refusal at the end of a drain is one too
	c.gateway.count(p.Reason)
	c.end = string(p.Reason)
	if c.recorded || p.Reason == ReasonRate && !c.gateway.floods.first(c.addr, c.begun) {
		return // a flood does not fill the log: it is counted
	}
	ev := c.event(audit.KindVerdict)
	ev.Verdict, ev.Reason, ev.Detail = audit.Deny, p.Reason, p.Msg
	ev.Rule = c.stopped
	if p.Err != nil {
		ev.Detail += " (" + p.Err.Error() + ")"
	}
	var stream *javaser.Error
	if errors.As(p.Err, &stream) {
		ev.ClassPath, ev.Offset = stream.Path, stream.Offset
	}
	if _, err := c.gateway.audit.Append(ctx, ev); err != nil {
		_ = c.gateway.unwritten(err)
	}
}

// outcome records how the call ended. It follows the answer and is lost with the process: the
// verdict is not.
func (c *call) outcome(ctx context.Context) {
	if !c.recorded {
		return
	}
	ev := audit.Event{Kind: audit.KindOutcome, Ref: c.ref, Peer: c.peer.Name, Login: c.id.Login, Status: c.status,
		BytesIn: c.req.ContentLength, BytesOut: int64(len(c.answer)), End: c.end,
		Method: c.wire.Method.Signature(), Request: c.request,
		LatencyMicros: c.gateway.now().Sub(c.begun).Microseconds()}
	if c.node != nil {
		ev.Upstream = c.node.name
	}
	if c.rule.Kind == calls.Update && len(c.facts.Args) > 1 {
		ev.Part, _ = c.facts.Args[1].(string)
		ev.Size = c.facts.PartSize
	}
	ctx = context.WithoutCancel(ctx)
	c.gateway.behind.do(func() {
		if _, err := c.gateway.audit.AppendSoon(ctx, ev); err != nil {
			_ = c.gateway.unwritten(err)
		}
		c.gateway.pause("outcome appended")
	})
}
