package engine_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

func run(t *testing.T, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	sh := &term.Shell{In: strings.NewReader(""), Out: &o, Err: &e, Environ: env, Now: time.Now}
	code = commands.Run(context.Background(), sh, append([]string{"stagelock"}, args...))
	return code, o.String(), e.String()
}

// An engine that cannot be found is told with what to name, before anything is asked.
func TestEngineThatCannotBeFound(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"none named", nil, 64, "name its data folder with --engine or STAGELOCK_ENGINE"},
		{"a folder of no engine", []string{"--engine", dir}, 65, "no engine runs on " + dir},
		{"a folder that is not there", []string{"--engine", filepath.Join(dir, "none")}, 65, "start it: stagelock engine run --data "},
		{"an address without a token", []string{"--engine", "http://127.0.0.1:1"}, 64, "--token-file must name the engine's token"},
		{"a token that is not there", []string{"--engine", "http://127.0.0.1:1", "--token-file", filepath.Join(dir, "none")}, 65, "run the command as the engine's user"},
		{"an address of nobody", []string{"--engine", "http://127.0.0.1:1", "--token-file", token}, 69, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"site", "list"}, tt.args...)...)
			if code != tt.code || !strings.Contains(errs, tt.want) || out != "" || strings.Contains(errs, "t0ken") {
				t.Errorf("exit %d, want %d: %s%s, want %q", code, tt.code, out, errs, tt.want)
			}
		})
	}
}

// What answers in the place of an engine and is none never makes a command succeed, and its text does
// not act on a terminal.
func TestAnswersOfNoEngine(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		status int
		body   string
	}{
		{"another server", 200, "<html>\x1b[2J</html>"}, {"not found", 404, "\x1b[2Jnot here"}, {"not allowed", 401, ""}, {"a failure", 500, `{"message":"\u001b[2J"}`}, {"half an answer", 200, `[{"id":`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer s.Close()
			code, out, errs := run(t, nil, "site", "list", "--engine", s.URL, "--token-file", token)
			if code == 0 || errs == "" || strings.Contains(out+errs, "\x1b") || strings.Contains(out+errs, "t0ken") {
				t.Errorf("exit %d: %q %q", code, out, errs)
			}
		})
	}
}
