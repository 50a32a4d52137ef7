package relay

import (
	"context"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
)

// record writes the verdict before the engine can act on the call.
func (c *call) record(ctx context.Context) error {
	v := visit.Verdict{Verdict: audit.Allow, Fields: c.facts.Event}
	if c.decision == calls.AnswerVoid {
		v.Verdict, v.Reason = audit.Answer, ReasonAnswered
		v.Detail = "answered by the gateway: " + c.rule.Kind.String()
	}
	if c.duplicate() {
		v.Verdict, v.Reason, v.Detail = audit.Answer, ReasonRepeat, c.answer.end
	}
	if err := c.Allow(ctx, c, v); err != nil {
		return err
	}
	c.relay.cfg.Pause("record committed")
	return nil
}
