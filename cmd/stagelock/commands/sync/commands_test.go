package sync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/exchange/collector"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

const (
	keyA   = "AAAAAAAAAAAAAAAAAAAA"
	keyB   = "BBBBBBBBBBBBBBBBBBBB"
	object = "Shop/article/a"
)

// gate answers orders in the place of a gateway.
type gate struct {
	t      *testing.T
	socket string
	says   map[string]any // by the name of the order; a Failure is a refusal
	got    map[string]exchange.Order
}

func newGate(t *testing.T) *gate {
	t.Helper()
	dir, err := os.MkdirTemp("", "g") // short: a socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	g := &gate{t: t, socket: filepath.Join(dir, "a"), says: map[string]any{}, got: map[string]exchange.Order{}}
	l, err := net.Listen("unix", g.socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(g.serve)}}
	s.Start()
	t.Cleanup(s.Close)
	return g
}

func (g *gate) serve(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, exchange.Path)
	var o exchange.Order
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
		g.t.Error(err)
	}
	g.got[name] = o
	if f, refused := g.says[name].(*exchange.Failure); refused {
		w.WriteHeader(http.StatusConflict)
		_ = json.NewEncoder(w).Encode(f)
		return
	}
	_ = json.NewEncoder(w).Encode(g.says[name])
}

func (g *gate) run(args ...string) (code int, out, errs string) {
	g.t.Helper()
	var o, e bytes.Buffer
	sh := &term.Shell{In: strings.NewReader("from standard input"), Out: &o, Err: &e, Now: func() time.Time { return noon }, Version: "1"}
	args = append([]string{"stagelock", "sync"}, args...)
	code = commands.Run(context.Background(), sh, append(args, "--socket", g.socket))
	return code, o.String(), e.String()
}

// complete asks what may follow stagelock sync status, as a shell does.
func (g *gate) complete() (code int, out, errs string) {
	g.t.Helper()
	var o, e bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: &o, Err: &e, Now: func() time.Time { return noon }, Version: "1"}
	code = commands.Run(g.t.Context(), sh,
		[]string{"stagelock", "sync", "status", "--socket", g.socket, "--generate-bash-completion"})
	return code, o.String(), e.String()
}

// check runs a command that must end with that code and say all of these.
func (g *gate) check(code int, says []string, args ...string) {
	g.t.Helper()
	got, out, errs := g.run(args...)
	if got != code {
		g.t.Errorf("%v: exit code %d, want %d: %s%s", args, got, code, out, errs)
	}
	for _, s := range says {
		if !strings.Contains(out+errs, s) {
			g.t.Errorf("%v does not say %q: %s%s", args, s, out, errs)
		}
	}
	if strings.ContainsAny(out+errs, "\x1b\x07") {
		g.t.Errorf("%v prints what a terminal acts on: %q", args, out+errs)
	}
}

func TestStatus(t *testing.T) {
	good := exchange.TargetStatus{ID: keyB, Name: "test", State: "ok", Last: noon.Add(-time.Minute)}
	with := func(change func(s *exchange.Status)) exchange.Status {
		s := exchange.Status{ID: keyA, Name: "live", Targets: []exchange.TargetStatus{good}}
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name string
		says exchange.Status
		code int
		want []string
	}{
		{"well", with(func(*exchange.Status) {}), 0, []string{"test    ok     0        -       11:59:00  -"}},
		{"blocked", with(func(s *exchange.Status) {
			s.Targets[0] = exchange.TargetStatus{Name: "test", State: "blocked", Backlog: 14, Oldest: noon.Add(-3 * time.Hour), Tries: 8,
				Next: noon.Add(time.Minute), Reason: "connection refused"}
		}), 1, []string{"14", "12:01:00 (attempt 9): connection refused"}},
		{"stopped", with(func(s *exchange.Status) { s.Targets[0].State, s.Targets[0].Reason = "operator", "its clock is ahead" }), 1,
			[]string{"stopped: its clock is ahead; mend it, then: stagelock sync retry --target test"}},
		{"held", with(func(s *exchange.Status) { s.Targets[0].State, s.Targets[0].Reason = "held", "maintenance" }), 0, []string{"held: maintenance"}},
		{"held for a while", with(func(s *exchange.Status) {
			s.Targets[0].State, s.Targets[0].Reason, s.Targets[0].Next = "held", "maintenance", noon.Add(time.Hour)
		}), 0, []string{"held until 13:00:00: maintenance"}},
		{"to decide here", with(func(s *exchange.Status) { s.Conflicts, s.Here = 3, 2 }), 1, []string{"2 conflicts to decide here", "1 conflict to decide elsewhere"}},
		{"to decide elsewhere", with(func(s *exchange.Status) { s.Conflicts = 1 }), 0, []string{"1 conflict to decide elsewhere"}},
		{"dead letters", with(func(s *exchange.Status) { s.Dead = 1 }), 1, []string{"1 dead letter (stagelock sync log --state dead)"}},
		{"a name that a terminal acts on", with(func(s *exchange.Status) { s.Targets[0].Name = "te\x1b[2Jst" }), 0, []string{"te?[2Jst"}},
		{"contents", with(func(s *exchange.Status) { s.Contents = &collector.Contents{N: 12, Bytes: 3 << 20} }), 0, []string{"12 contents kept, 3"}},
		{"no target", with(func(s *exchange.Status) { s.Targets = nil }), 0, []string{"TARGET"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t)
			g.says["status"] = tt.says
			g.check(tt.code, tt.want, "status")
			g.check(tt.code, []string{`"id":"` + keyA + `"`}, "status", "--json")
		})
	}
}

// TestOrders: what is typed is what reaches the gateway, and what is wrong reaches nobody.
func TestOrders(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		to   string
		want exchange.Order
		says string
	}{
		{"retry one", []string{"retry", keyA + "-1"}, "retry", exchange.Order{ID: keyA + "-1"}, "1 delivery will be tried again."},
		{"retry a target", []string{"retry", "--target", "test"}, "retry", exchange.Order{Target: "test"}, ""},
		{"retry all dead", []string{"retry", "--all-dead"}, "retry", exchange.Order{State: "dead"}, ""},
		{"drop", []string{"drop", "--target", "test", "--reason", "it stays", keyA + "-1"}, "drop",
			exchange.Order{ID: keyA + "-1", Target: "test", Reason: "it stays"}, "1 delivery given up."},
		{"hold", []string{"hold", "--reason", "why", "--for", "2h", "test"}, "hold", exchange.Order{Target: "test", Reason: "why", For: 2 * time.Hour}, "1 target held."},
		{"release", []string{"release", "test"}, "release", exchange.Order{Target: "test"}, "1 target released."},
		{"baseline", []string{"baseline", "test"}, "baseline", exchange.Order{Target: "test"}, "1 change queued."},
		{"take", []string{"resolve", "--take", "test", "--author", "me", object}, "resolve", exchange.Order{Object: object, Take: "test", Author: "me"}, "Decided, as change " + keyA + "-7."},
		{"both", []string{"resolve", "--both", "--here", object}, "resolve", exchange.Order{Object: object, Both: true, Here: true}, ""},
		{"a content", []string{"resolve", "--content", "-", object}, "resolve", exchange.Order{Object: object, Content: []byte("from standard input")}, ""},
		{"retry one and all", []string{"retry", "--all-dead", keyA + "-7"}, "", exchange.Order{}, "name a change, or --all-dead, not both"},
		{"retry nothing", []string{"retry"}, "", exchange.Order{}, "name a change, --target, or --all-dead"},
		{"drop without a reason", []string{"drop", keyA + "-1"}, "", exchange.Order{}, "drop needs --reason"},
		{"drop for a server without a name", []string{"drop", "--target", "", "--reason", "x", keyA + "-1"}, "", exchange.Order{}, "--target is empty"},
		{"retry of a server without a name", []string{"retry", "--target=", keyA + "-1"}, "", exchange.Order{}, "--target is empty"},
		{"drop nothing", []string{"drop", "--reason", "x"}, "", exchange.Order{}, "the id of a change"},
		{"hold without a reason", []string{"hold", "test"}, "", exchange.Order{}, "hold needs --reason"},
		{"resolve without a way", []string{"resolve", object}, "", exchange.Order{}, "say one of --take, --both and --content"},
		{"resolve in two ways", []string{"resolve", "--both", "--take", "test", object}, "", exchange.Order{}, "say one of --take, --both and --content"},
		{"a content that is not there", []string{"resolve", "--content", "/nowhere/x", object}, "", exchange.Order{}, "name a file that is there"},
		{"status of two", []string{"status", "test", "live"}, "", exchange.Order{}, "does not know what to do with"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t)
			for _, name := range []string{"retry", "drop", "hold", "release", "baseline", "resolve"} {
				g.says[name] = exchange.Done{N: 1, ID: words.ID{Origin: keyA, Counter: 7}}
			}
			code, out, errs := g.run(tt.args...)
			if !strings.Contains(out+errs, tt.says) {
				t.Errorf("%q is not said: %s%s", tt.says, out, errs)
			}
			if tt.to == "" {
				if code != 64 && code != 65 || len(g.got) > 0 {
					t.Errorf("exit code %d, %v reached the gateway", code, g.got)
				}
				return
			}
			got, want := encoded(t, g.got[tt.to]), encoded(t, tt.want)
			if code != 0 || got != want {
				t.Errorf("exit code %d, the gateway got %s, want %s; %s", code, got, want, errs)
			}
		})
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRefusals(t *testing.T) {
	for code, want := range map[string]int{"elsewhere": 77, "moved": 75, "no-conflict": 65, "no-version": 65, "unknown": 65, "input": 65,
		"off": 65, "failed": 65, "peer": 69, "of no known kind": 65} {
		g := newGate(t)
		g.says["resolve"] = &exchange.Failure{Code: code, Message: "so says the gateway"}
		g.check(want, []string{"so says the gateway"}, "resolve", "--both", object)
	}
	g := newGate(t)
	g.socket += "-nowhere"
	g.check(69, []string{"no gateway runs here", "stagelock run"}, "status")
}

func TestConflicts(t *testing.T) {
	one := exchange.Conflict{Object: object, Title: "Hours\x1b[1m", Decide: "author", Versions: []exchange.Version{
		{ID: words.ID{Origin: keyA, Counter: 1}, Server: "author", Author: "ann", At: noon, Op: words.Put, Payload: strings.Repeat("1", 64), Size: 5, Shown: true},
		{ID: words.ID{Origin: keyB, Counter: 1}, Server: "test", At: noon, Op: words.Delete},
	}}
	g := newGate(t)
	g.says["conflicts"] = []exchange.Conflict{one}
	g.check(0, []string{object, "to be decided on author", "written, shown here", "deleted", "ann", "Hours?[1m"}, "conflicts")
	g.says["content"] = exchange.Order{Content: []byte("{\"name\":\"x\"}\nfive\x1b[2J")}
	g.check(0, []string{"== author, 2026-03-29T12:00:00Z, shown here", "five?[2J", "== test", "(deleted)"}, "diff", object)
	if g.got["content"].Digest != strings.Repeat("1", 64) || g.got["conflicts"].Object != object {
		t.Errorf("asked for %+v", g.got)
	}
	g.says["content"] = exchange.Order{Content: []byte{0, 1, 2}}
	g.check(0, []string{"that are no text, SHA-256 111"}, "diff", object)
	g.check(0, []string{`"content":"AAEC"`}, "diff", "--json", object)
	one.Here = true
	g.says["conflicts"] = []exchange.Conflict{one}
	g.check(1, []string{"decide it here: stagelock sync diff '" + object + "'"}, "conflicts")
	g.check(1, []string{`"here":true`}, "conflicts", "--json")
	one.Versions = slices.Clone(one.Versions)
	for i := range one.Versions {
		one.Versions[i].Shown = false
	}
	g.says["conflicts"] = []exchange.Conflict{one}
	g.check(1, []string{"Nobody knows which of them the server here has"}, "conflicts")
	g.says["conflicts"] = []exchange.Conflict{}
	g.check(0, []string{"No conflicts."}, "conflicts")
	g.check(65, []string{"there is nothing to decide about " + object}, "diff", object)
}

func TestLogAndShow(t *testing.T) {
	e := exchange.Event{ID: words.ID{Origin: keyA, Counter: 7}, Object: object, Title: "Hours\x07", Op: words.Put, Author: "ann", Server: "live",
		Made: noon, Accepted: noon.Add(time.Second), Via: "test", Size: 1 << 20, Has: []string{"live", "test"}, Deliveries: []exchange.Delivery{
			{Target: "dev", State: "dead", Tries: 3, Reason: "deletions are not taken"}, {Target: "qa", State: "done", Tries: 1}}}
	g := newGate(t)
	g.says["log"], g.says["show"] = []exchange.Event{e}, e
	g.check(0, []string{"12:00:01", keyA + "-7", object, "Hours?", "dev dead, qa done"}, "log", "--object", object, "--state", "dead", "--limit", "3")
	if o := g.got["log"]; o.Object != object || o.State != "dead" || o.Limit != 3 {
		t.Errorf("asked for %+v", o)
	}
	g.check(0, []string{"on live by ann", "came from", "1.0 MiB", "dead after 3 tries: deletions are not taken", "done after 1 try", "live, test"}, "show", keyA+"-7")
	if g.got["show"].ID != keyA+"-7" {
		t.Errorf("asked for %+v", g.got["show"])
	}
	old := e
	old.ID.Counter, old.Accepted = 6, noon.Add(-3*time.Hour)
	g.says["log"] = []exchange.Event{e, old}
	g.check(0, []string{keyA + "-7", keyA + "-6"}, "log", "--since", "4h")
	for _, since := range []string{"2h", noon.Format(time.RFC3339)} {
		if code, out, _ := g.run("log", "--since", since); code != 0 || !strings.Contains(out, keyA+"-7") || strings.Contains(out, keyA+"-6") {
			t.Errorf("since %s: %d, %s", since, code, out)
		}
	}
	g.check(64, []string{"--since", `"noon" is neither a time`}, "log", "--since", "noon")
	g.says["log"] = []exchange.Event{}
	g.check(0, []string{"ACCEPTED"}, "log")
	g.check(0, []string{"[]"}, "log", "--json")
}

// TestALogSinceATimeLeavesNothingOut: it was cut at the first change with an older time, though a clock may have been wrong
// in between, and at the newest hundred, without a word.
func TestALogSinceATimeLeavesNothingOut(t *testing.T) {
	var all []exchange.Event
	for i, age := range []time.Duration{time.Minute, 3 * time.Hour, time.Hour} { // the second one by a clock that was wrong
		all = append(all, exchange.Event{ID: words.ID{Origin: keyA, Counter: uint64(9 - i)}, Object: object, Accepted: noon.Add(-age)})
	}
	g := newGate(t)
	g.says["log"] = all
	g.check(0, []string{keyA + "-9", keyA + "-7"}, "log", "--since", "2h")
	if _, out, _ := g.run("log", "--since", "2h"); strings.Contains(out, keyA+"-8") {
		t.Errorf("a change of three hours ago is listed: %s", out)
	}
	for want, args := range map[int][]string{100: {"log"}, 3: {"log", "--since", "2h", "--limit", "3"}} {
		if g.run(args...); g.got["log"].Limit != want {
			t.Errorf("%v asks for %d", args, g.got["log"].Limit)
		}
	}
	if g.run("log", "--since", "2h"); g.got["log"].Limit < 1000 {
		t.Errorf("asks for %d", g.got["log"].Limit)
	}
}

func TestCompare(t *testing.T) {
	g := newGate(t)
	g.says["compare"] = exchange.Comparison{Target: "test", Same: 1}
	g.check(0, []string{"1 object the same, 0 different."}, "compare", "test")
	g.says["compare"] = exchange.Comparison{Target: "test", Same: 4, Differences: []exchange.Difference{
		{Object: object, Here: strings.Repeat("a", 64), There: strings.Repeat("b", 64), Why: "differs"}, {Object: "Shop/article/\x1bb", Why: "only there", There: "c"}}}
	g.check(1, []string{"ON test", "aaaaaaaaaaaa  bbbbbbbbbbbb", "only there", "4 objects the same, 2 different."}, "compare", "test")
	g.check(1, []string{`"why":"differs"`}, "compare", "--json", "test")
	g.says["compare"] = exchange.Comparison{Target: "test", More: true, Differences: []exchange.Difference{{Object: object, Why: "differs"}}}
	g.check(1, []string{"there are more differences than these"}, "compare", "test")
	g.check(64, []string{"the name or key of a server"}, "compare")
}

func TestTopology(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	star := file("star", "live <-> a\nlive <-> b\n")
	mesh := file("mesh", "live <-> a\nlive <-> b\na <-> b\n")
	typed := file("typed.csv", "server,code name,target,target name\nlive,LiveSrv,test,TestSrv\ntest,Test,live,LiveSrv\n")
	for _, tt := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"a star", []string{"--check", star}, 0, []string{"star of 3", "PAYLOADS"}},
		{"a star by Kentico's rule", []string{"--check", star, "--listed"}, 0, []string{"star of 3"}},
		{"a mesh", []string{"--check", mesh}, 1, []string{"warning: two paths from", "harmless here"}},
		{"a mesh by Kentico's rule", []string{"--check", mesh, "--listed"}, 1, []string{"error: two paths from"}},
		{"a drawing", []string{"--check", star, "--svg"}, 0, []string{"<svg", "live", "</svg>"}},
		{"for a script", []string{"--check", mesh, "--json"}, 1, []string{`"two_paths":[{"from"`}},
		{"typed names that disagree", []string{"--kentico", typed}, 1, []string{"Test"}},
		{"both files", []string{"--check", star, "--kentico", typed}, 64, []string{"name either --check or --kentico"}},
		{"no file", []string{"--check", dir + "/none"}, 65, []string{"name a file that is there"}},
		{"no plan", []string{"--check", file("bad", "live -> \n")}, 65, []string{"bad", "correct that line"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t)
			g.check(tt.code, tt.says, append([]string{"topology"}, tt.args...)...)
			if len(g.got) > 0 {
				t.Errorf("the gateway was asked: %v", g.got)
			}
		})
	}
	g := newGate(t)
	g.says["status"] = exchange.Status{ID: keyA, Name: "live", Links: []words.ServerID{keyB},
		Servers: []exchange.ServerStatus{{ID: keyB, Name: "test", Links: []words.ServerID{keyA}}}}
	g.check(0, []string{"pair: live, test"}, "topology")
}
