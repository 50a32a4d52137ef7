package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/status"
)

// TestServersThatAreKeptAlike: each target has its figures, and one that waits for nothing is 0 seconds late.
func TestServersThatAreKeptAlike(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	text := scrape(t, open(t, func() status.Status {
		return status.Status{Now: now, Sync: &status.Sync{Conflicts: 5, Here: 2, Targets: []status.Target{
			{Name: "test", State: "ok"},
			{Name: "dev", State: "blocked", Backlog: 14, Dead: 1, Tries: 9, Oldest: now.Add(-3 * time.Hour)},
			{Name: "odd\"\\\n", State: "operator", Oldest: now.Add(time.Minute)}, // its clock is ahead
		}}}
	}), "")
	for _, want := range []string{
		`stagelock_sync_backlog{target="test"} 0`, `stagelock_sync_backlog{target="dev"} 14`, `stagelock_sync_dead{target="dev"} 1`,
		`stagelock_sync_retries{target="dev"} 9`, `stagelock_sync_oldest_seconds{target="dev"} 10800`,
		`stagelock_sync_oldest_seconds{target="test"} 0`, `stagelock_sync_oldest_seconds{target="odd\"\\\n"} 0`,
		`stagelock_sync_stopped{target="odd\"\\\n"} 1`, `stagelock_sync_stopped{target="dev"} 0`,
		`stagelock_sync_conflicts{where="here"} 2`, `stagelock_sync_conflicts{where="elsewhere"} 3`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not in the scrape", want)
		}
	}
}

// TestContentsThatAreKept: they are told once they were counted.
func TestContentsThatAreKept(t *testing.T) {
	at := &status.Sync{}
	text := func() string {
		return scrape(t, open(t, func() status.Status { return status.Status{Sync: at} }), "")
	}
	if strings.Contains(text(), "stagelock_sync_contents") {
		t.Error("contents that nobody counted are told")
	}
	at.Contents = &status.Contents{N: 12, Bytes: 3456, Removed: 5, Freed: 78}
	for _, want := range []string{"stagelock_sync_contents 12", "stagelock_sync_contents_bytes 3456", "stagelock_sync_contents_removed 5"} {
		if !strings.Contains(text(), want+"\n") {
			t.Errorf("%s is not in the scrape", want)
		}
	}
}

func TestAServerThatIsKeptLikeNobody(t *testing.T) {
	for name, s := range map[string]status.Status{"off": {}, "not counted yet": {Sync: nil}} {
		if text := scrape(t, open(t, func() status.Status { return s }), ""); strings.Contains(text, "stagelock_sync") {
			t.Errorf("%s: there are figures of sync", name)
		}
	}
	text := scrape(t, open(t, func() status.Status { return status.Status{Sync: &status.Sync{}} }), "")
	if strings.Contains(text, "stagelock_sync_backlog{") || !strings.Contains(text, `stagelock_sync_conflicts{where="here"} 0`) {
		t.Error("a server without targets has other figures than of its conflicts")
	}
}
