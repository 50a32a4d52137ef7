package engine_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	commands "github.com/stagelock/stagelock/cmd/stagelock/commands/engine"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/ports"
)

// lines are command lines that ask an engine about the site 404, one of every command.
var lines = map[string][]string{
	"site create": {"Shop"}, "site list": nil, "site show": {"--site", "404"}, "site unlock": {"--site", "404"},
	"site connect": {"--site", "404", "--library", "405"}, "site disconnect": {"--site", "404", "--library", "405"},
	"site arrivals": {"--site", "404"}, "site calls": {"--site", "404"}, "site received": {"--site", "404"},
	"content list": {"--site", "404"}, "content add": {"page", "Home", "--site", "404"},
	"content update": {"page", "u", "--site", "404", "--text", "x"}, "content delete": {"page", "u", "--site", "404"},
	"content show": {"page", "u", "--site", "404"}, "content versions": {"page", "u", "--site", "404"},
	"page variations": {"--site", "404"}, "page add-variation": {"x", "--site", "404"}, "page remove-variation": {"x", "--site", "404"},
	"page revisions": {"u", "--site", "404"}, "page revise": {"u", "--site", "404", "--text", "x"}, "page ready": {"7", "--site", "404"},
	"staging enable": {"--site", "404", "--as", "joe@example.com", "--remote-host", "live", "--remote-port", "1", "--remote-site", "1"},
	"staging status": {"--site", "404"}, "staging publish": {"--site", "404", "--as", "joe@example.com"},
	"staging schedule":       {"0 3 * * *", "--site", "404", "--as", "joe@example.com"},
	"staging list-schedules": {"--site", "404"}, "staging unschedule": {"404"}, "staging history": {"--site", "404"}, "staging relaunch": {"404"},
	"staging disable": {"--site", "404", "--as", "joe@example.com"},
	"user add":        {"new@example.com"}, "user import": {"USERS"}, "user list": nil, "user grant": {"joe@example.com", "UPDATE", "--site", "404"},
}

// TestLinesAreOfEveryCommand: a command that is added is held to the same.
func TestLinesAreOfEveryCommand(t *testing.T) {
	var all []string
	for _, group := range commands.Commands(&term.Shell{}) {
		if group.Name == "engine" {
			continue
		}
		for _, c := range group.Subcommands {
			all = append(all, group.Name+" "+c.Name)
			if !slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return f.Names()[0] == "json" }) {
				t.Errorf("%s %s has no --json", group.Name, c.Name)
			}
		}
	}
	for _, name := range all {
		if _, found := lines[name]; !found {
			t.Errorf("no line of %q", name)
		}
	}
	if len(all) != len(lines) {
		t.Errorf("%d commands, %d lines", len(all), len(lines))
	}
}

// world is an engine with a user and no site, one that does not answer, and what is none.
type world struct{ token, wrong, users, folder, engine, foreign, dead string }

func newWorld(t *testing.T) world {
	t.Helper()
	dir := t.TempDir()
	e, err := engine.New(engine.Config{Dir: filepath.Join(dir, "data"), Build: "7413", CompanyID: 20097, Now: time.Now})
	if err == nil {
		err = e.AddUser(t.Context(), engine.User{Email: "joe@example.com", ScreenName: "joe", Admin: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	serve := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	return world{token: write("token", "t0ken\n"), wrong: write("wrong", "wr0ng"), users: write("users.csv", "email\nann@example.com\n"),
		folder: dir, engine: serve(e.Commands("t0ken")), foreign: serve(http.NotFoundHandler()), dead: "http://" + ports.Free(t)}
}

// Every command fails in the same way where there is no engine, where it is not let in, where it is wrong about what the
// engine has: with the exit code of its kind, with what to do, and for a script as one line of JSON and nothing beside it.
func TestHowEveryCommandFails(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name string
		args []string
		exit int
		kind string
		says string
	}{
		{"no engine named", nil, 64, "usage", "no engine: name its data folder"},
		{"a folder of no engine", []string{"--engine", w.folder}, 65, "data", "no engine runs on"},
		{"an address without a token", []string{"--engine", w.engine}, 64, "usage", "--token-file must name"},
		{"a token that is not there", []string{"--engine", w.engine, "--token-file", w.folder + "/none"}, 65, "data", "read the token"},
		{"a wrong token", []string{"--engine", w.engine, "--token-file", w.wrong}, 77, "denied", "the token is not this engine's"},
		{"nobody there", []string{"--engine", w.dead, "--token-file", w.token}, 69, "unreachable", "the engine cannot be reached"},
		{"another server", []string{"--engine", w.foreign, "--token-file", w.token}, 69, "bad-answer", "which is not an engine's answer"},
		{"a wrong id", []string{"--engine", w.engine, "--token-file", w.token}, 65, "data", "40"},
	} {
		for name, rest := range lines {
			if tt.name == "a wrong id" && slices.Contains([]string{"site create", "site list", "user add", "user import", "user list"}, name) {
				continue // they name none
			}
			t.Run(tt.name+", "+name, func(t *testing.T) {
				args := append(append(strings.Fields(name), rest...), tt.args...)
				if i := slices.Index(args, "USERS"); i >= 0 {
					args[i] = w.users
				}
				code, out, errs := run(t, nil, args...)
				if code != tt.exit || out != "" || !strings.Contains(errs, tt.says) || !strings.Contains(errs, "what to do: ") ||
					strings.Contains(errs, "t0ken") || strings.Contains(errs, "wr0ng") {
					t.Errorf("exit %d, want %d with %q: %s%s", code, tt.exit, tt.says, out, errs)
				}
				code, out, errs = run(t, nil, append(args, "--json")...)
				var f struct {
					OK                  *bool
					Exit                int
					Kind, Message, Cure string
				}
				err := json.Unmarshal([]byte(out), &f)
				if err != nil || strings.Count(out, "\n") != 1 || errs != "" || f.OK == nil || *f.OK || f.Exit != code || code != tt.exit ||
					f.Kind != tt.kind || !strings.Contains(f.Message, tt.says) || f.Cure == "" {
					t.Errorf("exit %d, %v: %s%s", code, err, out, errs)
				}
			})
		}
	}
}

// What a command reads from a file and cannot read is no fault of the engine's.
func TestFilesThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	at := []string{"--engine", w.engine, "--token-file", w.token}
	if code, _, errs := run(t, nil, append([]string{"site", "create", "Shop", "--id", "5"}, at...)...); code != 0 {
		t.Fatal(errs)
	}
	for _, tt := range []struct {
		name string
		args []string
		exit int
		says string
	}{
		{"content that is not there", []string{"content", "add", "article", "A", "--site", "5", "--file", w.folder + "/none"}, 65, "no such file"},
		{"content that is a folder", []string{"content", "add", "article", "A", "--site", "5", "--file", w.folder}, 65, w.folder + " is a folder"},
		{"content of no name", []string{"content", "add", "article", "A", "--site", "5", "--file", ""}, 64, "--file is empty"},
		{"a page that is a folder", []string{"page", "revise", "u", "--site", "5", "--file", w.folder}, 65, w.folder + " is a folder"},
		{"users that are not there", []string{"user", "import", w.folder + "/none"}, 65, "no such file"},
		{"users that are a folder", []string{"user", "import", w.folder}, 65, w.folder + " is a folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, nil, append(tt.args, at...)...)
			if code != tt.exit || out != "" || !strings.Contains(errs, tt.says) || !strings.Contains(errs, "what to do: ") || strings.Contains(errs, "engine cannot be reached") {
				t.Errorf("exit %d, want %d with %q: %s%s", code, tt.exit, tt.says, out, errs)
			}
		})
	}
	_, out, _ := run(t, nil, append([]string{"content", "list", "--site", "5", "--json"}, at...)...)
	if strings.TrimSpace(out) != "[]" {
		t.Errorf("the site has %s", out)
	}
}

// A script that watches a site to which nothing was published reads JSON.
func TestWatchingNothingAsJSON(t *testing.T) {
	w := newWorld(t)
	at := []string{"--engine", w.engine, "--token-file", w.token}
	run(t, nil, append([]string{"site", "create", "Shop", "--id", "5"}, at...)...)
	if code, out, errs := run(t, nil, append([]string{"site", "arrivals", "--site", "5", "--watch", "--json"}, at...)...); code != 0 || out != "null\n" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
