package visit

import (
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/tunnel"
)

// Reasons of a refusal that any wire can have.
const (
	ReasonForwarded   tunnel.Reason = "peer.forwarded" // a trusted proxy's header that cannot be read
	ReasonHost        tunnel.Reason = "host.denied"
	ReasonConnections tunnel.Reason = "quota.connections"
	ReasonRate        tunnel.Reason = "quota.rate"
	ReasonStore       tunnel.Reason = "store.unwritable"
	ReasonDraining    tunnel.Reason = "gateway.draining"
)

func problem(code tunnel.Code, reason tunnel.Reason, msg string, err error) *tunnel.Problem {
	return &tunnel.Problem{Code: code, Reason: reason, Msg: msg, Err: err}
}

// maxShown bounds what is shown of a path.
const maxShown = 200

// Shown is how a refusal records a target that anybody may have chosen: its path, quoted, in ASCII, and not
// all of a long one. What stands behind the path may be anybody's secret.
func Shown(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if len(path) > maxShown {
		return strconv.QuoteToASCII(path[:maxShown]) + "..."
	}
	return strconv.QuoteToASCII(path)
}
