package alike_test

import (
	"os"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// asGateway is the variable that makes this test binary a gateway; it holds an errand.
const asGateway = "STAGELOCK_TEST_SERVER"

func TestMain(m *testing.M) {
	harness.RunErrand(asGateway)
	os.Exit(m.Run())
}

// launch starts a gateway in a process of its own, and returns a channel that closes when it is gone.
func (w *network) launch(s *server, point string, hit int64) <-chan struct{} {
	w.t.Helper()
	check(w.t, os.WriteFile(s.file, []byte(w.configuration(s)), 0o600))
	p, err := harness.Errand{File: s.file, Point: point, Hit: hit}.Start(asGateway)
	if err != nil {
		w.t.Fatalf("server %d does not start: %v", s.n, err)
	}
	s.kill = p.Kill
	s.stop = func() {
		s.stop = nil
		if err := p.Stop(); err != nil {
			w.t.Error(err)
		}
	}
	return p.Ended
}
