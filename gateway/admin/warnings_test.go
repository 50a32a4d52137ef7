package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/status"
)

// A certificate that runs out soon is told, and publishes pass nevertheless.
func TestHealthWarnsOfCertificates(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name       string
		left, soon time.Duration
		want       string
	}{
		{"two months", 60 * day, 30 * day, ""},
		{"two weeks", 14 * day, 30 * day, "the certificate of live runs out in 14 days; renew it and reload"},
		{"one that renews itself in time", 3 * day, 36 * time.Hour, ""},
		{"one that did not", day, 36 * time.Hour, "the certificate of live runs out in 1 days; renew it and reload"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := admin.NewProbes(func() admin.Facts {
				return admin.Facts{Nodes: map[string]bool{"a": true}, Now: now,
					Certificates: []status.Certificate{{Name: "live", NotAfter: now.Add(tt.left), Soon: tt.soon}}}
			}).Health()
			if got := strings.Join(h.Warnings, "|"); !h.Ready || got != tt.want {
				t.Errorf("%+v, want %q", h, tt.want)
			}
		})
	}
}

// Health is told at the paths that probes ask for, and nowhere else.
func TestHealthPaths(t *testing.T) {
	p := admin.NewProbes(func() admin.Facts { return admin.Facts{} })
	for _, path := range admin.Paths() {
		code, _, ok := p.Answer(path)
		if alive := strings.Contains(path, "health"); !ok || (code == http.StatusOK) != alive {
			t.Errorf("%s: %d %v", path, code, ok)
		}
	}
	for _, path := range []string{"", "/", "/readyz/", "/READYZ", "/metrics", "/-/reload"} {
		if _, _, ok := p.Answer(path); ok {
			t.Errorf("%q is answered", path)
		}
	}
}

// Strangers that have all their places are told, and publishes pass nevertheless.
func TestHealthWarnsOfStrangers(t *testing.T) {
	for _, crowded := range []bool{false, true} {
		h := admin.NewProbes(func() admin.Facts {
			return admin.Facts{Nodes: map[string]bool{"a": true}, Crowded: crowded}
		}).Health()
		if told := strings.Contains(strings.Join(h.Warnings, "|"), "quota.strangers"); !h.Ready || told != crowded {
			t.Errorf("crowded %t: %+v", crowded, h)
		}
	}
}

// TestWarningsAreTheOnesOfHealth: status told of the engine's nodes only, asked for a second time, and never of
// strangers; of two certificates that ran out health told one.
func TestWarningsAreTheOnesOfHealth(t *testing.T) {
	f := admin.Facts{Nodes: map[string]bool{"a": true, "b": false}, Engine: []string{"b refuses"}, Crowded: true,
		Certificates: []status.Certificate{{Problem: "one ran out"}, {Problem: "two ran out"}, {Name: "soon", Soon: time.Hour}}}
	told := f.Warnings()
	if len(told) != 2 || told[0] != "b refuses" || !strings.Contains(told[1], "quota.strangers") {
		t.Errorf("warnings %q", told)
	}
	h := f.Health()
	if got := strings.Join(h.Problems, "|"); got != "one ran out|two ran out" {
		t.Errorf("problems %q", got)
	}
	if len(h.Warnings) != 3 || !strings.Contains(h.Warnings[2], "certificate of soon") {
		t.Errorf("warnings of health %q", h.Warnings)
	}
}
