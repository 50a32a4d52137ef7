package integration_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// TestTwoProcessesOnOneDataFolder: the second one does not start, says why and touches nothing; the first goes on, and when
// it has been killed another takes the folder.
func TestTwoProcessesOnOneDataFolder(t *testing.T) {
	sink := harness.NewSink(t)
	o := listed
	o.Upstream = sink.URL
	data := t.TempDir()
	start := func() (*harness.Process, error) {
		return startChild(errand{File: writeConfig(t, o, data, "127.0.0.1:0")})
	}
	first, err := start()
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for range 3 {
		second, err := start()
		if err == nil {
			t.Error("a second process writes the same folder")
			_ = second.Stop()
			continue
		}
		refused++ // its words are on standard error: another process has it open
	}
	select {
	case <-first.Ended:
		t.Fatal("the first process has ended")
	default:
	}
	first.Kill()
	third, err := start()
	if err != nil {
		t.Fatalf("after the first was killed: %v", err)
	}
	if err := third.Stop(); err != nil {
		t.Error(err)
	}
	if report, err := harness.VerifyLog(data); err != nil || !report.OK() {
		t.Errorf("the log: %+v %v", report, err)
	}
	prove(t, "3 more processes on a data folder that is in use, %d started", 3-refused)
}

// skewed is what a gateway takes for the time.
type skewed struct{ by atomic.Int64 }

func (c *skewed) now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

// TestClockJumps: the clock of a running gateway is set forward and back by seconds to years. Publishes that are under way go
// on, calls that follow are neither refused nor delayed for as long as the clock was set back, a guarded call is not carried out
// again, and the log is whole.
func TestClockJumps(t *testing.T) {
	for _, tt := range []struct {
		name  string
		jumps []time.Duration
	}{
		{"a second on and back", []time.Duration{time.Second, -time.Second}},
		{"an hour back", []time.Duration{-time.Hour}},
		{"a day on", []time.Duration{24 * time.Hour}},
		{"a day back, then on", []time.Duration{-24 * time.Hour, 48 * time.Hour}},
		{"ten years on and back", []time.Duration{87_600 * time.Hour, -87_600 * time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := &skewed{}
			sink := harness.NewSink(t)
			sink.Answer = liveEngine(t)
			o := listed
			o.Now = clock.now
			o.Extra = []string{"quota: { peer_rate: 100/s, peer_burst: 20, per_address_rate: 1/m, per_address_burst: 5, failure_cost: 1 }",
				"audit: { checkpoint: 100ms, strangers: 1000000 }"}
			a := arrangeTo(t, o, sink)
			id := a.made(t, 1)
			allowed(t, a.Gateway, once(t, a.Gateway, partAs(id, "a.zip00", nil)(t, a)))
			wrong := checkSite(site).message(t)
			wrong.auth = ""
			for range 10 { // the address has failed as often as it may
				once(t, a.Gateway, wrong)
			}
			for i, jump := range tt.jumps {
				clock.by.Add(int64(jump))
				begun := time.Now()
				for range 30 { // more than a burst
					allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
				}
				if took := time.Since(begun); took > limit {
					t.Errorf("behind jump %d 30 calls took %v", i, took)
				}
				name := []string{"a.zip01", "a.zip02", "a.zip03"}[i]
				allowed(t, a.Gateway, once(t, a.Gateway, partAs(id, name, nil)(t, a)))
			}
			m := publish(id, settings(int64(site))).message(t)
			allowed(t, a.Gateway, once(t, a.Gateway, m))
			clock.by.Add(int64(-tt.jumps[0]))
			before := len(sink.Whole())
			once(t, a.Gateway, m) // at once behind the first: its twin, whatever the clock says
			if n := len(sink.Whole()); n != before && tt.jumps[0] > -2*time.Minute && tt.jumps[0] < 2*time.Minute {
				t.Errorf("the twin was carried out")
			}
			for late := time.Now().Add(limit); !a.Verify(t).OK() && time.Now().Before(late); {
				continue // until the checkpoint that is due is signed, the records behind a jump look as if it were missing
			}
			checkLog(t, a)
		})
	}
}
