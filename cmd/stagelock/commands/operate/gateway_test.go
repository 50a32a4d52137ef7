package operate_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/status"
)

// says is a gateway that answers each call with that status and body, and counts what reaches it.
func says(t *testing.T, code int, body string) (socket string, asked *atomic.Value) {
	t.Helper()
	asked = &atomic.Value{}
	asked.Store("")
	return admin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(asked.Load().(string) + r.Method + " " + r.URL.Path + "\n")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	})), asked
}

// TestReloadSaysWhatBecameOfIt: what has changed, what counts later, what is wrong and where, and the exit code.
func TestReloadSaysWhatBecameOfIt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		code   int
		want   string
	}{
		{"nothing has changed", 200, `{"ok":true,"message":"nothing has changed","changed":[]}`, 0, "Reloaded: nothing has changed.\n"},
		{"two settings", 200, `{"ok":true,"message":"2 settings changed","changed":["log.level","listen"],"restart":["listen"]}`, 0,
			"changed: log.level\nchanged: listen (counts after a restart only)\nReloaded: 2 settings changed.\n"},
		{"with a warning", 200, `{"ok":true,"message":"done","changed":[],"problems":[{"path":"hosts.allow","message":"is wide","cure":"name less","warning":true}]}`, 0,
			"configuration: warning: hosts.allow is wide\n    what to do: name less\nReloaded: done.\n"},
		{"a bad file", 422, `{"ok":false,"message":"the old configuration stays","changed":[],"problems":[{"file":"/etc/s.yaml","line":7,"path":"listen","message":"is no address","cure":"write :443"}]}`, 78,
			"/etc/s.yaml:7: error: listen is no address\n    what to do: write :443\nthe old configuration stays\n"},
		{"a failure that is not the file's", 422, `{"ok":false,"message":"the certificate cannot be read","changed":[]}`, 1, "the certificate cannot be read\n"},
		{"a failure with a warning", 422, `{"ok":false,"message":"no","changed":[],"problems":[{"message":"w","warning":true}]}`, 1, "configuration: warning: w\nno\n"},
		{"a warning, then an error", 422, `{"ok":false,"message":"no","changed":[],"problems":[{"message":"w","warning":true},{"file":"f","message":"e"}]}`, 78,
			"configuration: warning: w\nf: error: e\nno\n"},
		{"words that a terminal acts on", 200, `{"ok":true,"message":"\u001b[2Jgood","changed":["a\nb"]}`, 0, "changed: a?b\nReloaded: ?[2Jgood.\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket, asked := says(t, tt.status, tt.body)
			code, out, errs := run(t, nil, "reload", "--socket", socket)
			if code != tt.code || out != tt.want || errs != "" {
				t.Errorf("exit %d, want %d: %q %q, want %q", code, tt.code, out, errs, tt.want)
			}
			if got := asked.Load(); got != "POST /-/reload\n" {
				t.Errorf("it was asked %q", got)
			}
			code, out, errs = run(t, nil, "reload", "--json", "--socket", socket)
			var want, got map[string]any
			if err := json.Unmarshal([]byte(tt.body), &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(out), &got); err != nil || code != tt.code || errs != "" || strings.Count(out, "\n") != 1 {
				t.Fatalf("for a script: exit %d: %q %q %v", code, out, errs, err)
			}
			if got["ok"] != want["ok"] || got["message"] != want["message"] || len(got["changed"].([]any)) != len(want["changed"].([]any)) {
				t.Errorf("for a script: %v, want %v", got, want)
			}
		})
	}
}

// whole is the status of a gateway that is well.
func whole() status.Status {
	begun := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return status.Status{Ready: true, Version: "1.2", Node: "live-1", Since: begun, Now: begun.Add(90 * time.Minute),
		Listen: []string{"127.0.0.1:8443", "[::1]:8443"}, Admin: []string{"unix:/run/s"}, Engine: []status.Engine{{Name: "e:8080", Up: true}},
		Traffic:  status.Traffic{Publishes: 2, Calls: map[string]int{"a": 1, "b": 2}, Connections: 1},
		Refusals: map[string]int64{}, Config: status.Config{OK: true, Loaded: begun},
		Audit: status.Audit{Whole: true, Checkpoint: begun}, Store: status.Store{Kind: "embedded", Up: true},
		Certificates: []status.Certificate{{Name: "gw", NotAfter: begun.Add(100 * 24 * time.Hour)}}}
}

// TestStatusInWords: each row at the top, each fact with its mark, and the exit code that a script asks for.
func TestStatusInWords(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*status.Status)
		code   int
		want   []string
		never  string
	}{
		{"well", func(*status.Status) {}, 0, []string{"version    1.2\n", "node       live-1\n", "since      2026-03-01T12:00:00Z, 1h30m0s\n",
			"listens    127.0.0.1:8443, [::1]:8443\n", "publishes  2 under way, 3 calls, 1 connection\n", "ok    ready        publishes can pass\n",
			"ok    engine       e:8080 is up\n", "ok    certificate  gw until 2026-06-09, 99 days\n"}, "stopping"},
		{"stopping", func(s *status.Status) { s.Stopping = true }, 0, []string{"stopping   it lets publishes in progress end\n"}, "BAD"},
		{"not ready", func(s *status.Status) { s.Ready, s.Problems = false, []string{"no store; start it", "no disk"} }, 1,
			[]string{"BAD   ready        no store; start it\n", "BAD   ready        no disk\n"}, "publishes can pass"},
		{"not ready, nobody knows why", func(s *status.Status) { s.Ready = false }, 1, []string{"BAD   ready        not ready\n"}, "can pass"},
		{"an engine is down", func(s *status.Status) { s.Engine[0].Up = false }, 0, []string{"warn  engine       e:8080 is down: start it, or mend engine.upstream.nodes\n"}, "BAD"},
		{"a store is down", func(s *status.Status) { s.Store = status.Store{Problem: "disk full"} }, 0, []string{"BAD   store        disk full\n"}, "can be written"},
		{"nothing is under way", func(s *status.Status) { s.Traffic = status.Traffic{} }, 0, []string{"publishes  0 under way, 0 calls, 0 connections\n"}, "BAD"},
		{"names that a terminal acts on", func(s *status.Status) { s.Node, s.Engine[0].Name = "a\x1b[2J", "e\u202e" }, 0, []string{"node       a?[2J\n", "e? is up\n"}, "\x1b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := whole()
			tt.change(&s)
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			socket, asked := says(t, 200, string(b))
			code, out, errs := run(t, nil, "status", "--socket", socket)
			if code != tt.code || strings.Contains(out, tt.never) {
				t.Errorf("exit %d, want %d, never %q: %s%s", code, tt.code, tt.never, out, errs)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
			if got := asked.Load(); got != "GET /-/status\n" {
				t.Errorf("it was asked %q", got)
			}
			code, out, _ = run(t, nil, "status", "--json", "--socket", socket)
			var r struct {
				Ready   *bool
				Node    string
				Traffic struct{ Publishes int }
				Facts   []status.Fact
			}
			if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &r); err != nil || code != tt.code || r.Ready == nil || *r.Ready != s.Ready {
				t.Fatalf("for a script: exit %d: %s %v", code, out, err)
			}
			if r.Node != s.Node || r.Traffic.Publishes != s.Traffic.Publishes || len(r.Facts) != len(s.Facts()) {
				t.Errorf("for a script: %+v", r)
			}
		})
	}
}

// TestNobodyListensIsAnExitCodeOfItsOwn: which script can tell from one that is not ready.
func TestNobodyListensIsAnExitCodeOfItsOwn(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none.sock")
	for _, command := range []string{"status", "reload"} {
		code, out, _ := run(t, nil, command, "--json", "--socket", socket)
		var r struct {
			OK                  *bool
			Exit                int
			Kind, Message, Cure string
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != 69 || r.OK == nil || *r.OK || r.Exit != 69 || r.Kind != "unavailable" ||
			!strings.Contains(r.Message, socket) || !strings.Contains(r.Cure, "--socket") {
			t.Errorf("%s: exit %d: %s %v", command, code, out, err)
		}
	}
}

// TestASilentGatewayIsLeft: one that takes the call and says nothing is left after --timeout.
func TestASilentGatewayIsLeft(t *testing.T) {
	ended := make(chan struct{})
	socket := admin(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	}))
	defer close(ended)
	for _, command := range []string{"status", "reload"} {
		code, out, errs := run(t, nil, command, "--timeout", "50ms", "--socket", socket)
		if code != 69 || out != "" || !strings.Contains(errs, "what to do: see the gateway's log") {
			t.Errorf("%s: exit %d: %q %q", command, code, out, errs)
		}
	}
}

// TestAGatewayThatCannotBeAsked: with an empty admin.listen, and with a file that says nothing of where it listens.
func TestAGatewayThatCannotBeAsked(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.yaml")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no admin listener", []string{"status", "--set", "admin.listen="}, 69, "admin.listen is empty: this gateway cannot be asked"},
		{"an emptied file, to reload", []string{"reload", "--config", empty}, 78, "No gateway was asked: where it listens stands in that file."},
		{"a file of nobody, to reload", []string{"reload", "--config", filepath.Join(dir, "none.yaml")}, 78, "One that runs goes on as before"},
		{"an operand of status", []string{"status", "now"}, 64, `status does not know what to do with "now"`},
		{"a time that is none", []string{"status", "--timeout", "soon"}, 64, `--timeout: invalid value "soon"`},
		{"a flag without its value", []string{"status", "--socket"}, 64, "--socket needs a value"},
		{"a flag of nobody", []string{"status", "--sockt", "x"}, 64, "there is no flag --sockt; did you mean --socket?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, nil, tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.want) || out != "" {
				t.Errorf("exit %d, want %d: %q %q, want %q", code, tt.code, out, errs, tt.want)
			}
		})
	}
}

// TestClosedOutputOfStatus: whoever reads it has gone; the exit code says so.
func TestClosedOutputOfStatus(t *testing.T) {
	b, err := json.Marshal(whole())
	if err != nil {
		t.Fatal(err)
	}
	socket, _ := says(t, 200, string(b))
	for _, args := range [][]string{{"status"}, {"status", "--json"}} {
		r, w := io.Pipe()
		_ = r.Close()
		sh := &term.Shell{In: strings.NewReader(""), Out: w, Err: io.Discard, Now: time.Now}
		if code := commands.Run(t.Context(), sh, append(append([]string{"stagelock"}, args...), "--socket", socket)); code != term.ExitOutput {
			t.Errorf("%v: exit %d", args, code)
		}
	}
}

// TestAnOperandOfReloadIsMisuse: it was told of a broken configuration first, and of the operand not at all.
func TestAnOperandOfReloadIsMisuse(t *testing.T) {
	for _, args := range [][]string{{"reload", "now"}, {"reload", "now", "--config", filepath.Join(t.TempDir(), "none.yaml")}} {
		code, out, errs := run(t, nil, args...)
		want := "stagelock: reload does not know what to do with \"now\"\n  what to do: see stagelock reload --help\n"
		if code != 64 || out != "" || errs != want {
			t.Errorf("%v: exit %d: %q %q, want %q", args, code, out, errs, want)
		}
	}
}
