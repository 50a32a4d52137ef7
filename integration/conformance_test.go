package integration_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// nonconforming are the cases of the suite that a gateway does not pass, with the reason. Any other failure is one.
var nonconforming = map[string]string{
	"http2/4.2/3":     "a head beyond the largest frame is answered with a status in place of an end of the connection",
	"http2/6.5.3/1":   "a setting that stands twice in one frame ends the connection",
	"http2/8.1.2.2/1": "a field of HTTP/1.1's connections is answered with 400 in place of a reset stream",
	"http2/8.1.2.2/2": "a field TE that is not trailers is answered with 400 in place of a reset stream",
}

var conformanceCase = regexp.MustCompile(`(?m)^case (passed|skipped|failed) (\S+) ?(.*)$`)

// TestHTTP2Conformance runs h2spec, its strict cases too, against a whole gateway.
func TestHTTP2Conformance(t *testing.T) {
	program := tool(t, filepath.Join("..", "gateway", "native", "testdata", "h2spec"))
	o := listed
	o.Extra = []string{"quota: { failure_cost: 1, per_address_rate: 10000/s, per_address_burst: 100000, connections_per_address: 1000 }"}
	a := arrange(t, o)
	out, err := exec.CommandContext(t.Context(), program, a.Addr).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	counts, unlisted := map[string]int{}, 0
	var failed []string
	for _, m := range conformanceCase.FindAllStringSubmatch(string(out), -1) {
		counts[m[1]]++
		if m[1] != "failed" {
			continue
		}
		failed = append(failed, m[2])
		if nonconforming[m[2]] == "" {
			unlisted++
			t.Errorf("%s: %s", m[2], m[3])
		}
	}
	for id, why := range nonconforming {
		if !slices.Contains(failed, id) {
			t.Errorf("%s is listed as failing (%s) and passes: take it off the list", id, why)
		}
	}
	prove(t, "%d cases of HTTP/2 conformance, %d passed, %d known ones fail (%s), %d others",
		counts["passed"]+counts["skipped"]+counts["failed"], counts["passed"], len(failed)-unlisted, strings.Join(failed, " "), unlisted)
	if counts["passed"] < 130 {
		t.Errorf("%d cases passed", counts["passed"])
	}
	if n := len(a.sink.Calls()); n != 0 {
		t.Errorf("%d calls began at the engine", n)
	}
	checkLog(t, a)
	allowed(t, a.Gateway, once(t, a.Gateway, checkSite(site).message(t)))
}

// tool builds the module of its own that lies in a folder, its files with .txt behind their names so that it is none of this
// module's, and returns the program. It skips the test where modules cannot be had.
func tool(t *testing.T, folder string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join(folder, name+".txt"))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "tool")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("main.go:")) {
			t.Fatalf("%s", out)
		}
		t.Skipf("%s does not build here: %v %.300s", folder, err, bytes.TrimSpace(out))
	}
	return program
}
