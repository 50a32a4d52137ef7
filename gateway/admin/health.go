package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/tunnel"
)

// Facts is what health is made of.
type Facts struct {
	Unwritable error           // why log or store cannot be written, if they cannot
	Log        error           // what else is wrong with the audit log
	Nodes      map[string]bool // of the live engine, which are up
	Engine     []string        // why nodes would not take a publish, each with its cure
	Crowded    bool            // addresses that are not allowed have all the places that there are for them
	Unasked    bool            // nobody knows yet whether the engine would take a publish
	Stopping   bool
	Refusals   map[tunnel.Reason]int64
	Shared     []string // what is wrong with what gateways share, each with its cure
	// Certificates are those that publishers are shown, as of Now.
	Certificates []status.Certificate
	Now          time.Time
}

// Health is what the health paths tell.
type Health struct {
	Ready    bool             `json:"ready"`
	Problems []string         `json:"problems,omitempty"`
	Warnings []string         `json:"warnings,omitempty"`
	Nodes    map[string]bool  `json:"nodes"`
	Refusals map[string]int64 `json:"refusals"`
}

// Probes answers the health paths. It is safe for concurrent use.
type Probes struct {
	facts func() Facts
}

// NewProbes returns Probes that ask facts, which must neither wait nor write.
func NewProbes(facts func() Facts) *Probes { return &Probes{facts: facts} }

// paths are the health paths, under the names that probes of different houses use.
var paths = map[string]func(*Probes) (int, []byte){
	"/-/healthy": (*Probes).alive, "/healthz": (*Probes).alive,
	"/-/ready": (*Probes).Ready, "/readyz": (*Probes).Ready,
}

// Paths returns the health paths.
func Paths() []string { return slices.Sorted(maps.Keys(paths)) }

// Answer answers a health path; ok is false for any other path.
func (p *Probes) Answer(path string) (status int, body []byte, ok bool) {
	tell := paths[path]
	if tell == nil {
		return 0, nil, false
	}
	status, body = tell(p)
	return status, body, true
}

// Health returns how the gateway is.
func (p *Probes) Health() Health {
	f := p.facts()
	return f.Health()
}

// Health says what the facts mean.
func (f *Facts) Health() Health {
	h := Health{Nodes: f.Nodes, Refusals: map[string]int64{}}
	for r, n := range f.Refusals {
		h.Refusals[string(r)] = n
	}
	if f.Unwritable != nil {
		h.Problems = append(h.Problems, "the audit log cannot be written, so every publish is refused: "+
			f.Unwritable.Error()+"; make room on its disk or mend its permissions")
	}
	h.Problems = append(h.Problems, f.Shared...)
	h.Warnings = f.Warnings()
	h.certificates(f.Certificates, f.Now)
	if f.Log != nil {
		h.Problems = append(h.Problems, "the audit log is not whole: "+f.Log.Error()+"; see stagelock audit verify")
	}
	switch {
	case f.Unasked && (anyUp(f.Nodes) || len(f.Engine) == 0): // why a node is down is said once it is known
		h.Problems = append(h.Problems, "the live engine has yet to say whether it takes publishes; ask again in a moment")
	case anyUp(f.Nodes): // what is wrong with another one is a warning
	case len(f.Engine) > 0:
		h.Problems = append(h.Problems, f.Engine...)
	default:
		h.Problems = append(h.Problems, "no node of the live engine can be reached; start it, or mend engine.upstream.nodes")
	}
	if f.Stopping {
		h.Problems = append(h.Problems, "the gateway is stopping")
	}
	h.Ready = len(h.Problems) == 0
	return h
}

// Warnings returns what is wrong, beside certificates, while publishes can pass.
func (f *Facts) Warnings() (all []string) {
	if anyUp(f.Nodes) && !f.Unasked {
		all = slices.Clone(f.Engine) // another node takes them
	}
	if f.Crowded {
		all = append(all, "addresses that are not allowed have all their places, further ones are turned away: "+
			"publishers are served, but one that hosts.allow lacks would not be told; see quota.strangers")
	}
	return all
}

// certificates tells of those that publishers cannot be shown, and of those that run out soon.
func (h *Health) certificates(all []status.Certificate, now time.Time) {
	for _, c := range all {
		if c.Problem != "" {
			h.Problems = append(h.Problems, c.Problem)
		} else if left := c.NotAfter.Sub(now); left < c.Soon {
			h.Warnings = append(h.Warnings, fmt.Sprintf("the certificate of %s runs out in %d days; renew it and reload",
				c.Name, int(left.Hours()/24)))
		}
	}
}

func anyUp(nodes map[string]bool) bool {
	for _, up := range nodes {
		if up {
			return true
		}
	}
	return false
}

// Ready returns 200 if publishes can pass, else 503, with what is wrong as JSON.
func (p *Probes) Ready() (status int, body []byte) {
	h := p.Health()
	body, err := json.Marshal(h)
	if err != nil || !h.Ready {
		return http.StatusServiceUnavailable, append(body, '\n')
	}
	return http.StatusOK, append(body, '\n')
}

func (p *Probes) alive() (status int, body []byte) {
	return http.StatusOK, []byte("{\"healthy\":true}\n")
}
