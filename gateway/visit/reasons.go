package visit

import "github.com/stagelock/stagelock/tunnel"

// Reasons of a refusal that any wire can have.
const (
	ReasonForwarded   tunnel.Reason = "peer.forwarded" // a trusted proxy's header that cannot be read
	ReasonHost        tunnel.Reason = "host.denied"
	ReasonConnections tunnel.Reason = "quota.connections"
	ReasonRate        tunnel.Reason = "quota.rate"
	ReasonStore       tunnel.Reason = "store.unwritable"
)

func problem(code tunnel.Code, reason tunnel.Reason, msg string, err error) *tunnel.Problem {
	return &tunnel.Problem{Code: code, Reason: reason, Msg: msg, Err: err}
}

// unavailable is a problem that is answered with 503: the publisher may try again.
func unavailable(reason tunnel.Reason, what string, err error) *tunnel.Problem {
	return problem(tunnel.Unavailable, reason, what+"; nothing was carried out", err)
}
