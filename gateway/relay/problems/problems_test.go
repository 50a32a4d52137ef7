package problems_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel"
)

func TestProblems(t *testing.T) {
	cause := errors.New("cause")
	for _, tt := range []struct {
		name   string
		err    error
		reason tunnel.Reason
	}{
		{"of a new one", problems.New(tunnel.Refused, problems.ReasonShared, "shared", cause), problems.ReasonShared},
		{"of a wrapped one", fmt.Errorf("step: %w", problems.Abandoned(cause)), problems.ReasonCut},
		{"a client that went away", problems.Abandoned(cause), problems.ReasonCut},
		{"a gateway that stops", problems.Stopping(cause), problems.ReasonDraining},
		{"a store that cannot be asked", problems.Unreadable(cause), visit.ReasonStore},
		{"a lost lease", problems.LeaseLost(cause), problems.ReasonLease},
		{"what is no problem", cause, problems.ReasonFault},
	} {
		p := problems.Of(tt.err)
		if p.Reason != tt.reason || !errors.Is(p, cause) {
			t.Errorf("%s: %s, %v; want %s with its cause", tt.name, p.Reason, p, tt.reason)
		}
	}
}

func TestARefusalOfThePolicyKeepsItsReason(t *testing.T) {
	refusal := &calls.Refusal{Reason: calls.LoginUnlisted, Msg: "not this one"}
	p := problems.Of(problems.Refused(refusal))
	var kept *calls.Refusal
	if p.Code != tunnel.Refused || p.Reason != tunnel.Reason(calls.LoginUnlisted) || p.Msg != "not this one" {
		t.Errorf("%+v", p)
	}
	if !errors.As(p, &kept) || kept != refusal {
		t.Errorf("the refusal is lost: %v", p.Err)
	}
}
