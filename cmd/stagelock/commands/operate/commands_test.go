package operate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/ports"
)

func run(t *testing.T, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: &o, Err: &e, Environ: env, Now: time.Now, Version: "1"}
	code = commands.Run(context.Background(), sh, append([]string{"stagelock"}, args...))
	return code, o.String(), e.String()
}

// healthcheck asks a server in the place of the gateway, and returns what it says.
func healthcheck(t *testing.T, listen string, more ...string) (code int, out, errs string) {
	t.Helper()
	return run(t, nil, append([]string{"healthcheck", "--set", "listen=" + listen, "--set", "names=live.example.com"}, more...)...)
}

// Whatever answers in the gateway's place, only a gateway that says so is ready.
func TestHealthcheckOfForeignAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		code   int
		want   string
	}{
		{"ready", 200, `{"ready":true}`, 0, "ready\n"},
		{"not ready", 503, `{"ready":false,"problems":["the engine is away; start it","the disk is full"]}`, 1, "not ready: the engine is away; start it\nnot ready: the disk is full\n"},
		{"ready in words, not in status", 503, `{"ready":true,"problems":["draining"]}`, 1, "not ready: draining\n"},
		{"ready in status, not in words", 200, `{}`, 1, ""},
		{"another server", 200, `<html>It works!</html>`, 1, "not ready: the gateway answers with status 200\n"},
		{"nothing at all", 204, ``, 1, "not ready: the gateway answers with status 204\n"},
		{"not found", 404, `404 page not found`, 1, "not ready: the gateway answers with status 404\n"},
		{"a list", 200, `["ready"]`, 1, "not ready: the gateway answers with status 200\n"},
		{"a ready that is none", 200, `{"ready":"yes"}`, 1, "not ready: the gateway answers with status 200\n"},
		{"more than is read", 200, `{"ready":true,"problems":["` + strings.Repeat("a", 2<<20) + `"]}`, 1, "not ready: the gateway answers with status 200\n"},
		{"what a terminal acts on", 503, `{"problems":["\u001b[2Jready"]}`, 1, "not ready: ?[2Jready\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var path, host string
			s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path, host = r.URL.Path, r.Host
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer s.Close()
			code, out, errs := healthcheck(t, s.Listener.Addr().String())
			if code != tt.code || out != tt.want || errs != "" {
				t.Errorf("exit %d, want %d: %q %q, want %q", code, tt.code, out, errs, tt.want)
			}
			if path != "/-/ready" || !strings.HasPrefix(host, "live.example.com:") {
				t.Errorf("asked %s of %s", path, host)
			}
		})
	}
}

// A gateway that is away, or that never answers, is not ready in a bounded time, with words for why.
func TestHealthcheckOfNobody(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, tt := range []struct{ name, listen, want string }{
		{"nobody listens", ports.Free(t), "connection refused"},
		{"one that is silent", silent.Addr().String(), "not ready: the gateway does not answer: "},
		{"one without TLS", plain.Listener.Addr().String(), "not ready: the gateway does not answer: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := healthcheck(t, tt.listen, "--timeout", "200ms")
			if code != 1 || !strings.Contains(out, tt.want) || errs != "" {
				t.Errorf("exit %d: %q %q, want %q", code, out, errs, tt.want)
			}
			code, out, errs = healthcheck(t, tt.listen, "--timeout", "200ms", "--json")
			if code != 1 || !json.Valid([]byte(out)) || !strings.Contains(out, `"ready":false`) || errs != "" {
				t.Errorf("for a script: exit %d: %q %q", code, out, errs)
			}
		})
	}
}

// admin is a server at a socket in the place of a gateway's admin listener.
func admin(t *testing.T, h http.Handler) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}}
	s.Start()
	t.Cleanup(s.Close)
	return socket
}

// What is no gateway is unavailable, whatever it answers; nothing it says reaches a terminal raw.
func TestAskingWhatIsNoGateway(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
	}{
		{"another server", 200, "<html>\x1b[2J</html>"}, {"nothing", 200, ""}, {"not found", 404, "404"}, {"a failure", 500, "panic"},
		{"half an answer", 200, `{"ready":tr`}, {"a number", 200, "7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket := admin(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			for _, command := range []string{"status", "reload"} {
				code, out, errs := run(t, nil, command, "--socket", socket)
				if code == 0 || out+errs == "" || strings.Contains(out+errs, "\x1b") || strings.Contains(out, "Reloaded") {
					t.Errorf("%s: exit %d: %q %q", command, code, out, errs)
				}
			}
		})
	}
}

func TestMisuse(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("lissten: [\":8443\"]\nlog: {level: loud}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an operand", []string{"validate", "x"}, 64, `validate does not know what to do with "x"`},
		{"a setting without a value", []string{"validate", "--set", "listen"}, 64, "write PATH=VALUE"},
		{"no configuration", []string{"status", "--config", filepath.Join(dir, "none.yaml")}, 78, "No gateway was asked: where it listens stands in that file."},
		{"a socket of nobody", []string{"status", "--socket", filepath.Join(dir, "none.sock")}, 69, "no gateway runs here: "},
		{"a socket of nobody, to reload", []string{"reload", "--socket", filepath.Join(dir, "none.sock")}, 69, "start it with stagelock run"},
		{"a backup of nothing", []string{"store", "backup", "--data", filepath.Join(dir, "none"), "--out", filepath.Join(dir, "out")}, 65, "name the gateway's data folder with --data"},
		{"a backup of a file", []string{"store", "backup", "--data", bad, "--out", filepath.Join(dir, "out")}, 65, "name the gateway's data folder with --data"},
		{"a backup to nowhere", []string{"store", "backup", "--data", dir}, 64, "backup needs --out"},
		{"a store that is not shared", []string{"store", "check", "--set", "data=" + dir}, 78, ""},
		{"no authority yet", []string{"ca", "--data", dir}, 65, "there is no authority at "},
		{"a reason of nobody", []string{"policy", "reasons", "moon.full"}, 64, ""},
		{"a line of nobody", []string{"policy", "calls", "--line", "5.2"}, 64, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, nil, tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, want %d: %s%s, want %q", code, tt.code, out, errs, tt.want)
			}
		})
	}
	code, out, _ := run(t, nil, "validate", "--config", bad)
	for _, want := range []string{bad + ":1: error: lissten is not known", "what to do: did you mean listen?", bad + ":2: error: log.level is none of "} {
		if code != 78 || !strings.Contains(out, want) {
			t.Errorf("exit %d: %q is not in\n%s", code, want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("a backup of nothing was made")
	}
}
