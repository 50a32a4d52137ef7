package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestPageOfTheEngine runs every line of the page about staging with the reference engine, and holds
// what is printed against what stands there.
func TestPageOfTheEngine(t *testing.T) {
	page, err := os.ReadFile("../../integration/engine/README.md")
	if err != nil {
		t.Fatal(err)
	}
	script, files := scriptOf(string(page))
	if strings.Count(script, "\nstagelock ") < 20 || len(files) != 1 {
		t.Fatalf("the page has too little:\n%s", script)
	}
	dir := t.TempDir()
	text := "fill stagelock.yaml\n" + script
	for name, content := range files {
		text += "-- " + name + " --\n" + content
	}
	if err := os.WriteFile(filepath.Join(dir, "page.txtar"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	runScripts(t, dir)
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// scriptOf makes a script of a page: of its consoles the commands and what they print, of its YAML the
// gateway's configuration. Fixed ports become free ones.
func scriptOf(page string) (script string, files map[string]string) {
	files = map[string]string{}
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		switch block[1] {
		case "yaml":
			files["stagelock.yaml"] = block[2]
		case "console":
			for line := range strings.Lines(block[2]) {
				script += lineOf(strings.TrimSuffix(line, "\n")) + "\n"
			}
		}
	}
	return script, files
}

// daemons are the commands that go on in the background, and what a script has for them.
var daemons = []struct{ page, script string }{
	{`^stagelock engine run --data (\w+) --listen \S+(.*) --secret-file secret --hex &$`, "engine $1$2"},
	{`^stagelock run --config (\S+) &$`, "serve $1"},
}

// lineOf makes a line of a script of one of a console.
func lineOf(line string) string {
	command, is := strings.CutPrefix(line, "$ ")
	if !is {
		want := strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
		return "stdout '" + want + "'"
	}
	for _, d := range daemons {
		if re := regexp.MustCompile(d.page); re.MatchString(command) {
			return re.ReplaceAllString(command, d.script)
		}
	}
	command = strings.ReplaceAll(command, `"`, "'")
	command = strings.ReplaceAll(command, "--remote-port 8443", "--remote-port $gateway_PORT")
	return strings.Replace(command, "export ", "env ", 1)
}

// fill puts free ports into a configuration: the gateway's own and, once it runs, that of live.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "127.0.0.1:8443", "127.0.0.1:0")
	if live := ts.Getenv("live"); live != "" {
		text = strings.ReplaceAll(text, "http://127.0.0.1:8080", live)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// serve runs a gateway of that configuration; its port is $gateway_PORT.
func (s services) serve(ts *testscript.TestScript, neg bool, args []string) {
	fill(ts, neg, args)
	started := s.start(ts, "gateway", "run", "--json", "--config", args[0])
	var listen []string
	ts.Check(json.Unmarshal(started.Listen, &listen))
	_, port, err := net.SplitHostPort(listen[0])
	ts.Check(err)
	ts.Setenv("gateway_PORT", port)
}
