package problems

import "github.com/stagelock/stagelock/tunnel"

// Reasons of the way of a call. The others come from the packages that decide: http.* from
// tunnel/http1, stream.* from tunnel/javaser, call.* and the like from policy/calls, engine.* and
// reply.* from engine.
const (
	ReasonPath       tunnel.Reason = "path.unknown"      // not the tunnel's path
	ReasonSpelling   tunnel.Reason = "path.noncanonical" // another spelling of it, which an engine would take for it
	ReasonMethod     tunnel.Reason = "http.method"
	ReasonType       tunnel.Reason = "http.content-type"
	ReasonBusy       tunnel.Reason = "quota.calls"
	ReasonMemory     tunnel.Reason = "quota.memory"
	ReasonNoSecret   tunnel.Reason = "secret.absent"
	ReasonSecret     tunnel.Reason = "secret.wrong"
	ReasonDraining   tunnel.Reason = "gateway.draining"
	ReasonLease      tunnel.Reason = "gateway.lease" // other gateways may take this one for dead
	ReasonLine       tunnel.Reason = "call.line"     // as policy/calls has it
	ReasonFault      tunnel.Reason = "gateway.fault"
	ReasonPublishing tunnel.Reason = "request.publishing" // the same archive is being published
	ReasonShared     tunnel.Reason = "request.shared"     // a cleanUp of what another publisher needs
	ReasonCut        tunnel.Reason = "client.cut"         // the client went away before its call was complete
	ReasonUnknown    tunnel.Reason = "repeat.unknown"     // a repeat of a call of which nobody knows how it ended
	ReasonRepeat     tunnel.Reason = "repeat.answered"
	ReasonDenied     tunnel.Reason = "content.denied" // a type that the peer may not publish
	ReasonUnseen     tunnel.Reason = "content.unseen" // what an archive holds did not come through, or cannot be told
	ReasonUnequal    tunnel.Reason = "level.unequal"
	ReasonAnswered   tunnel.Reason = "call.answered" // the gateway answered by itself
)

// ReasonUnknownLevel is a patch level that one of the engines does not say.
const ReasonUnknownLevel tunnel.Reason = "level.unknown"
