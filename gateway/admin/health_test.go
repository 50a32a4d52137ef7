package admin_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/tunnel"
)

// Health is ready if a publish would pass, and says why if not.
func TestHealth(t *testing.T) {
	up, down := map[string]bool{"a:1": true, "b:1": false}, map[string]bool{"a:1": false}
	for _, tt := range []struct {
		name    string
		facts   admin.Facts
		problem string // empty: ready
		warning string
	}{
		{"all is well", admin.Facts{Nodes: up}, "", ""},
		{"one of two nodes would not", admin.Facts{Nodes: up, Engine: []string{"b:1 refuses"}}, "", "b:1 refuses"},
		{"no node would", admin.Facts{Nodes: down, Engine: []string{"a:1 refuses"}}, "a:1 refuses", ""},
		{"no node is up, and nobody asked why", admin.Facts{Nodes: down}, "no node of the live engine can be reached", ""},
		{"no node is up, and nobody knows yet why", admin.Facts{Nodes: down, Unasked: true}, "has yet to say", ""},
		{"nobody knows yet", admin.Facts{Nodes: up, Unasked: true}, "has yet to say", ""},
		{"the log cannot be written", admin.Facts{Nodes: up, Unwritable: errors.New("disk full")}, "disk full; make room", ""},
		{"the log is not whole", admin.Facts{Nodes: up, Log: errors.New("record 7")}, "record 7; see stagelock audit verify", ""},
		{"the certificate ran out", admin.Facts{Nodes: up, Certificates: []status.Certificate{{Problem: "certificate of a ran out: renew it"}}}, "ran out: renew it", ""},
		{"what gateways share", admin.Facts{Nodes: up, Shared: []string{"the database is away"}}, "the database is away", ""},
		{"it stops", admin.Facts{Nodes: up, Stopping: true}, "is stopping", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.facts.Refusals = map[tunnel.Reason]int64{"host.denied": 3}
			p := admin.NewProbes(func() admin.Facts { return tt.facts })
			h := p.Health()
			if h.Ready != (tt.problem == "") || !strings.Contains(strings.Join(h.Problems, "|"), tt.problem) || len(h.Problems) > 1 {
				t.Errorf("%+v", h)
			}
			if strings.Join(h.Warnings, "|") != tt.warning || h.Refusals["host.denied"] != 3 {
				t.Errorf("%+v", h)
			}
			for path, want := range map[string]int{"/-/ready": http.StatusOK, "/readyz": http.StatusOK, "/-/healthy": http.StatusOK, "/healthz": http.StatusOK} {
				if tt.problem != "" && strings.Contains(path, "ready") {
					want = http.StatusServiceUnavailable
				}
				if status, body, ok := p.Answer(path); status != want || !ok || len(body) == 0 {
					t.Errorf("%s: %d %s", path, status, body)
				}
			}
			if _, _, ok := p.Answer("/"); ok {
				t.Error("another path is a health path")
			}
		})
	}
}
