package status_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/status"
)

// only returns the facts of one kind, as their mark and words.
func only(s *status.Status, id string) []string {
	all := []string{}
	for _, f := range s.Facts() {
		if f.ID == id {
			all = append(all, string(f.Mark)+": "+f.Words)
		}
	}
	return all
}

// TestNothingKnownIsNotWell: a status that nobody filled in must not look good where publishes may not pass.
func TestNothingKnownIsNotWell(t *testing.T) {
	var zero status.Status
	for id, want := range map[string][]string{
		"ready":       {"bad: not ready"},
		"engine":      {},
		"store":       {"bad: "},
		"audit":       {"warn: the log was not what its newest checkpoint says when it was opened: see stagelock audit verify"},
		"certificate": {},
		"config": {"warn: the reload of 0001-01-01 00:00:00 UTC was refused, " +
			"what was loaded on 0001-01-01 00:00:00 UTC is in use: "},
		"disk": {},
	} {
		if got := only(&zero, id); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}

func TestReadyFacts(t *testing.T) {
	for _, tt := range []struct {
		name               string
		ready              bool
		problems, warnings []string
		want               []string
	}{
		{"ready", true, nil, nil, []string{"ok: publishes can pass"}},
		{"ready with warnings", true, nil, []string{"a", "b"}, []string{"ok: publishes can pass", "warn: a", "warn: b"}},
		{"ready, and problems that are over", true, []string{"old"}, nil, []string{"ok: publishes can pass"}},
		{"not ready", false, []string{"a"}, nil, []string{"bad: a"}},
		{"not ready: warnings do not matter then", false, []string{"a"}, []string{"b"}, []string{"bad: a"}},
		{"not ready, only warnings", false, nil, []string{"b"}, []string{"bad: not ready"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := well()
			s.Ready, s.Problems, s.Warnings = tt.ready, tt.problems, tt.warnings
			if got := only(s, "ready"); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEngineFactsKeepTheOrderOfTheNodes(t *testing.T) {
	s := well()
	s.Engine = []status.Engine{{Name: "n3"}, {Name: "n1", Up: true, Failures: status.Failures{Calls: 9}}, {Name: "n2"}}
	want := []string{"warn: n3 is down: start it, or mend engine.upstream.nodes", "ok: n1 is up",
		"warn: n2 is down: start it, or mend engine.upstream.nodes"}
	if got := only(s, "engine"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStoreFacts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		store status.Store
		want  string
	}{
		{"embedded", status.Store{Kind: "embedded", Up: true}, "ok: embedded, can be written"},
		{"postgres alone", status.Store{Kind: "postgres", Up: true}, "ok: postgres, can be written"},
		{"of a cluster", status.Store{Kind: "postgres", Up: true, Cluster: &status.Member{Name: "live", Members: map[string]int{"up": 2}}},
			"ok: postgres, can be written, cluster live of 2"},
		{"of a cluster that nobody counted", status.Store{Kind: "postgres", Up: true, Cluster: &status.Member{Name: "live"}},
			"ok: postgres, can be written, cluster live of 0"},
		{"away", status.Store{Kind: "postgres", Problem: "connection refused; start it"}, "bad: connection refused; start it"},
		{"away in a cluster: only the problem is said", status.Store{Problem: "away", Cluster: &status.Member{Name: "live"}}, "bad: away"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := well()
			s.Store = tt.store
			if got := only(s, "store"); len(got) != 1 || got[0] != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAuditFacts(t *testing.T) {
	const unlike = "warn: the log was not what its newest checkpoint says when it was opened: see stagelock audit verify"
	for _, tt := range []struct {
		name  string
		audit status.Audit
		want  string
	}{
		{"just signed", status.Audit{Whole: true, Checkpoint: noon}, "ok: signed 0s ago"},
		{"rounded up", status.Audit{Whole: true, Checkpoint: noon.Add(-1500 * time.Millisecond)}, "ok: signed 2s ago"},
		{"rounded down", status.Audit{Whole: true, Checkpoint: noon.Add(-1400 * time.Millisecond)}, "ok: signed 1s ago"},
		{"days ago", status.Audit{Whole: true, Checkpoint: noon.Add(-49 * time.Hour)}, "ok: signed 49h0m0s ago"},
		{"a clock that was set back", status.Audit{Whole: true, Checkpoint: noon.Add(time.Hour)}, "ok: signed 0s ago"},
		{"new", status.Audit{Whole: true}, "ok: no checkpoint yet"},
		{"new and not whole", status.Audit{}, unlike},
		{"not whole", status.Audit{Checkpoint: noon}, unlike},
		{"not whole, and a problem comes first", status.Audit{Problem: "disk full"}, "bad: disk full"},
		{"whole with a problem", status.Audit{Whole: true, Checkpoint: noon, Problem: "disk full"}, "bad: disk full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := well()
			s.Audit = tt.audit
			if got := only(s, "audit"); len(got) != 1 || got[0] != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCertificateFacts(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    status.Certificate
		want string
	}{
		{"far off", status.Certificate{Name: "n", NotAfter: noon.Add(365 * day), Soon: 21 * day}, "ok: n until 2027-01-10, 365 days"},
		{"the moment that it is soon", status.Certificate{Name: "n", NotAfter: noon.Add(21 * day), Soon: 21 * day},
			"ok: n until 2026-01-31, 21 days"},
		{"a second later", status.Certificate{Name: "n", NotAfter: noon.Add(21*day - time.Second), Soon: 21 * day},
			"warn: n until 2026-01-31, 20 days: renew it and reload"},
		{"the last day", status.Certificate{Name: "n", NotAfter: noon.Add(23 * time.Hour), Soon: day},
			"warn: n until 2026-01-11, 0 days: renew it and reload"},
		{"the last moment", status.Certificate{Name: "n", NotAfter: noon, Soon: day}, "warn: n until 2026-01-10, 0 days: renew it and reload"},
		{"over", status.Certificate{Name: "n", NotAfter: noon.Add(-time.Second), Soon: day},
			"warn: n until 2026-01-10, ended: renew it and reload"},
		{"over, and never soon", status.Certificate{Name: "n", NotAfter: noon.Add(-time.Second)},
			"warn: n until 2026-01-10, ended: renew it and reload"},
		{"a problem is all that is said", status.Certificate{Name: "n", NotAfter: noon.Add(90 * day), Problem: "no key; make one"}, "bad: no key; make one"},
		{"another zone", status.Certificate{Name: "n", NotAfter: time.Date(2026, 6, 1, 0, 30, 0, 0, time.FixedZone("", 3600))},
			"ok: n until 2026-05-31, 141 days"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := well()
			s.Certificates = []status.Certificate{tt.c}
			if got := only(s, "certificate"); len(got) != 1 || got[0] != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	s := well()
	s.Certificates = []status.Certificate{{Name: "a", NotAfter: noon.Add(90 * day)}, {Name: "b", Problem: "x"}}
	if got := only(s, "certificate"); len(got) != 2 || !strings.HasPrefix(got[0], "ok: a") || got[1] != "bad: x" {
		t.Errorf("two of them: %q", got)
	}
}

func TestConfigFacts(t *testing.T) {
	loaded := noon.Add(-time.Hour)
	for _, tt := range []struct {
		name   string
		config status.Config
		want   []string
	}{
		{"loaded", status.Config{OK: true, Loaded: loaded}, []string{"ok: loaded 2026-01-10 11:00:00 UTC"}},
		{"one setting waits", status.Config{OK: true, Loaded: loaded, Restart: []string{"listen"}},
			[]string{"ok: loaded 2026-01-10 11:00:00 UTC", "warn: changed, and counts after a restart only: listen"}},
		{"another zone", status.Config{OK: true, Loaded: loaded.In(time.FixedZone("", 7200))}, []string{"ok: loaded 2026-01-10 11:00:00 UTC"}},
		{"refused: what waits is not said", status.Config{Loaded: loaded, Tried: noon, Problem: "a", Restart: []string{"listen"}},
			[]string{"warn: the reload of 2026-01-10 12:00:00 UTC was refused, what was loaded on 2026-01-10 11:00:00 UTC is in use: a"}},
		{"one line only", status.Config{Loaded: loaded, Tried: noon, Problem: "a\nb\n"},
			[]string{"warn: the reload of 2026-01-10 12:00:00 UTC was refused, what was loaded on 2026-01-10 11:00:00 UTC is in use: a; b; "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := well()
			s.Config = tt.config
			if got := only(s, "config"); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDiskFacts(t *testing.T) {
	for _, tt := range []struct {
		name       string
		free, size int64
		want       []string
	}{
		{"not known", 5, 0, []string{}},
		{"just enough", 1 << 30, 4 << 40, []string{"ok: /d has 1 GiB of 4 TiB left"}},
		{"one byte less", 1<<30 - 1, 4 << 40, []string{"warn: /d has 1024 MiB left: make room, or every publish will be refused"}},
		{"a few bytes", 1023, 1 << 40, []string{"warn: /d has 1023 bytes left: make room, or every publish will be refused"}},
		{"a KiB", 1024, 1 << 40, []string{"warn: /d has 1 KiB left: make room, or every publish will be refused"}},
		{"full", 0, 1 << 40, []string{"warn: /d has 0 bytes left: make room, or every publish will be refused"}},
		{"beyond the last unit", 3 << 50, 1 << 52, []string{"ok: /d has 3072 TiB of 4096 TiB left"}},
		{"a fraction", 3 << 29, 1 << 34, []string{"ok: /d has 1.5 GiB of 16 GiB left"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := well()
			s.Disk = status.Disk{Path: "/d", Free: tt.free, Size: tt.size}
			if got := only(s, "disk"); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestFactsStandInTheOrderInWhichAnOperatorAsks, whatever is wrong.
func TestFactsStandInTheOrderInWhichAnOperatorAsks(t *testing.T) {
	order := []string{"ready", "engine", "store", "audit", "certificate", "config", "disk"}
	for name, s := range map[string]*status.Status{"well": well(), "zero": {}, "all wrong": {
		Problems: []string{"p"}, Engine: []status.Engine{{Name: "n"}}, Store: status.Store{Problem: "s"}, Audit: status.Audit{Problem: "a"},
		Certificates: []status.Certificate{{Problem: "c"}}, Disk: status.Disk{Size: 1},
	}} {
		last := 0
		for _, f := range s.Facts() {
			at := slices.Index(order, f.ID)
			if at < last {
				t.Errorf("%s: %s stands behind %s", name, f.ID, order[last])
			}
			last = at
		}
	}
}

// TestTheStatusOfNothingOverTheWire: what is not known is left out or zero, and a reader of an older
// gateway's status gets what is there.
func TestTheStatusOfNothingOverTheWire(t *testing.T) {
	b, err := json.Marshal(status.Status{})
	if err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"problems", "warnings", "stopping", "sync", "cluster", "turned", "restart"} {
		if strings.Contains(string(b), `"`+absent+`"`) {
			t.Errorf("%s is in %s", absent, b)
		}
	}
	for _, there := range []string{`"ready":false`, `"whole":false`, `"up":false`, `"ok":false`} {
		if !strings.Contains(string(b), there) {
			t.Errorf("%s is not in %s", there, b)
		}
	}
	var s status.Status
	if err := json.Unmarshal([]byte(`{"ready":true,"later":{"x":1}}`), &s); err != nil || !s.Ready {
		t.Errorf("a newer gateway's status: %v", err)
	}
	for _, bad := range []string{`{"ready":"yes"}`, `{"now":"noon"}`, `[]`, `{"disk":{"free":1.5}}`} {
		if err := json.Unmarshal([]byte(bad), new(status.Status)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// TestFactsOfATarget: a queue of sync travels whole.
func TestFactsOfATarget(t *testing.T) {
	want := status.Sync{Conflicts: 3, Here: 1, Approvals: 2, Asked: noon, Decided: map[string]int64{"refused": 1},
		Changes: map[string]int64{"made": 2}, Targets: []status.Target{
			{Name: "test", State: "operator", Backlog: 4, Dead: 2, Tries: 7, Oldest: noon, Last: noon.Add(-time.Minute)}, {Name: "dev", State: "ok"},
		}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got status.Sync
	if err := json.Unmarshal(b, &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s became %+v, %v", b, got, err)
	}
	if strings.Count(string(b), `"oldest"`) != 1 || strings.Count(string(b), `"last"`) != 1 {
		t.Errorf("times that are not known are told: %s", b)
	}
}
