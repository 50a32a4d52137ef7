package engine_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An engine that cannot run says which flag is wrong, and makes nothing.
func TestAnEngineThatCannotRun(t *testing.T) {
	dir := t.TempDir()
	secret, file := filepath.Join(dir, "secret"), filepath.Join(dir, "file")
	for _, path := range []string{secret, file} {
		if err := os.WriteFile(path, []byte("00112233445566778899aabbccddeeff\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	for _, tt := range []struct {
		name string
		args []string
		exit int
		says string
	}{
		{"no folder", nil, 64, "engine run needs --data"},
		{"a line that there is not", []string{"--data", data, "--line", "9.9"}, 64, "--line 9.9: want one of 6.2, 7.0"},
		{"a build that is none", []string{"--data", data, "--as-build", "x"}, 64, "--as-build x: want a build number"},
		{"a build below 0", []string{"--data", data, "--as-build", "-7"}, 64, "--as-build -7: want a build number"},
		{"no company", []string{"--data", data, "--company", "0"}, 64, "--company 0: want an id above 0"},
		{"a context without a slash", []string{"--data", data, "--context", "portal"}, 64, "--context portal: want nothing, or a path"},
		{"a context with two", []string{"--data", data, "--context", "/portal/"}, 64, "--context /portal/: want nothing, or a path"},
		{"an address of pages that is none", []string{"--data", data, "--url", "www"}, 64, "--url www: want a scheme, a host"},
		{"one with a path", []string{"--data", data, "--url", "https://www.example.com/web"}, 64, "want a scheme, a host"},
		{"one with a user", []string{"--data", data, "--url", "https://a:b@www.example.com"}, 64, "want a scheme, a host"},
		{"a login that is none", []string{"--data", data, "--login-by", "name"}, 64, "--login-by name: want mail, screen-name or id"},
		{"parts of nothing", []string{"--data", data, "--buffer", "0"}, 64, "--buffer: "},
		{"a folder that is a file", []string{"--data", file}, 65, "not a directory"},
		{"a folder in a file", []string{"--data", filepath.Join(file, "x")}, 65, "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"engine", "run", "--hex", "--secret-file", secret, "--listen", "127.0.0.1:0"}, tt.args...)
			code, out, errs := run(t, nil, args...)
			if code != tt.exit || out != "" || !strings.Contains(errs, tt.says) || !strings.Contains(errs, "what to do: ") {
				t.Errorf("exit %d, want %d with %q: %s%s", code, tt.exit, tt.says, out, errs)
			}
			code, out, errs = run(t, nil, append(args, "--json")...)
			var f struct {
				Exit          int
				Message, Cure string
			}
			if err := json.Unmarshal([]byte(out), &f); err != nil || errs != "" || f.Exit != tt.exit || code != tt.exit || f.Cure == "" {
				t.Errorf("exit %d, %v: %s%s", code, err, out, errs)
			}
		})
	}
	if err := os.WriteFile(file, []byte(" short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, nil, "engine", "run", "--data", data, "--secret-file", file)
	if code != 65 || !strings.Contains(errs, "stagelock: the secret cannot be used: the secret is too short") {
		t.Errorf("with a secret that is too short: exit %d: %s%s", code, out, errs)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("it made a folder")
	}
}
