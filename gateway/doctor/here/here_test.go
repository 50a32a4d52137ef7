package here_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/here"
	"github.com/stagelock/stagelock/gateway/status"
)

const day = 24 * time.Hour

// look returns what is told, by the id of the finding, else of its check.
func look(t *testing.T, c here.Config) map[string][]finding.Line {
	t.Helper()
	all := map[string][]finding.Line{}
	here.Look(t.Context(), c, func(id string, l finding.Line) {
		if l.ID != "" {
			id = l.ID
		}
		all[id] = append(all[id], l)
	})
	return all
}

// TestOwnCertificatesAreRenewedInTheirTime: status warned of what the doctor called well, and a certificate of
// a day's life was never well.
func TestOwnCertificatesAreRenewedInTheirTime(t *testing.T) {
	for _, tt := range []struct {
		name       string
		left, soon time.Duration
		want       finding.Mark
	}{
		{"it has time", 40 * day, 30 * day, finding.OK},
		{"it is due", 20 * day, 30 * day, finding.Note},
		{"it is late", 6 * day, 30 * day, finding.Bad},
		{"a short life with time", 20 * time.Hour, 6 * time.Hour, finding.OK},
		{"a short life that is late", 5 * time.Hour, 6 * time.Hour, finding.Bad},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)
			lines := look(t, here.Config{Now: func() time.Time { return now }, Own: &here.Own{
				Status: func(context.Context) (*status.Status, error) {
					return &status.Status{Ready: true, Config: status.Config{OK: true},
						Certificates: []status.Certificate{{Name: "live.example.com", NotAfter: now.Add(tt.left), Soon: tt.soon}}}, nil
				}}})
			if l := lines["certificate"][0]; l.Mark != tt.want {
				t.Errorf("got %+v, want %s", l, tt.want)
			}
		})
	}
}

// TestABalancersChecksAreLookedAt: a balancer that asks another path takes the gateway for down, and nothing
// but the log said so.
func TestABalancersChecksAreLookedAt(t *testing.T) {
	for refused, want := range map[int64]bool{0: false, 3: true} {
		lines := look(t, here.Config{Own: &here.Own{Status: func(context.Context) (*status.Status, error) {
			return &status.Status{Ready: true, Config: status.Config{OK: true}, Traffic: status.Traffic{Checks: refused}}, nil
		}}})
		found := lines["balancer"]
		switch {
		case !want:
			if len(found) > 0 {
				t.Errorf("of none: %+v", found)
			}
		case len(found) != 1 || found[0].Mark != finding.Bad || !strings.Contains(found[0].Words, "3 checks") ||
			!strings.Contains(found[0].Cure, "/-/ready"):
			t.Errorf("found %+v", found)
		}
	}
}
