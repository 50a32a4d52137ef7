package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/status"
)

// state is a status with every part in it.
func state() status.Status {
	at := time.Unix(1_700_000_000, 0)
	return status.Status{
		Ready: true, Engine: []status.Engine{{Name: "127.0.0.1:8080", Up: true, Failures: status.Failures{Calls: 2, Probes: 1}}},
		Traffic: status.Traffic{Publishes: 2, Calls: map[string]int{"staging": 3}, Connections: 5,
			Turned: map[string]int64{"host.denied": 7}},
		Config:       status.Config{Digest: "d1", Loaded: at, OK: true},
		Certificates: []status.Certificate{{Name: "live.example.com", NotAfter: at, Soon: 100_000 * time.Second}},
		Audit:        status.Audit{Checkpoint: at, Whole: true, Bytes: 11},
		Store: status.Store{Kind: "postgres", Up: true, Bytes: 13, Cluster: &status.Member{Name: "live", Digest: "shared",
			Lease: 10 * time.Second, Members: map[string]int{"up": 2}, Clock: -time.Second}},
		Disk: status.Disk{Path: "/data", Free: 17, Size: 19},
	}
}

func open(t testing.TB, ask func() status.Status) *metrics.Metrics {
	t.Helper()
	m, err := metrics.New(metrics.Config{Version: "1.2.3", State: ask,
		Methods: []string{"createStagingRequest", "updateStagingRequest", "hasRemoteLayout"}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// everything counts each thing that can be counted once.
func everything(m *metrics.Metrics) {
	m.Call(metrics.Call{Ref: "r1", Peer: "staging", Method: "createStagingRequest", Verdict: "allow", KeyID: "staging",
		At: time.Unix(1_700_000_001, 0), Gateway: time.Millisecond, Engine: 2 * time.Second, Record: time.Millisecond,
		In: 100, Out: 20, Delayed: true})
	m.Call(metrics.Call{Peer: "staging", Method: "updateStagingRequest", Verdict: "answer", Repeat: metrics.Waited,
		KeyID: "staging/previous", At: time.Unix(1_700_000_002, 0)})
	m.Publish(metrics.Publish{Peer: "staging", Result: "ok", Took: time.Minute, Bytes: 1 << 20})
	m.Recorded("verdict")
	m.OutcomeLost()
	m.Stored("begin", time.Millisecond)
}

func scrape(t testing.TB, m *metrics.Metrics, accept string) string {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, req)
	if rec.Code != http.StatusOK {
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// Prometheus' own linter has nothing to say, and neither has promtool, where it is installed.
func TestPromlint(t *testing.T) {
	m := open(t, state)
	everything(m)
	problems, err := testutil.GatherAndLint(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: its own check is left out")
	}
	cmd := exec.Command(tool, "check", "metrics")
	cmd.Stdin = strings.NewReader(scrape(t, m, ""))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v: %s", err, out)
	}
}

// Each row is one line of a scrape.
func TestScrape(t *testing.T) {
	m := open(t, state)
	everything(m)
	m.Expect([]string{"partner"})
	text := scrape(t, m, "")
	lines := strings.Split(text, "\n")
	for _, want := range []string{
		`stagelock_calls_total{method="createStagingRequest",peer="staging",reason="",verdict="allow"} 1`,
		`stagelock_calls_total{method="updateStagingRequest",peer="staging",reason="",verdict="answer"} 1`,
		`stagelock_call_seconds_bucket{method="createStagingRequest",phase="engine",le="1"} 0`,
		`stagelock_call_seconds_bucket{method="createStagingRequest",phase="engine",le="3"} 1`,
		`stagelock_call_seconds_bucket{method="createStagingRequest",phase="gateway",le="0.001"} 1`,
		`stagelock_call_seconds_bucket{method="createStagingRequest",phase="gateway",le="3600"} 1`,
		`stagelock_call_seconds_count{method="updateStagingRequest",phase="engine"} 0`,
		`stagelock_verdict_seconds_bucket{le="0.0001"} 0`, `stagelock_verdict_seconds_bucket{le="10"} 1`,
		`stagelock_store_seconds_count{op="begin"} 1`,
		`stagelock_bytes_total{direction="in",peer="staging"} 100`, `stagelock_bytes_total{direction="out",peer="staging"} 20`,
		`stagelock_delayed_calls_total{peer="staging"} 1`,
		`stagelock_repeats_total{how="waited"} 1`, `stagelock_repeats_total{how="unknown"} 0`,
		`stagelock_key_last_used_timestamp_seconds{key="current",peer="staging"} 1.700000001e+09`,
		`stagelock_key_last_used_timestamp_seconds{key="previous",peer="staging"} 1.700000002e+09`,
		`stagelock_publishes_total{peer="staging",result="ok"} 1`, `stagelock_publishes_total{peer="partner",result="failed"} 0`,
		`stagelock_publish_seconds_sum 60`, `stagelock_publish_bytes_sum 1.048576e+06`,
		`stagelock_audit_records_total{kind="verdict"} 1`, `stagelock_audit_outcomes_lost_total 1`,
		`stagelock_ready 1`, `stagelock_publishes_running 2`, `stagelock_calls_running{peer="staging"} 3`, `stagelock_connections 5`,
		`stagelock_refused_connections_total{why="host.denied"} 7`,
		`stagelock_engine_up{node="127.0.0.1:8080"} 1`, `stagelock_engine_failures_total{kind="call",node="127.0.0.1:8080"} 2`,
		`stagelock_engine_failures_total{kind="probe",node="127.0.0.1:8080"} 1`,
		`stagelock_audit_last_checkpoint_timestamp_seconds 1.7e+09`, `stagelock_audit_verified 1`,
		`stagelock_certificate_expiry_timestamp_seconds{name="live.example.com"} 1.7e+09`,
		`stagelock_certificate_due_timestamp_seconds{name="live.example.com"} 1.6999e+09`,
		`stagelock_config_last_reload_successful 1`, `stagelock_config_last_reload_timestamp_seconds 1.7e+09`,
		`stagelock_config_info{digest="shared"} 1`, `stagelock_store_up 1`,
		`stagelock_data_bytes{part="audit"} 11`, `stagelock_data_bytes{part="store"} 13`,
		`stagelock_disk_free_bytes 17`, `stagelock_disk_size_bytes 19`,
		`stagelock_member_lease_seconds 10`, `stagelock_members{state="up"} 2`, `stagelock_clock_offset_seconds -1`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("%s is not in the scrape", want)
		}
	}
	for _, want := range []string{"stagelock_build_info{go=\"", "go_goroutines ", "process_cpu_seconds_total "} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the scrape", want)
		}
	}
}

// Whatever calls say, the number of series stays bounded, and no login, address or site is among
// their labels.
func TestLabelsAreBounded(t *testing.T) {
	m := open(t, state)
	for i := range 1000 {
		m.Call(metrics.Call{Ref: "r", Peer: "staging", Method: strings.Repeat("x", i), Verdict: "deny", Reason: "made.up" + strings.Repeat("y", i)})
	}
	n := 0
	for line := range strings.Lines(scrape(t, m, "")) {
		if strings.HasPrefix(line, "stagelock_calls_total") {
			n++
		}
	}
	if n != 2 { // without a method, and with one that no list has
		t.Errorf("%d series", n)
	}
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	may := []string{"peer", "method", "verdict", "reason", "phase", "direction", "how", "key", "result", "kind", "op", "why", "node",
		"name", "digest", "part", "state", "version", "go"}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "stagelock_") {
			continue
		}
		for _, one := range f.GetMetric() {
			for _, l := range one.GetLabel() {
				if !slices.Contains(may, l.GetName()) {
					t.Errorf("%s has the label %s", f.GetName(), l.GetName())
				}
			}
		}
	}
}

// A call that was slow can be found in the audit log: its reference stands beside its duration.
func TestSlowCallsLeaveTheirReference(t *testing.T) {
	m := open(t, state)
	everything(m)
	text := scrape(t, m, "application/openmetrics-text; version=1.0.0")
	if !strings.Contains(text, `# {reference="r1"} 2.0`) {
		t.Error("no exemplar of the slow call")
	}
	if strings.Contains(text, `reference="r1"} 0.001`) {
		t.Error("a quick phase has an exemplar")
	}
	if !strings.HasSuffix(text, "# EOF\n") {
		t.Error("not the format that was asked for")
	}
}

// A gateway that is alone has no members.
func TestAloneThereAreNoMembers(t *testing.T) {
	m := open(t, func() status.Status { return status.Status{} })
	text := scrape(t, m, "")
	for _, not := range []string{"stagelock_members", "stagelock_member_lease", "stagelock_clock_offset", "checkpoint_timestamp", "certificate_expiry", "certificate_due"} {
		if strings.Contains(text, not) {
			t.Errorf("%s is in the scrape", not)
		}
	}
	if !strings.Contains(text, "stagelock_ready 0\n") || !strings.Contains(text, "stagelock_store_up 0\n") {
		t.Error("what is not known is not told as bad")
	}
}

// TestTheDigestOfOneAlone is of all that it says: there is nobody to be like.
func TestTheDigestOfOneAlone(t *testing.T) {
	s := state()
	s.Store.Cluster = nil
	if text := scrape(t, open(t, func() status.Status { return s }), ""); !strings.Contains(text, `stagelock_config_info{digest="d1"} 1`) {
		t.Errorf("got %s", text)
	}
}

func TestNobodyToAsk(t *testing.T) {
	if _, err := metrics.New(metrics.Config{}); err == nil {
		t.Error("metrics without a state")
	}
}

// small is a call as most are.
var small = metrics.Call{Ref: "r", Peer: "staging", Method: "hasRemoteLayout", Verdict: "allow", KeyID: "staging",
	At: time.Unix(1_700_000_000, 0), Gateway: 200 * time.Microsecond, Engine: 3 * time.Millisecond, Record: 150 * time.Microsecond,
	In: 900, Out: 60}

func TestASmallCallAllocatesNothing(t *testing.T) {
	m := open(t, state)
	if n := testing.AllocsPerRun(1000, func() { m.Call(small); m.Recorded("verdict"); m.Recorded("outcome") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkSmallCall is what metrics add to a call that only reads: itself and its two records.
func BenchmarkSmallCall(b *testing.B) {
	m := open(b, state)
	b.ReportAllocs()
	for b.Loop() {
		m.Call(small)
		m.Recorded("verdict")
		m.Recorded("outcome")
	}
}

func BenchmarkSmallCallParallel(b *testing.B) {
	m := open(b, state)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Call(small)
		}
	})
}

func BenchmarkScrape(b *testing.B) {
	m := open(b, state)
	everything(m)
	for b.Loop() {
		scrape(b, m, "")
	}
}
