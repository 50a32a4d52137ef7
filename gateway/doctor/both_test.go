package doctor_test

import (
	"encoding/json"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor"
	"github.com/stagelock/stagelock/gateway/doctor/desk"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
)

// TestWhatTheOtherEndSees: the portal's port that is open to the other end is a way past the gateway; the
// gateway's own is one only if it answers with TLS.
func TestWhatTheOtherEndSees(t *testing.T) {
	for _, tt := range []struct {
		name string
		seen desk.Seen
		id   string
		mark finding.Mark
		want string
	}{
		{"the portal", desk.Seen{Port: 8080, State: "open"}, "engine.open", finding.Bad, "past the gateway: 10.1.2.3:8080"},
		{"TLS at the portal's port", desk.Seen{Port: 8080, State: "open", TLS: true}, "look.open", finding.OK, "10.1.2.3:8080 answers"},
		{"the portal, closed", desk.Seen{Port: 8080, State: "refused"}, "both", finding.OK, "nothing of this machine"},
		{"the gateway", desk.Seen{Port: 9443, State: "open", TLS: true}, "look.open", finding.OK, "10.1.2.3:9443 answers"},
		{"the gateway without TLS", desk.Seen{Port: 9443, State: "open"}, "look.tls", finding.Bad, "not with TLS"},
		{"the gateway behind a firewall", desk.Seen{Port: 9443, State: "silent"}, "look.gateway", finding.Bad, "10.1.2.3:9443 is silent"},
		{"no gateway", desk.Seen{Port: 9443, State: "refused"}, "look.gateway", finding.Bad, "10.1.2.3:9443 is refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.seen.Address = "10.1.2.3"
			far := func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Stagelock-Reference", "r1")
				if r.Method == http.MethodGet { // the tunnel takes POST alone
					w.WriteHeader(http.StatusMethodNotAllowed)
					return
				}
				var answer any = desk.Me{Now: time.Now()}
				if path.Base(r.URL.Path) == "look" {
					answer = desk.Around{Ports: []desk.Seen{tt.seen}}
				}
				_ = json.NewEncoder(w).Encode(answer)
			}
			to, roots := shown(t, http.HandlerFunc(far), time.Now().Add(-day), time.Now().Add(80*day))
			r := doctor.Run(t.Context(), doctor.Config{To: to, Roots: roots, Quick: true, Both: true, Port: 9443})
			l, found := line(r, tt.id)
			if !found || l.Mark != tt.mark || !strings.Contains(l.Words, tt.want) {
				t.Errorf("got %+v of %+v, want %q", l, r.Lines, tt.want)
			}
		})
	}
}
