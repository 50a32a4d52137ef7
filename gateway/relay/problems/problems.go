// Package problems is what a call may be refused for on its way through the relay: the reasons, and
// the problems that more than one step finds. It is pure.
package problems

import (
	"errors"

	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/tunnel"
)

// New returns a problem; err, which may be nil, is for the audit log only.
func New(code tunnel.Code, reason tunnel.Reason, msg string, err error) *tunnel.Problem {
	return &tunnel.Problem{Code: code, Reason: reason, Msg: msg, Err: err}
}

// Of returns the problem in err; a fault of the gateway's own if there is none.
func Of(err error) *tunnel.Problem {
	var p *tunnel.Problem
	if errors.As(err, &p) {
		return p
	}
	return tunnel.NotBegun(ReasonFault, "the gateway failed", err)
}

// Refused is what the policy does not let through.
func Refused(r *calls.Refusal) error {
	return New(tunnel.Refused, tunnel.Reason(r.Reason), r.Msg, r)
}

// Abandoned is a client that went away before its call was complete.
func Abandoned(err error) error {
	return New(tunnel.BadRequest, ReasonCut, "the client went away before its call was complete", err)
}

// Stopping is a call that has not begun when the gateway stops.
func Stopping(err error) error {
	return tunnel.NotBegun(ReasonDraining, "the gateway is stopping", err)
}

// Unreadable is a store that cannot be asked.
func Unreadable(err error) error {
	return tunnel.NotBegun(visit.ReasonStore, "the gateway cannot read its store", err)
}

// LeaseLost is a gateway that others may take for dead: what it began now could be carried out twice.
func LeaseLost(err error) error {
	return tunnel.NotBegun(ReasonLease, "the gateway lost its lease of the store", err)
}
