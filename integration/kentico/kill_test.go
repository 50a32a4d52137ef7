package kentico_test

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/store/files"
)

// asGateway is the variable that makes this test binary a gateway; it holds an errand.
const asGateway = "TEST_KENTICO_GATEWAY"

func TestMain(m *testing.M) {
	harness.RunErrand(asGateway)
	os.Exit(m.Run())
}

// process is a gateway in a process of its own, before a twin.
func process(t *testing.T, file, point string) (*harness.Process, *target) {
	t.Helper()
	p, err := harness.Errand{File: file, Point: point, Hit: 1}.Start(asGateway)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	pem, err := os.ReadFile(p.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return p, &target{URL: "https://" + p.Addr, Client: trusting(roots)}
}

// TestKilledAtEachPoint: a gateway that dies by kill -9 at any point of the way of a task never has it
// carried out twice, however often the same bytes are sent; what was carried out has its verdict on disk.
func TestKilledAtEachPoint(t *testing.T) {
	const times = 5
	for _, tt := range []struct {
		point string
		came  int // to the server, before the gateway died
	}{
		{"task validated", 0}, {"task recorded", 0}, {"task sent", 1}, {"answer received", 1}, {"answer sent", 1}, {"outcome appended", 1},
	} {
		t.Run(tt.point, func(t *testing.T) {
			for range times {
				live := newTwin(t, "live")
				o := options(t, live, "live", dev)
				data := t.TempDir()
				file := filepath.Join(t.TempDir(), "stagelock.yaml")
				if err := os.WriteFile(file, []byte(o.YAML(data)), 0o600); err != nil {
					t.Fatal(err)
				}
				p, to := process(t, file, tt.point)
				bytes := message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;")
				_, _, _ = to.call(t.Context(), bytes)
				<-p.Ended
				live.wait(t, tt.came) // what was sent may still be on its way
				again, to := process(t, file, "")
				for range 2 {
					status, reason, body := to.call(t.Context(), bytes)
					if got := said(status, reason, body); got != "HTTP status 400: Not accepted" {
						t.Errorf("the same bytes again: %q", got)
					}
				}
				if n := len(live.calls()); n != tt.came {
					t.Errorf("%d tasks were carried out, want %d", n, tt.came)
				}
				status, reason, body := to.call(t.Context(), message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;"))
				if got := said(status, reason, body); got != "" || len(live.calls()) != tt.came+1 {
					t.Errorf("synchronized again by a person: %q", got)
				}
				if err := again.Stop(); err != nil {
					t.Error(err)
				}
				recorded(t, data, tt.came)
			}
		})
	}
}

// recorded holds that the log is whole and has a verdict for each task that was carried out.
func recorded(t *testing.T, data string, came int) {
	t.Helper()
	r, err := harness.VerifyLog(data)
	if err != nil || !r.OK() {
		t.Errorf("the log: %+v, %v", r, err)
	}
	log, err := files.Open(files.Config{Dir: filepath.Join(data, "audit"), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	allowed := 0
	err = audit.List(context.Background(), log, audit.Filter{}, func(ev audit.Event) error {
		if ev.Kind == audit.KindVerdict && ev.Verdict == audit.Allow {
			allowed++
		}
		return nil
	})
	if err != nil || allowed < came+1 {
		t.Errorf("%d verdicts for %d tasks: %v", allowed, came+1, err)
	}
}
