package metrics_test

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/metrics"
	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/policy"
)

// lines returns the samples of a metric of a gateway's own, by name without prefix, sorted.
func lines(t *testing.T, m *metrics.Metrics, name string) []string {
	t.Helper()
	all := []string{}
	for in := bufio.NewScanner(strings.NewReader(scrape(t, m, ""))); in.Scan(); {
		rest, ok := strings.CutPrefix(in.Text(), "stagelock_"+name)
		if ok && (rest[0] == '{' || rest[0] == ' ') {
			all = append(all, strings.TrimPrefix(rest, " "))
		}
	}
	slices.Sort(all)
	return all
}

func empty() status.Status { return status.Status{} }

// TestAScrapeOfNothingKnown: what is not known is left out where a zero would be a lie, and 0 where it is a fact.
func TestAScrapeOfNothingKnown(t *testing.T) {
	m := open(t, empty)
	for name, want := range map[string][]string{
		"ready": {"0"}, "publishes_running": {"0"}, "connections": {"0"}, "store_up": {"0"}, "audit_verified": {"0"},
		"config_last_reload_successful": {"0"}, "disk_free_bytes": {"0"}, "data_bytes": {`{part="audit"} 0`, `{part="store"} 0`},
		"audit_last_checkpoint_timestamp_seconds": {}, "config_last_reload_timestamp_seconds": {}, "engine_up": {}, "calls_running": {},
		"certificate_expiry_timestamp_seconds": {}, "certificate_due_timestamp_seconds": {}, "members": {}, "member_lease_seconds": {},
		"clock_offset_seconds": {}, "sync_backlog": {}, "sync_conflicts": {}, "refused_connections_total": {},
		"config_info": {`{digest=""} 1`}, "audit_outcomes_lost_total": {"0"}, "calls_total": {}, "publishes_total": {},
		"repeats_total": {`{how="answered"} 0`, `{how="unknown"} 0`, `{how="waited"} 0`},
	} {
		if got := lines(t, m, name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestReadings: each row changes one thing of a status.
func TestReadings(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_500)
	for _, tt := range []struct {
		name, metric string
		change       func(*status.Status)
		want         []string
	}{
		{"half a second", "audit_last_checkpoint_timestamp_seconds", func(s *status.Status) { s.Audit.Checkpoint = at }, []string{"1.7000000005e+09"}},
		{"not whole", "audit_verified", func(s *status.Status) { s.Audit.Whole = false }, []string{"0"}},
		{"whole and not writable", "audit_verified", func(s *status.Status) { s.Audit.Problem = "x" }, []string{"0"}},
		{"whole", "audit_verified", func(*status.Status) {}, []string{"1"}},
		{"a node that is down", "engine_up", func(s *status.Status) { s.Engine = append(s.Engine, status.Engine{Name: "n2"}) },
			[]string{`{node="127.0.0.1:8080"} 1`, `{node="n2"} 0`}},
		{"a node that is there twice counts once", "engine_up", func(s *status.Status) { s.Engine = append(s.Engine, s.Engine...) },
			[]string{`{node="127.0.0.1:8080"} 1`}},
		{"failures by kind", "engine_failures_total", func(*status.Status) {},
			[]string{`{kind="call",node="127.0.0.1:8080"} 2`, `{kind="probe",node="127.0.0.1:8080"} 1`}},
		{"two certificates of one name", "certificate_expiry_timestamp_seconds",
			func(s *status.Status) { s.Certificates = append(s.Certificates, s.Certificates[0]) }, []string{`{name="live.example.com"} 1.7e+09`}},
		{"when a certificate is due", "certificate_due_timestamp_seconds", func(*status.Status) {}, []string{`{name="live.example.com"} 1.6999e+09`}},
		{"a certificate that is not there yet", "certificate_due_timestamp_seconds",
			func(s *status.Status) { s.Certificates[0].NotAfter = time.Time{} }, []string{}},
		{"the digest of all in a cluster", "config_info", func(*status.Status) {}, []string{`{digest="shared"} 1`}},
		{"its own digest alone", "config_info", func(s *status.Status) { s.Store.Cluster = nil }, []string{`{digest="d1"} 1`}},
		{"a clock behind", "clock_offset_seconds", func(*status.Status) {}, []string{"-1"}},
		{"members by state", "members", func(s *status.Status) { s.Store.Cluster.Members["draining"] = 1 }, []string{`{state="draining"} 1`, `{state="up"} 2`}},
		{"quotes in a label", "calls_running", func(s *status.Status) { s.Traffic.Calls = map[string]int{"a\"b\\c\nd": 1} },
			[]string{`{peer="a\"b\\c\nd"} 1`}},
		{"why connections were closed", "refused_connections_total", func(*status.Status) {}, []string{`{why="host.denied"} 7`}},
		{"a queue that is stopped", "sync_stopped", func(s *status.Status) {
			s.Sync = &status.Sync{Targets: []status.Target{{Name: "a", State: "operator"}, {Name: "b", State: "blocked"}}}
		}, []string{`{target="a"} 1`, `{target="b"} 0`}},
		{"how long the oldest waits", "sync_oldest_seconds", func(s *status.Status) {
			s.Now = at
			s.Sync = &status.Sync{Targets: []status.Target{{Name: "a", Oldest: at.Add(-90 * time.Second)}, {Name: "b"}, {Name: "c", Oldest: at.Add(time.Hour)}}}
		}, []string{`{target="a"} 90`, `{target="b"} 0`, `{target="c"} 0`}},
		{"conflicts here and elsewhere", "sync_conflicts", func(s *status.Status) { s.Sync = &status.Sync{Conflicts: 5, Here: 2} },
			[]string{`{where="elsewhere"} 3`, `{where="here"} 2`}},
		{"approvals", "sync_approvals", func(s *status.Status) { s.Sync = &status.Sync{Approvals: 4} }, []string{"4"}},
		{"how long the oldest waits for approval", "sync_approvals_oldest_seconds", func(s *status.Status) {
			s.Now = at
			s.Sync = &status.Sync{Approvals: 4, Asked: at.Add(-time.Hour)}
		}, []string{"3600"}},
		{"nothing to approve", "sync_approvals_oldest_seconds", func(s *status.Status) {
			s.Now = at
			s.Sync = &status.Sync{}
		}, []string{"0"}},
		{"asked by a clock ahead", "sync_approvals_oldest_seconds", func(s *status.Status) {
			s.Now = at
			s.Sync = &status.Sync{Asked: at.Add(time.Hour)}
		}, []string{"0"}},
		{"when a target took something last", "sync_last_delivery_timestamp_seconds", func(s *status.Status) {
			s.Sync = &status.Sync{Targets: []status.Target{{Name: "a", Last: at}, {Name: "b"}}}
		}, []string{fmt.Sprintf(`{target="a"} %v`, float64(at.UnixMilli())/1000)}},
		{"what became of changes", "sync_changes_total",
			func(s *status.Status) { s.Sync = &status.Sync{Changes: map[string]int64{"made": 3, "echo": 0}} },
			[]string{`{what="echo"} 0`, `{what="made"} 3`}},
		{"what was decided", "sync_approvals_decided_total",
			func(s *status.Status) { s.Sync = &status.Sync{Decided: map[string]int64{"approved": 5, "refused": 0}} },
			[]string{`{result="approved"} 5`, `{result="refused"} 0`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := state()
			tt.change(&s)
			if got := lines(t, open(t, func() status.Status { return s }), tt.metric); !slices.Equal(got, tt.want) {
				t.Errorf("%s: %q, want %q", tt.metric, got, tt.want)
			}
		})
	}
}

// TestCallsByWhatBecameOfThem: labels are of lists only, so no caller can make series.
func TestCallsByWhatBecameOfThem(t *testing.T) {
	for _, tt := range []struct {
		name string
		call metrics.Call
		want string
	}{
		{"went well", metrics.Call{Peer: "p", Method: "hasRemoteLayout", Verdict: "allow"},
			`{method="hasRemoteLayout",peer="p",reason="",verdict="allow"} 1`},
		{"a method that nobody knows", metrics.Call{Peer: "p", Method: "x\ny", Verdict: "deny", Reason: "host.denied"},
			`{method="other",peer="p",reason="host.denied",verdict="deny"} 1`},
		{"a reason that nobody knows", metrics.Call{Method: "hasRemoteLayout", Verdict: "deny", Reason: "made.up"},
			`{method="hasRemoteLayout",peer="",reason="other",verdict="deny"} 1`},
		{"nothing was read", metrics.Call{Verdict: "deny", Reason: "http.cut"}, `{method="",peer="",reason="http.cut",verdict="deny"} 1`},
		{"an exception of the engine", metrics.Call{Peer: "p", Method: "hasRemoteLayout", Verdict: "allow", Reason: metrics.Exception},
			`{method="hasRemoteLayout",peer="p",reason="exception",verdict="allow"} 1`},
		{"a method in other case", metrics.Call{Method: "HASREMOTELAYOUT", Verdict: "deny"}, `{method="other",peer="",reason="",verdict="deny"} 1`},
		{"a method that is called other", metrics.Call{Method: "other", Verdict: "deny"}, `{method="other",peer="",reason="",verdict="deny"} 1`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := open(t, empty)
			m.Call(tt.call)
			if got := lines(t, m, "calls_total"); len(got) != 1 || got[0] != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	m := open(t, empty)
	for _, r := range policy.Reasons() {
		m.Call(metrics.Call{Verdict: "deny", Reason: r.Code})
	}
	if got := lines(t, m, "calls_total"); len(got) != len(policy.Reasons()) {
		t.Errorf("%d series of %d reasons", len(got), len(policy.Reasons()))
	}
	for n := range 5000 { // somebody tries names
		m.Call(metrics.Call{Method: fmt.Sprint("m", n), Verdict: "deny", Reason: fmt.Sprint("r", n)})
	}
	if got := lines(t, m, "calls_total"); len(got) != len(policy.Reasons())+1 {
		t.Errorf("%d series after guesses", len(got))
	}
}

// TestWhatNobodyProvedIsOfNoPeer: bytes, keys and times are counted of peers only, times of what was let in.
func TestWhatNobodyProvedIsOfNoPeer(t *testing.T) {
	m := open(t, empty)
	m.Call(metrics.Call{Method: "hasRemoteLayout", Verdict: "allow", KeyID: "k", In: 5, Out: 6, Delayed: true, Gateway: time.Second, Engine: time.Second})
	for _, name := range []string{"bytes_total", "delayed_calls_total", "key_last_used_timestamp_seconds", "call_seconds_count"} {
		if got := lines(t, m, name); len(got) != 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
	m.Call(metrics.Call{Peer: "p", Method: "hasRemoteLayout", Verdict: "deny", In: -5, Out: 6, Gateway: time.Second, Engine: time.Second})
	if got := lines(t, m, "call_seconds_count"); slices.ContainsFunc(got, func(s string) bool { return !strings.HasSuffix(s, " 0") }) {
		t.Errorf("a denied call has a time: %q", got)
	}
	if got, want := lines(t, m, "bytes_total"), []string{`{direction="in",peer="p"} 0`, `{direction="out",peer="p"} 6`}; !slices.Equal(got, want) {
		t.Errorf("bytes %q, want %q", got, want)
	}
	m.Call(metrics.Call{Peer: "p", Method: "hasRemoteLayout", Verdict: "answer", Gateway: time.Second})
	want := []string{`{method="hasRemoteLayout",phase="engine"} 0`, `{method="hasRemoteLayout",phase="gateway"} 1`}
	if got := lines(t, m, "call_seconds_count"); !slices.Equal(got, want) {
		t.Errorf("an answer without the engine: %q, want %q", got, want)
	}
}

func TestKeysLastUsed(t *testing.T) {
	m := open(t, empty)
	use := func(peer, key string, at int64) {
		m.Call(metrics.Call{Peer: peer, Verdict: "allow", KeyID: key, At: time.UnixMilli(at)})
	}
	use("a", "a", 1000)
	use("a", "a/previous", 2000)
	use("a", "a", 3500)
	use("b", "previous", 4000) // a peer of that name
	use("c", "", 5000)         // nobody signed
	want := []string{`{key="current",peer="a"} 3.5`, `{key="current",peer="b"} 4`, `{key="previous",peer="a"} 2`}
	if got := lines(t, m, "key_last_used_timestamp_seconds"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPeersAreExpectedFromTheBeginning(t *testing.T) {
	m := open(t, empty)
	m.Expect([]string{"a"})
	m.Expect([]string{"a", "b"}) // a reload
	m.Publish(metrics.Publish{Peer: "a", Result: "failed", Took: time.Second})
	want := []string{}
	for _, peer := range []string{"a", "b"} {
		for _, how := range []string{"failed", "ok", "refused", "unfinished", "unknown"} {
			n := 0
			if peer == "a" && how == "failed" {
				n = 1
			}
			want = append(want, fmt.Sprintf(`{peer=%q,result=%q} %d`, peer, how, n))
		}
	}
	if got := lines(t, m, "publishes_total"); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := lines(t, m, "publish_bytes_count"); !slices.Equal(got, []string{"0"}) {
		t.Errorf("a publish without an archive has a size: %q", got)
	}
	if got := lines(t, m, "publish_seconds_count"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("times of publishes: %q", got)
	}
	if got := len(lines(t, m, "bytes_total")); got != 4 {
		t.Errorf("%d counters of bytes", got)
	}
}

func TestMetricsNeedSomebodyToAsk(t *testing.T) {
	if m, err := metrics.New(metrics.Config{}); m != nil || err == nil || err.Error() != "metrics: nobody to ask for the state" {
		t.Errorf("%v, %v", m, err)
	}
}

// TestNothingIsLostWhenManyCount at once, also of what nobody counted before.
func TestNothingIsLostWhenManyCount(t *testing.T) {
	m := open(t, empty)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := range 250 {
				m.Call(metrics.Call{Peer: fmt.Sprint("p", n%5), Method: "hasRemoteLayout", Verdict: "allow", In: 1, Repeat: metrics.Answered})
				m.Recorded("verdict")
				m.OutcomeLost()
			}
		})
	}
	wg.Wait()
	for n := range 5 {
		for metric, want := range map[string]string{
			"calls_total": fmt.Sprintf(`{method="hasRemoteLayout",peer="p%d",reason="",verdict="allow"} 400`, n),
			"bytes_total": fmt.Sprintf(`{direction="in",peer="p%d"} 400`, n), "repeats_total": `{how="answered"} 2000`,
			"audit_records_total": `{kind="verdict"} 2000`, "audit_outcomes_lost_total": "2000",
		} {
			if got := lines(t, m, metric); !slices.Contains(got, want) {
				t.Errorf("%s: %q, want %q", metric, got, want)
			}
		}
	}
}
