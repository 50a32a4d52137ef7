package commands

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// A flag of nobody ends every command with 64 and the name of its own help.
func TestEveryCommandNamesItsOwnHelp(t *testing.T) {
	n := 0
	leaves(app(quiet()).Commands, nil, func(path []string, _ *cli.Command) {
		n++
		code, text := said(t, append(path, "--no-such-flag")...)
		want := "there is no flag --no-such-flag\n  what to do: see stagelock " + strings.Join(path, " ") + " --help\n"
		if code != term.ExitUsage || text != "stagelock: "+want {
			t.Errorf("%s: exit %d: %s", strings.Join(path, " "), code, text)
		}
	})
	if n < 80 {
		t.Errorf("only %d commands", n)
	}
}

// needed is what a command must be given before it looks at its configuration.
var needed = map[string][]string{
	"store backup": {"--out", "copy"}, "audit explain": {"01a21e17-4533-72b4-a84b-d6220da6a43f"}, "audit archive": {"--to", "away", "--before", "2020-01-01"},
	"sync show": {"1"}, "sync diff": {"1/page/a"}, "sync resolve": {"1/page/a", "--take", "here"}, "sync retry": {"--all-dead"}, "sync drop": {"1", "--reason", "x"},
	"sync hold": {"a", "--reason", "x"}, "sync release": {"a"}, "sync compare": {"a"}, "sync baseline": {"a"},
	"sync approve": {"1"}, "sync refuse": {"1", "--reason", "x"},
}

// A configuration that cannot be read ends every command that reads it with 78, the file, and what to do.
func TestEveryCommandRefusesABadConfiguration(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("listen: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	leaves(app(quiet()).Commands, nil, func(path []string, c *cli.Command) {
		if !slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return f.Names()[0] == "config" }) {
			return
		}
		n++
		name := strings.Join(path, " ")
		for _, file := range []string{filepath.Join(dir, "none.yaml"), bad, dir} {
			code, text := said(t, slices.Concat(path, needed[name], []string{"--config", file})...)
			switch {
			case name == "doctor" && code == 1 && strings.Contains(text, file) && strings.Contains(text, "cure"): // a finding
			case code != term.ExitConfig || !strings.Contains(text, file) || !strings.Contains(text, "what to do: "):
				t.Errorf("%s --config %s: exit %d: %s", name, file, code, text)
			}
		}
	})
	if n < 25 {
		t.Errorf("only %d commands with a configuration", n)
	}
}

// A file that is not there, or cannot be written, is told with what to do.
func TestFilesAreToldWithTheirCures(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("key", []byte("0f1e2d3c4b5a69780f1e2d3c4b5a6978"), 0o600); err != nil {
		t.Fatal(err)
	}
	publish := []string{"publish", "a.lar", "--to", "https://127.0.0.1:1", "--site", "1", "--login", "a@example.com"}
	const inYourFolder, folderFirst = "is looked for in the folder that you are in", "make the folder first"
	for _, tt := range []struct {
		name string
		args []string
		code int
		cure string
	}{
		{"a secret that is not there", append(publish, "--secret-file", "none"), term.ExitData, inYourFolder},
		{"an authority that is not there", append(publish, "--secret-file", "key", "--ca", "none.pem"), term.ExitData, inYourFolder},
		{"a secret to check", []string{"secret", "check", "--secret-file", "none"}, term.ExitData, inYourFolder},
		{"an archive", []string{"archive", "inspect", "none.lar"}, term.ExitData, inYourFolder},
		{"an archive to cut", []string{"archive", "split", "none.lar"}, term.ExitData, inYourFolder},
		{"a folder as a secret", []string{"secret", "check", "--secret-file", "."}, term.ExitData, "that is a folder"},
		{"a file as a folder", []string{"secret", "check", "--secret-file", "key/key"}, term.ExitData, "is a file and no folder"},
		{"a secret into a folder of nobody", []string{"secret", "new", "--out", "none/key"}, term.ExitOutput, folderFirst},
		{"a secret over another", []string{"secret", "new", "--out", "key"}, term.ExitOutput, "name another file"},
		{"a key of a cluster", []string{"cluster", "key", "--out", "none/key"}, term.ExitOutput, folderFirst},
		{"a file in a file", []string{"secret", "new", "--out", "key/key"}, term.ExitOutput, "a part of that name is a file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, text := said(t, tt.args...)
			if code != tt.code || !strings.Contains(text, "\n  what to do: ") || !strings.Contains(text, tt.cure) {
				t.Errorf("exit %d, want %d with %q: %s", code, tt.code, tt.cure, text)
			}
		})
	}
}
