package trail_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/trail"
	"github.com/stagelock/stagelock/tunnel"
)

// task notes the verdict on a task, and its outcome unless that is empty.
func (n *notes) task(ref string, v audit.Verdict, reason tunnel.Reason, end, detail string) {
	n.take(audit.Event{
		Kind: audit.KindVerdict, Ref: ref, Verdict: v, Reason: reason, Detail: string(reason), Peer: "dev", Login: "from-dev",
		About: audit.About{Method: "SyncServer#UpdateDocument(document)"}, Ended: audit.Ended{BytesIn: 700},
		Fields: map[string]string{"task": "UpdateDocument", "object": "document", "name": "/home", "site": "corporate", "user": "editor",
			"from": "dev", "to": "live"},
	})
	if end != "" {
		n.take(audit.Event{Kind: audit.KindOutcome, Ref: ref, Ended: audit.Ended{End: end}, Detail: detail})
	}
}

// TestTasksAreToldOnce: one line a task, with how it ended.
func TestTasksAreToldOnce(t *testing.T) {
	for _, tt := range []struct {
		name              string
		verdict           audit.Verdict
		reason            tunnel.Reason
		end, detail, want string
	}{
		{"carried out", audit.Allow, "", "answered", "", "published 700 bytes "},
		{"an echo", audit.Answer, "task.echo", "echo", "", "published 700 bytes task.echo"},
		{"the server said why not", audit.Allow, "", "failed", "no parent", "failed 700 bytes "},
		{"no answer", audit.Allow, "", "task.lost", "", "unknown 700 bytes task.lost"},
		{"an answer that is none", audit.Allow, "", "task.reply", "", "unknown 700 bytes task.reply"},
		{"the other gateway", audit.Allow, "", "task.turned", "", "failed 700 bytes task.turned"},
		{"refused", audit.Deny, "task.denied", "", "", "refused 700 bytes task.denied"},
		{"nobody there", audit.Deny, "task.target", "", "", "failed 700 bytes task.target"},
		{"under way", audit.Allow, "", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNotes()
			n.task("t", tt.verdict, tt.reason, tt.end, tt.detail)
			if got := strings.Join(n.told, "; "); got != tt.want {
				t.Fatalf("told %q, want %q", got, tt.want)
			}
			n.f.GiveUp(n.now.Add(time.Hour), time.Minute)
			if tt.want == "" {
				return
			}
			p := n.last
			want := trail.Task{Type: "UpdateDocument", Object: "document", Name: "/home", Site: "corporate", From: "dev", To: "live"}
			if len(n.told) != 1 || p.Task == nil || *p.Task != want || p.Login != "editor" || p.Peer != "dev" || p.Ref != "t" {
				t.Errorf("told %q: %+v", n.told, p)
			}
			if tt.detail != "" && p.Detail != tt.detail {
				t.Errorf("detail %q", p.Detail)
			}
		})
	}
}

// TestTasksDoNotMix: each outcome is that of its own task, among publishes.
func TestTasksDoNotMix(t *testing.T) {
	n := newNotes()
	n.begin(1)
	n.task("a", audit.Allow, "", "", "")
	n.task("b", audit.Allow, "", "", "")
	n.take(audit.Event{Kind: audit.KindOutcome, Ref: "b", Ended: audit.Ended{End: "answered"}})
	n.take(audit.Event{Kind: audit.KindOutcome, Ref: "nobody's", Ended: audit.Ended{End: "answered"}})
	n.take(audit.Event{Kind: audit.KindOutcome, Ref: "a", Ended: audit.Ended{End: "task.lost"}})
	n.call("p", "publishStagingRequest", 1, "answered")
	n.call("x", "cleanUpStagingRequest", 1, "answered")
	want := []string{"published 700 bytes ", "unknown 700 bytes task.lost", "published 200 bytes "}
	if !slices.Equal(n.told, want) {
		t.Errorf("told %q", n.told)
	}
}
