package relay

import "github.com/stagelock/stagelock/tunnel"

// Reasons of the gateway itself. The others come from the packages that decide: http.* from
// tunnel/http1, stream.* from tunnel/javaser, call.* and the like from policy/calls.
const (
	ReasonPath       tunnel.Reason = "path.unknown"      // not the tunnel's path
	ReasonSpelling   tunnel.Reason = "path.noncanonical" // another spelling of it, which an engine would take for it
	ReasonMethod     tunnel.Reason = "http.method"
	ReasonType       tunnel.Reason = "http.content-type"
	ReasonBusy       tunnel.Reason = "quota.calls"
	ReasonNoSecret   tunnel.Reason = "secret.absent"
	ReasonSecret     tunnel.Reason = "secret.wrong"
	ReasonDown       tunnel.Reason = "engine.down"
	ReasonDraining   tunnel.Reason = "gateway.draining"
	ReasonLease      tunnel.Reason = "gateway.lease" // other gateways may take this one for dead
	ReasonLine       tunnel.Reason = "call.line"     // as policy/calls has it
	ReasonFault      tunnel.Reason = "gateway.fault"
	ReasonPublishing tunnel.Reason = "request.publishing" // the same archive is being published
	ReasonAbandoned  tunnel.Reason = "request.abandoned"  // cleaned up by the gateway itself
	ReasonCut        tunnel.Reason = "client.cut"         // the client went away before its call was complete
	ReasonLost       tunnel.Reason = "engine.lost"        // the engine went away after it had the whole call
	ReasonRefusing   tunnel.Reason = "engine.refusing"    // the engine turns the gateway itself away
	ReasonRedirect   tunnel.Reason = "engine.redirects"
	ReasonFailing    tunnel.Reason = "engine.failing"
	ReasonEmpty      tunnel.Reason = "reply.empty"
	ReasonReply      tunnel.Reason = "reply.refused"
	ReasonUnknown    tunnel.Reason = "repeat.unknown" // a repeat of a call of which nobody knows how it ended
	ReasonRepeat     tunnel.Reason = "repeat.answered"
	ReasonAnswered   tunnel.Reason = "call.answered" // the gateway answered by itself
)

func problem(code tunnel.Code, reason tunnel.Reason, msg string, err error) *tunnel.Problem {
	return &tunnel.Problem{Code: code, Reason: reason, Msg: msg, Err: err}
}

// unavailable is a problem that is answered with 503: the publisher may try again.
func unavailable(reason tunnel.Reason, what string, err error) *tunnel.Problem {
	return problem(tunnel.Unavailable, reason, what+"; nothing was carried out", err)
}

// uncertain is a problem of a call that the engine may have carried out.
func uncertain(reason tunnel.Reason, what string, err error) *tunnel.Problem {
	return problem(tunnel.Uncertain, reason, what+": the call may have been carried out", err)
}
