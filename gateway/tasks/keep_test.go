package tasks_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// shelf keeps tasks in memory, or fails.
type shelf struct {
	kept  []syncserver.Task
	echo  bool
	fails error
	named []bool // what it was asked about echoes
}

func (s *shelf) Echo(_ context.Context, _ syncserver.Task, named bool) (bool, error) {
	s.named = append(s.named, named)
	return s.echo, nil
}

func (s *shelf) Keep(_ context.Context, t syncserver.Task) error {
	if s.fails == nil {
		s.kept = append(s.kept, t)
	}
	return s.fails
}

// newKept is a world whose tasks are kept. Its server must never hear of them.
func newKept(t *testing.T, keeper tasks.Keeper) *world {
	t.Helper()
	w := newWorldOf(t, `  sends: { user: dev, secret: { value: between } }
  experimental_store_and_forward: { path_context: /handed-in, users: [] }
sync: { name: live, peers: [{ key: 7Q4MAAAAAAAAAAAAAAAA, direction: from, kinds: [kentico.document] }] }
`, keeper)
	w.path = "/handed-in"
	w.server = func(c net.Conn) {
		t.Error("the server was reached")
		_ = c.Close()
	}
	return w
}

// TestATaskIsKept before its sender is told, in as many words as it shows nothing of.
func TestATaskIsKept(t *testing.T) {
	s := &shelf{}
	w := newKept(t, s)
	resp, body := w.send(t, "192.0.2.1:1", message(t, "CMS_Document"))
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "Result></ProcessSynchronizationTaskDataResult>") &&
		!strings.Contains(body, "<ProcessSynchronizationTaskDataResult></ProcessSynchronizationTaskDataResult>") {
		t.Errorf("answered %s: %s", resp.Status, body)
	}
	if len(s.kept) != 1 || s.kept[0].Data.Rows[0].Columns[0].Value != "Home" || slices.Contains(s.kept[0].Servers, "stagelock") {
		t.Errorf("kept %+v", s.kept)
	}
	if got := w.reasons(); !slices.Equal(got, []string{"allow", "kept"}) {
		t.Errorf("recorded %q", got)
	}
	if f := w.log.all[0].Fields; f["from"] != "live" || f["to"] != "stagelock" || len(f["sha256"]) != 64 {
		t.Errorf("recorded %v", f)
	}
}

// TestATaskThatIsNotKept is never told to be: an empty answer has its sender forget it.
func TestATaskThatIsNotKept(t *testing.T) {
	for _, tt := range []struct {
		name, says string
		fails      error
		status     int
		recorded   string
	}{
		{"a full disk", "", errors.New("no space left on device"), http.StatusServiceUnavailable, "store.unwritable"},
		{"a store that is away", "", context.DeadlineExceeded, http.StatusServiceUnavailable, "store.unwritable"},
		{"what cannot be named", "Refused by gateway: it has no name", refusal.New(refusal.BadData, "it has no name"), http.StatusOK, "task.data"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newKept(t, &shelf{fails: tt.fails})
			resp, body := w.send(t, "192.0.2.1:1", message(t, "CMS_Document"))
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.says) || strings.Contains(body, "Result></") && tt.says == "" {
				t.Errorf("answered %s: %s", resp.Status, body)
			}
			if tt.status == http.StatusServiceUnavailable && resp.Status != "503 Target not reached, nothing was changed" {
				t.Errorf("answered %s", resp.Status)
			}
			if got := w.reasons(); got[0] != "allow" || !strings.HasSuffix(got[len(got)-1], tt.recorded) {
				t.Errorf("recorded %q", got)
			}
		})
	}
}

// TestNobodyKeeps: a reload that switches it on counts after a restart.
func TestNobodyKeeps(t *testing.T) {
	w := newKept(t, nil)
	if resp, body := w.send(t, "192.0.2.1:1", message(t, "CMS_Document")); resp.StatusCode != http.StatusServiceUnavailable || body != "" {
		t.Errorf("answered %s: %s", resp.Status, body)
	}
}

// TestWhatComesBackIsNotKept: it is answered, recorded, and no edit; what names the gateway and is none is refused.
func TestWhatComesBackIsNotKept(t *testing.T) {
	s := &shelf{echo: true}
	w := newKept(t, s)
	if resp, body := w.send(t, "192.0.2.1:1", message(t, "CMS_Document")); resp.StatusCode != http.StatusOK || strings.Contains(body, "Refused") {
		t.Errorf("answered %s: %s", resp.Status, body)
	}
	if got := w.reasons(); len(s.kept) > 0 || !slices.Equal(got, []string{"answer task.echo", "echo"}) {
		t.Errorf("kept %d, recorded %q", len(s.kept), got)
	}
	s.echo = false
	named := strings.Replace(message(t, "CMS_Document"), ";dev;", ";dev;stagelock;", 1)
	if _, body := w.send(t, "192.0.2.1:1", named); !strings.Contains(body, "Refused by gateway: ") || len(s.kept) > 0 {
		t.Errorf("answered %s, kept %d", body, len(s.kept))
	}
	if !slices.Equal(s.named, []bool{false, true}) || !strings.Contains(strings.Join(w.reasons(), " "), "deny task.loop") {
		t.Errorf("asked %v, recorded %q", s.named, w.reasons())
	}
}

// TestThreeEchoesInARow tell that the Kentico lists its gateway under another name; an edit in between does not.
func TestThreeEchoesInARow(t *testing.T) {
	s := &shelf{echo: true}
	w := newKept(t, s)
	const words = "this Kentico lists the gateway under another code name than stagelock"
	for i, echo := range []bool{true, true, false, true, true, true, true} {
		s.echo = echo
		w.send(t, "192.0.2.1:1", message(t, "CMS_Document"))
		if want := map[bool]int{true: 1}[i >= 5]; w.lines.count(words) != want {
			t.Errorf("after %d tasks it was said %d times", i+1, w.lines.count(words))
		}
	}
}

// TestWhoMayHandIn: the bounds of what travels are held before anything is kept.
func TestWhoMayHandIn(t *testing.T) {
	s := &shelf{}
	w := newKept(t, s)
	if _, body := w.send(t, "192.0.2.1:1", message(t, "CMS_User")); !strings.Contains(body, "Refused by gateway: ") {
		t.Errorf("answered %s", body)
	}
	w.path = ""
	if resp, _ := w.send(t, "192.0.2.1:1", message(t, "CMS_Document")); resp.StatusCode != http.StatusNotFound {
		t.Errorf("under another path: %s", resp.Status)
	}
	if len(s.kept) > 0 || len(s.named) > 0 {
		t.Errorf("%d were kept, %d looked at", len(s.kept), len(s.named))
	}
}
