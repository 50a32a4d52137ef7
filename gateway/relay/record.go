package relay

import (
	"context"
	"strconv"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
)

// record writes the verdict before the engine can act on the call.
func (c *call) record(ctx context.Context) error {
	v := visit.Verdict{Verdict: audit.Allow}
	if c.decision == calls.AnswerVoid {
		v.Verdict, v.Reason = audit.Answer, ReasonAnswered
		v.Detail = "answered by the gateway: " + c.rule.Kind.String()
	}
	if c.duplicate() {
		v.Verdict, v.Reason, v.Detail = audit.Answer, ReasonRepeat, c.answer.end
	}
	if c.rule.Kind == calls.Event {
		v.Fields = eventFields(c.wire.Args)
	}
	if err := c.Allow(ctx, c, v); err != nil {
		return err
	}
	c.relay.cfg.Pause("record committed")
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
