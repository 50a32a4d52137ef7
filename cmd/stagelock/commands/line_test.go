package commands_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/cmd/stagelock/commands"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// TestLinesByTheProductsNames: people know their version as 2024.Q4, 7.4 u92 or the tag of an image; every command
// with --line takes them as the configuration does.
func TestLinesByTheProductsNames(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("k3Xq0mZr9wTbL5vN"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		sh := &term.Shell{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now}
		return commands.Run(t.Context(), sh, append([]string{"stagelock"}, args...)), out.String()
	}
	_, want := run("policy", "--line", "7.4")
	for _, name := range []string{"2024.Q4", "7.4.3.112", "7.4 u92", "liferay/dxp:2024.q1.1", "v7.4", "7413"} {
		if code, got := run("policy", "--line", name); code != 0 || got != want {
			t.Errorf("policy --line %q: exit %d: %s", name, code, got)
		}
		if code, got := run("secret", "check", "--secret-file", secret, "--line", name); code != 0 {
			t.Errorf("secret check --line %q: exit %d: %s", name, code, got)
		}
		code, got := run("publish", "--to", "https://127.0.0.1:1", "--site", "1", "--login", "a@example.com", "--secret-file", secret,
			"--line", name, filepath.Join(dir, "none.lar"))
		if code == term.ExitUsage || strings.Contains(got, "--line") {
			t.Errorf("publish --line %q: exit %d: %s", name, code, got)
		}
	}
	for _, name := range []string{"7.5", "latest", "6.1", "2022.Q4"} {
		for _, args := range [][]string{{"policy"}, {"publish", "--to", "https://127.0.0.1:1", "--site", "1", "--login", "a@example.com",
			"--secret-file", secret}} {
			code, got := run(append(append(args, "--line", name), map[bool][]string{true: {filepath.Join(dir, "none.lar")}}[args[0] == "publish"]...)...)
			if code != term.ExitUsage || !strings.Contains(got, "--line") {
				t.Errorf("%s --line %q: exit %d: %s", args[0], name, code, got)
			}
		}
	}
}
