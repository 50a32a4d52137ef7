package integration_test

import (
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// Clients that send equal parts on connections of their own, again and again, are all answered: the
// end of one's repeat leaves the other's alone.
func TestEqualPartsAtOnce(t *testing.T) {
	known := func() any { return int64(benchID) }
	s := newStub(t, answers(t, map[string]func() any{"createStagingRequest": known}), nil)
	g := harness.Start(t, harness.Options{Upstream: s.URL, Extra: unhurried})
	j := newJavaClient(g, g.Key(t))
	defer j.close()
	if _, err := j.create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	part := j.partCall(t, benchID, "3c0d.zip00", make([]byte, 100<<10))
	if err := times(400, callers(t, 4, g.Addr, g.TLS, part)); err != nil {
		t.Error(err)
	}
	if r := g.Verify(t); !r.OK() {
		t.Errorf("audit log, record %d: %s", r.FirstBad, r.Msg)
	}
}
