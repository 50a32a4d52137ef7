package gateway

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
)

// healthPaths are the health paths, under the names that probes of different houses use.
var healthPaths = map[string]func(*Gateway) (int, []byte){
	"/-/healthy": (*Gateway).alive, "/healthz": (*Gateway).alive,
	"/-/ready": (*Gateway).Ready, "/readyz": (*Gateway).Ready,
}

// Health is what the health paths tell.
type Health struct {
	Ready    bool             `json:"ready"`
	Problems []string         `json:"problems,omitempty"`
	Nodes    map[string]bool  `json:"nodes"`
	Refusals map[string]int64 `json:"refusals"`
}

// Health returns how the gateway is.
func (g *Gateway) Health() Health {
	h := Health{Nodes: g.Policy().Engine.Pool.State(), Refusals: map[string]int64{}}
	for r, n := range g.Refusals() {
		h.Refusals[string(r)] = n
	}
	if err := g.writable(); err != nil {
		h.Problems = append(h.Problems, "the audit log cannot be written, so every publish is refused: "+err.Error()+
			"; make room on its disk or mend its permissions")
	}
	if !g.Policy().Engine.Pool.Up() {
		h.Problems = append(h.Problems, "no node of the live engine can be reached; start it, or mend engine.upstream.nodes")
	}
	if g.drain.on() {
		h.Problems = append(h.Problems, "the gateway is stopping")
	}
	h.Ready = len(h.Problems) == 0
	return h
}

// Ready returns 200 if publishes can pass, else 503, with what is wrong as JSON.
func (g *Gateway) Ready() (status int, body []byte) {
	h := g.Health()
	body, err := json.Marshal(h)
	if err != nil || !h.Ready {
		return http.StatusServiceUnavailable, append(body, '\n')
	}
	return http.StatusOK, append(body, '\n')
}

func (g *Gateway) alive() (status int, body []byte) {
	return http.StatusOK, []byte("{\"healthy\":true}\n")
}

// health answers a probe of this machine, a balancer, or an allowed host.
func (c *call) health(_ context.Context, tell func(*Gateway) (int, []byte)) error {
	if !c.policy.local(c.addr) {
		return problem(tunnel.NotFound, ReasonPath, "nothing is here", nil)
	}
	status, body := tell(c.gateway)
	_ = c.conn.Respond(status, []http1.Field{{Name: "Content-Type", Value: "application/json"}}, body, c.closing())
	return errDone
}
