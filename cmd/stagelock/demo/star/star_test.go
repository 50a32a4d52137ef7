package star_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/demo/star"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/policy/topology"
)

func run(ctx context.Context, out io.Writer, more ...string) (int, string) {
	var errs bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: out, Err: &errs, Now: time.Now, Rand: rand.Reader}
	return commands.Run(ctx, sh, append([]string{"stagelock", "demo"}, more...)), errs.String()
}

// leftovers are folders of demonstrations.
func leftovers(t *testing.T) []string {
	t.Helper()
	all, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range all {
		if strings.HasPrefix(e.Name(), "stagelock-sync-") {
			found = append(found, e.Name())
		}
	}
	return found
}

func own(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "d") // short: sockets lie in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
}

func TestStarForScripts(t *testing.T) {
	own(t)
	var out bytes.Buffer
	if code, errs := run(t.Context(), &out, "--sync", "--json"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out.String(), errs)
	}
	var r star.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if !r.OK || len(r.Servers) != 4 {
		t.Fatalf("%s", out.String())
	}
	for _, p := range r.Edit.Places {
		if p.Written != 1 || p.Text != r.Edit.Places[0].Text || p.Text == "" {
			t.Errorf("the edit on %s is on %s: %+v", r.Edit.On, p.Server, p)
		}
		if want := map[string]string{"live": "author", "author": "", "test": "live", "dev": "live"}[p.Server]; p.Via != want {
			t.Errorf("%s has it from %q, want %q", p.Server, p.Via, want)
		}
	}
	c := r.Conflict
	if c.Seen != 4 || c.Left != 0 || len(c.Versions) != 2 || c.Versions[0].Text == c.Versions[1].Text {
		t.Errorf("conflict %+v", c)
	}
	for _, leaf := range []string{"author", "test"} { // nothing was swapped in silence
		i := slices.IndexFunc(c.Versions, func(v star.Version) bool { return v.Server == leaf })
		at := slices.IndexFunc(c.Shown, func(p star.Place) bool { return p.Server == leaf })
		if i < 0 || at < 0 || c.Shown[at].Text != c.Versions[i].Text {
			t.Errorf("%s shows %+v before the decision, versions %+v", leaf, c.Shown, c.Versions)
		}
	}
	if !strings.Contains(c.Refused, "decided elsewhere: on the server author") {
		t.Errorf("a decision on the hub: %q", c.Refused)
	}
	for _, p := range c.Places {
		if !strings.Contains(p.Text, "Saturday") {
			t.Errorf("after the decision %s has %q", p.Server, p.Text)
		}
	}
	if a := r.Approval; a.Held.State != "asked" || a.Held.Via != "test" || strings.Join(a.Before, " ") != "test" || len(a.After) != 4 {
		t.Errorf("approval %+v", a)
	}
	for _, target := range r.Away.Meanwhile {
		if delayed := target.Backlog > 0; delayed != (target.Name == r.Away.Server) {
			t.Errorf("while %s was off: %+v", r.Away.Server, target)
		}
	}
	if len(r.Paths.Refused) == 0 || !strings.Contains(r.Paths.Refused[0].Text, "two paths from") ||
		!strings.Contains(r.Paths.Refused[0].Text, ", and ") || r.Paths.Refused[0].Level != topology.Refuse {
		t.Errorf("a second path %+v", r.Paths)
	}
	if left := leftovers(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestStarForPeople(t *testing.T) {
	own(t)
	var out bytes.Buffer
	if code, errs := run(t.Context(), &out, "--sync"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out.String(), errs)
	}
	for _, want := range []string{
		"every engine has it, and nothing runs on", "one conflict, and all 4 servers know it", "decided on live: refused: ",
		"the version of test, as change ",
		"on live somebody must approve it first", "test had it, and an article", "approved on live: it is applied, and live, author, test, dev have it", "blocked", "connection refused", "had 0 of them, and after ", "all 10;",
		"refused: two paths from author to test: author → test, and author → live → test", "warning: two paths from",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said:\n%s", want, out.String())
		}
	}
	for _, l := range strings.Split(out.String(), "\n") {
		if strings.Contains(l, "\x1b") || strings.HasSuffix(l, " ") {
			t.Errorf("line %q", l)
		}
	}
}

func TestEitherSyncOrCluster(t *testing.T) {
	code, errs := run(t.Context(), io.Discard, "--sync", "--cluster")
	if code != 64 || !strings.Contains(errs, "either --cluster or --sync") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// A demonstration that is stopped in the middle ends in order and leaves nothing behind.
func TestStarStopped(t *testing.T) {
	own(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	out := writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte("Four environments")) {
			cancel(term.Signal{Signal: os.Interrupt})
		}
		return len(p), nil
	})
	if code, errs := run(ctx, out, "--sync"); code != 0 {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if left := leftovers(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// What cannot be printed is an error, and not a demonstration that went well.
func TestStarWithoutAPrinter(t *testing.T) {
	own(t)
	out := writerFunc(func([]byte) (int, error) { return 0, errors.New("the disk is full") })
	if code, errs := run(t.Context(), out, "--sync"); code == 0 || !strings.Contains(errs, "the disk is full") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
