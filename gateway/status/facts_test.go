package status_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/status"
)

var noon = time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// well is a gateway of which there is nothing to say.
func well() *status.Status {
	return &status.Status{
		Ready: true, Now: noon, Since: noon.Add(-time.Hour),
		Engine:       []status.Engine{{Name: "127.0.0.1:8080", Up: true}},
		Config:       status.Config{OK: true, Loaded: noon.Add(-time.Hour), Tried: noon.Add(-time.Hour)},
		Certificates: []status.Certificate{{Name: "live.example.com", NotAfter: noon.Add(60 * day), Soon: 30 * day}},
		Audit:        status.Audit{Whole: true, Checkpoint: noon.Add(-8 * time.Second)},
		Store:        status.Store{Kind: "embedded", Up: true},
		Disk:         status.Disk{Path: "/var/lib/stagelock", Free: 50 << 30, Size: 100 << 30},
	}
}

// Each row changes one thing about a gateway that is well; all other facts stay good.
func TestFacts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*status.Status)
		want   string // the facts that are not good
	}{
		{"nothing", func(*status.Status) {}, ""},
		{"not ready", func(s *status.Status) { s.Ready, s.Problems = false, []string{"a; mend a", "b; mend b"} }, "bad ready a; mend a, bad ready b; mend b"},
		{"not ready, and nobody knows why", func(s *status.Status) { s.Ready = false }, "bad ready not ready"},
		{"a node that would not take one", func(s *status.Status) { s.Warnings = []string{"n2 has another secret; compare them"} },
			"warn ready n2 has another secret; compare them"},
		{"one node down", func(s *status.Status) { s.Engine = append(s.Engine, status.Engine{Name: "n2"}) },
			"warn engine n2 is down: start it, or mend engine.upstream.nodes"},
		{"store", func(s *status.Status) { s.Store = status.Store{Problem: "disk full"} }, "bad store disk full"},
		{"log", func(s *status.Status) { s.Audit.Problem = "cannot be signed" }, "bad audit cannot be signed"},
		{"log that was changed", func(s *status.Status) { s.Audit.Whole = false },
			"warn audit the log was not what its newest checkpoint says when it was opened: see stagelock audit verify"},
		{"no checkpoint yet", func(s *status.Status) { s.Audit.Checkpoint = time.Time{} }, ""},
		{"certificate soon", func(s *status.Status) { s.Certificates[0].NotAfter = noon.Add(29 * day) },
			"warn certificate live.example.com until 2026-02-08, 29 days: renew it and reload"},
		{"certificate that renews itself in time", func(s *status.Status) {
			s.Certificates[0].NotAfter, s.Certificates[0].Soon = noon.Add(3*day), 36*time.Hour
		}, ""},
		{"certificate over", func(s *status.Status) { s.Certificates[0].Problem = "ran out: renew it" }, "bad certificate ran out: renew it"},
		{"reload refused", func(s *status.Status) {
			s.Config.OK, s.Config.Tried, s.Config.Problem = false, noon, "a.yaml:3: x\na.yaml:4: y"
		}, "warn config the reload of 2026-01-10 12:00:00 UTC was refused, what was loaded on 2026-01-10 11:00:00 UTC is in use: a.yaml:3: x; a.yaml:4: y"},
		{"restart due", func(s *status.Status) { s.Config.Restart = []string{"listen", "data"} },
			"warn config changed, and counts after a restart only: listen, data"},
		{"disk nearly full", func(s *status.Status) { s.Disk.Free = 900 << 20 },
			"warn disk /var/lib/stagelock has 900 MiB left: make room, or every publish will be refused"},
		{"disk that nobody knows", func(s *status.Status) { s.Disk = status.Disk{} }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := well()
			tt.change(s)
			var got []string
			for _, f := range s.Facts() {
				if f.Words == "" || f.ID == "" {
					t.Errorf("no words: %+v", f)
				}
				if f.Mark != status.OK {
					got = append(got, string(f.Mark)+" "+f.ID+" "+f.Words)
				}
			}
			if all := strings.Join(got, ", "); all != tt.want {
				t.Errorf("got %q, want %q", all, tt.want)
			}
		})
	}
}

func TestWordsOfAGatewayThatIsWell(t *testing.T) {
	s := well()
	s.Store.Cluster = &status.Member{Name: "live", Members: map[string]int{"up": 3, "draining": 1}}
	var got []string
	for _, f := range s.Facts() {
		got = append(got, f.ID+": "+f.Words)
	}
	want := []string{"ready: publishes can pass", "engine: 127.0.0.1:8080 is up", "store: embedded, can be written, cluster live of 3",
		"audit: signed 8s ago", "certificate: live.example.com until 2026-03-11, 60 days", "config: loaded 2026-01-10 11:00:00 UTC",
		"disk: /var/lib/stagelock has 50 GiB of 100 GiB left"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// What the commands read is what the gateway wrote.
func TestStatusOverTheWire(t *testing.T) {
	s := well()
	s.Refusals, s.Traffic.Calls = map[string]int64{"host.denied": 3}, map[string]int{"staging": 2}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back status.Status
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&back)
	if err != nil || string(again) != string(b) {
		t.Errorf("%s\n%s\n%v", b, again, err)
	}
	for _, want := range []string{`"ready":true`, `"not_after":"2026-03-11T12:00:00Z"`, `"refusals":{"host.denied":3}`, `"calls":{"staging":2}`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
}
