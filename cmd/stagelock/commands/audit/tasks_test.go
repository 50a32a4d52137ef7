package audit_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/tunnel"
)

// task is the verdict on a task, i hours after the log begins.
func task(i int, ref string, v audit.Verdict, reason tunnel.Reason, name string) audit.Event {
	ev := verdict(i, ref, "dev", "from-dev", "x", 0, v, reason)
	ev.Method = "SyncServer#UpdateDocument(document)"
	ev.Fields = map[string]string{"task": "UpdateDocument", "object": "document", "name": name, "site": "corporate", "user": "editor",
		"from": "dev", "to": "live"}
	return ev
}

func ending(i int, ref, end, detail string) audit.Event {
	return audit.Event{Kind: audit.KindOutcome, Time: begun.Add(time.Duration(i)*time.Hour + time.Second), Ref: ref, Peer: "dev",
		Detail: detail, Ended: audit.Ended{End: end, Status: 200}}
}

// TestPublishesOfAKentico: one line a task, with its type, object, site, user, and how it ended.
func TestPublishesOfAKentico(t *testing.T) {
	data := string(logged(t,
		task(1, "ref-a", audit.Allow, "", "/home"), ending(1, "ref-a", "answered", ""),
		task(2, "ref-b", audit.Deny, "task.denied", "/users"),
		task(3, "ref-c", audit.Allow, "", "/news"), ending(3, "ref-c", "failed", "no parent"),
		task(4, "ref-d", audit.Allow, "", "/odd\x1b[2J"),
	))
	code, out, errs := run(t, "publishes", "--data", data)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 5 {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	for i, want := range [][]string{
		{"UpdateDocument document /home", "dev", "editor", "corporate", "published", "ref-a"},
		{"UpdateDocument document /users", "refused", "task.denied"},
		{"UpdateDocument document /news", "failed", "no parent"},
		{"UpdateDocument document /odd", "unknown", "its outcome is not in the log"},
	} {
		for _, w := range want {
			if !strings.Contains(lines[i+1], w) {
				t.Errorf("line %d has no %q: %s", i+1, w, lines[i+1])
			}
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("a name moves the cursor")
	}
	code, out, _ = run(t, "publishes", "--data", data, "--end", "published", "--json")
	var one struct {
		Login, End string
		Task       struct{ Type, Object, Name, Site, From, To string }
	}
	if err := json.Unmarshal([]byte(out), &one); code != 0 || err != nil || one.Task.Name != "/home" || one.Task.To != "live" || one.Login != "editor" {
		t.Errorf("%d %v %s", code, err, out)
	}
	if _, out, _ = run(t, "publishes", "--data", data, "--peer", "dev", "--login", "nobody"); out != "" {
		t.Errorf("of nobody: %s", out)
	}
	code, out, errs = run(t, "explain", "ref-b", "--data", data)
	if code != 0 || !strings.Contains(out, "task.denied") || !strings.Contains(out, "open it with deletes") {
		t.Errorf("explain: %d %s %s", code, out, errs)
	}
}
