package sync_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/exchange"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

// TestStatusOfATarget prints that one, and ends as it is with that one.
func TestStatusOfATarget(t *testing.T) {
	all := []exchange.TargetStatus{
		{ID: keyA, Name: "test", State: "ok", Last: noon.Add(-time.Minute)},
		{ID: keyB, Name: "branch", State: "blocked", Backlog: 14, Oldest: noon.Add(-3 * time.Hour), Tries: 8, Next: noon.Add(time.Minute),
			Reason: "connection refused"},
		{ID: words.ServerID(strings.Repeat("C", 20)), Name: "Dev", State: "operator", Reason: "its clock is ahead", Waiting: 2},
		{ID: words.ServerID(strings.Repeat("D", 20)), Name: "qa", State: "ok", Dead: 1},
		{ID: words.ServerID(strings.Repeat("E", 20)), Name: "twin", State: "ok"},
		{ID: words.ServerID(strings.Repeat("F", 20)), Name: "TWIN", State: "held", Reason: "its twin"},
	}
	for _, tt := range []struct {
		name, target string
		code         int
		want         []string
		json         string // a part of it; empty: an error
	}{
		{"well", "test", 0, []string{"test    ok     0        -       11:59:00  -"}, `"name":"test","state":"ok"`},
		{"blocked", "branch", 1, []string{"14", "(attempt 9): connection refused"}, `"backlog":14`},
		{"by its key", keyB, 1, []string{"branch"}, `"name":"branch"`},
		{"written otherwise, and stopped", "dev", 1, []string{"stopped: its clock is ahead", "2 changes that it cannot take yet"}, `"state":"operator"`},
		{"with a dead letter", "qa", 1, []string{"1 dead letter (stagelock sync log --state dead)"}, `"dead":1`},
		{"mistyped", "brnch", 65, []string{`no changes go from here to "brnch"`, "did you mean branch?"}, ""},
		{"of nobody", "production-of-another-house", 65, []string{"known here: test, branch"}, ""},
		{"nothing", "", 65, []string{`no changes go from here to ""`}, ""},
		{"a name of two", "twin", 65, []string{`"twin" is the name of 2 targets`, "by its key"}, ""},
		{"what a terminal acts on", "\x1b[2J", 65, []string{`"\x1b[2J"`}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t)
			g.says["status"] = exchange.Status{ID: keyA, Name: "live", Targets: all, Here: 2, Approvals: 1, Dead: 1}
			g.check(tt.code, tt.want, "status", tt.target)
			_, out, errs := g.run("status", tt.target)
			if strings.Contains(out+errs, "to decide here") || strings.Count(out, "\n") > 3 {
				t.Errorf("it says more than of that one: %s%s", out, errs)
			}
			g.check(tt.code, []string{tt.json}, "status", "--json", tt.target)
			if tt.json != "" && strings.Contains(out, "targets") {
				t.Errorf("the other targets are printed: %s", out)
			}
		})
	}
	g := newGate(t)
	g.says["status"] = exchange.Status{}
	g.check(65, []string{"nor to anybody else", "sync.peers"}, "status", "test")
}

// TestTargetsAreCompleted by the gateway that runs, and by nobody else.
func TestTargetsAreCompleted(t *testing.T) {
	g := newGate(t)
	g.says["status"] = exchange.Status{Targets: []exchange.TargetStatus{{Name: "test"}, {Name: "te\x1b[2J"}}}
	code, out, errs := g.complete()
	if code != 0 || !strings.Contains(out, "test\n") || !strings.Contains(out, "te?[2J\n") {
		t.Errorf("%d, %q, %q", code, out, errs)
	}
	g.socket += "-nowhere"
	if code, out, errs := g.complete(); code != 0 || out != "" {
		t.Errorf("with nobody there: %d, %q, %q", code, out, errs)
	}
}
