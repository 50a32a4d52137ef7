package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const passed = "=== RUN   TestX\n    x_test.go:7: prove: 18 shapes, 0 forwarded\n--- PASS: TestX (0.00s)\n"

func TestFound(t *testing.T) {
	for _, tt := range []struct {
		name, out           string
		lines, bad          int
		cases, failed, skip int
	}{
		{"a line", passed, 1, 0, 1, 0, 0},
		{"a number that is not 0", strings.ReplaceAll(passed, "0 forwarded", "3 forwarded"), 1, 3, 1, 0, 0},
		{"cases", "--- PASS: TestX (0.00s)\n    --- PASS: TestX/a (0.00s)\n    --- FAIL: TestX/b (0.00s)\n", 0, 0, 2, 1, 0},
		{"skipped", "    x_test.go:9: no java here\n--- SKIP: TestX (0.00s)\n", 0, 0, 0, 0, 1},
		{"nothing", "testing: warning: no tests to run\n", 0, 0, 0, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := found(tt.out)
			if len(f.lines) != tt.lines || f.bad != tt.bad || f.cases != tt.cases || f.failed != tt.failed || len(f.skipped) != tt.skip {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestShow(t *testing.T) {
	for _, tt := range []struct {
		name, out string
		err       error
		holds     bool
		says      string
	}{
		{"holds", passed, nil, true, "row 2    shapes: 18 shapes, 0 forwarded\n"},
		{"a number that is not 0", strings.ReplaceAll(passed, "0 forwarded", "3 forwarded"), nil, false, "FAILED: go test"},
		{"fails", passed + "--- FAIL: TestX\n", errors.New("exit status 1"), false, "FAILED"},
		{"does not build", "x.go:1: no\n", errors.New("exit status 1"), false, "no test of that name"},
		{"renamed away", "testing: warning: no tests to run\n", nil, false, "no test of that name"},
		{"missing", "    x_test.go:9: no java here\n--- SKIP: TestX (0.00s)\n", nil, true, "missing: no java here"},
		{"counted", "--- PASS: TestX (0.00s)\n", nil, true, "1 cases, 0 failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := runner{out: &out, test: func(context.Context, ...string) (string, error) { return tt.out, tt.err }}
			if holds := r.show(t.Context(), proof{name: "shapes", rows: "2", tests: []string{"TestX"}}); holds != tt.holds {
				t.Errorf("holds %t, want %t: %s", holds, tt.holds, out.String())
			}
			if !strings.Contains(out.String(), tt.says) {
				t.Errorf("got %q, want %q in it", out.String(), tt.says)
			}
		})
	}
}

// TestFirstFailureIsShown: a test that fails thousands of times does not hide the one that failed before it.
func TestFirstFailureIsShown(t *testing.T) {
	said := "    x_test.go:1: the first\n" + strings.Repeat("    y_test.go:2: another\n", 1000) + "--- FAIL: TestY\n"
	var out strings.Builder
	r := runner{out: &out, test: func(context.Context, ...string) (string, error) { return said, errors.New("exit status 1") }}
	holds := r.show(t.Context(), proof{name: "x", rows: "2", tests: []string{"TestX", "TestY"}})
	if got := out.String(); holds || !strings.Contains(got, ": the first\n") || !strings.HasSuffix(got, "--- FAIL: TestY\n") || len(got) > 5000 {
		t.Errorf("holds %t, %s", holds, got)
	}
	if got := excerpt("a\nb\n"); got != "a\nb\n" {
		t.Errorf("got %q", got)
	}
}

func TestFuzzing(t *testing.T) {
	for _, tt := range []struct {
		name, out string
		err       error
		holds     bool
	}{
		{"runs", "fuzz: elapsed: 2s, execs: 17 (8/sec)\nPASS\n", nil, true},
		{"time is over", "execs: 5 (8/sec)\ncontext deadline exceeded\n", errors.New("exit status 1"), true},
		{"crash", "execs: 5\nFailing input written to x\n", errors.New("exit status 1"), false},
		{"does not build", "no\n", errors.New("exit status 1"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := runner{out: &out, test: func(context.Context, ...string) (string, error) { return tt.out, tt.err }}
			if holds := r.fuzz(t.Context()); holds != tt.holds {
				t.Errorf("holds %t: %s", holds, out.String())
			}
		})
	}
}

// TestBlindChanges: every target is tried as long as every other, again and again until there were enough, and what fails is shown.
func TestBlindChanges(t *testing.T) {
	const said = "    run.go:9: prove: FuzzX: %d changed inputs, 0 crashes\n"
	for _, tt := range []struct {
		name, out  string
		err        error
		long       bool
		holds      bool
		runs       int
		says, kept string
	}{
		{"once", fmt.Sprintf(said, 5), nil, false, true, 16, "80 inputs of 16 parsers, as long for each, 0 crashes", ""},
		{"until there are enough", fmt.Sprintf(said, 40_000_000), nil, true, true, 32, "1280000000 inputs", ""},
		{"with what Go's engine has kept", fmt.Sprintf(said, 5), nil, false, true, 16, "", "/cache/fuzz"},
		{"a crash", fmt.Sprintf(said, 5) + "--- FAIL\n", errors.New("exit status 1"), true, false, 16, "16 crashes", ""},
		{"no such test", "testing: warning: no tests to run\n", nil, true, false, 16, "FAILED: go test", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			var ran []string
			r := runner{out: &out, long: tt.long, kept: tt.kept, test: func(_ context.Context, args ...string) (string, error) {
				ran = append(ran, strings.Join(args, " "))
				return tt.out, tt.err
			}}
			if holds := r.blind(t.Context()); holds != tt.holds || len(ran) != tt.runs || !strings.Contains(out.String(), tt.says) {
				t.Errorf("holds %t after %d runs: %s", holds, len(ran), out.String())
			}
			last := ran[len(ran)-1]
			during, pass := "-blind-time=1s", "-blind-seed="+strconv.Itoa(tt.runs/16)
			if tt.long {
				during = "-blind-time=1m"
			}
			if !strings.Contains(last, during) || !strings.Contains(last, pass) ||
				strings.Contains(last, "-blind-corpus=/cache/fuzz/"+module+"tunnel/signed") != (tt.kept != "") {
				t.Errorf("ran %s", last)
			}
		})
	}
}

// TestStoppedBlindChanges: who stops it is told what was tried until then, and of no crash.
func TestStoppedBlindChanges(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out strings.Builder
	runs := 0
	r := runner{out: &out, long: true, test: func(context.Context, ...string) (string, error) {
		if runs++; runs == 3 {
			stop()
			return "", errors.New("signal: killed")
		}
		return "prove: FuzzX: 7 changed inputs, 0 crashes\n", nil
	}}
	r.blind(ctx)
	if runs != 3 || !strings.Contains(out.String(), ": 14 inputs of 16 parsers, as long for each, 0 crashes") || strings.Contains(out.String(), "FAILED") {
		t.Errorf("after %d runs: %s", runs, out.String())
	}
}

// TestRows: rows that are named are the only ones that are tried, and one that no proof is for is told of.
func TestRows(t *testing.T) {
	for _, tt := range []struct {
		name  string
		only  []string
		tests []string // that are run, among others
		not   string   // that is not
		err   error
	}{
		{"all", nil, []string{"TestChainsReachNobody", "TestReload", "FuzzDecode"}, "", nil},
		{"one", []string{"18"}, []string{"TestReload"}, "TestChainsReachNobody", nil},
		{"one of the rows of a proof", []string{"6"}, []string{"TestExhaustion"}, "FuzzDecode", nil},
		{"two", []string{"18", "4"}, []string{"TestReload", "FuzzDecode"}, "TestExhaustion", nil},
		{"one by its name", []string{"reload and drain"}, []string{"TestReload"}, "TestReloadsUnderLoad", nil},
		{"blind changes by their name", []string{"blind changes"}, []string{"TestBlind$/^FuzzDecode"}, "-fuzz", nil},
		{"none", []string{"29"}, nil, "TestReload", errRow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ran strings.Builder
			r := runner{out: &strings.Builder{}, only: tt.only, test: func(_ context.Context, args ...string) (string, error) {
				ran.WriteString(strings.Join(args, " ") + "\n")
				return passed + "execs: 5\nprove: FuzzX: 5 changed inputs, 0 crashes\n", nil
			}}
			if err := run(t.Context(), r); !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			for _, name := range tt.tests {
				if !strings.Contains(ran.String(), name) {
					t.Errorf("%s was not run", name)
				}
			}
			if tt.not != "" && strings.Contains(ran.String(), tt.not) {
				t.Errorf("%s was run", tt.not)
			}
		})
	}
}

func TestLongCounts(t *testing.T) {
	p := proof{pkg: "a", tests: []string{"TestX", "TestY"}, long: []string{"-args", "-n=9"}}
	if got := strings.Join(runner{long: true}.arguments(p), " "); !strings.Contains(got, "-run ^(TestX|TestY)$") || !strings.HasSuffix(got, "/a -args -n=9") {
		t.Errorf("got %s", got)
	}
	if got := strings.Join(runner{}.arguments(p), " "); strings.Contains(got, "-n=9") {
		t.Errorf("got %s", got)
	}
}

// sources returns the text of the test files of a folder.
func sources(t *testing.T, pkg string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pkg), "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, no tests", pkg, err)
	}
	var b strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}

// TestProofsAreThere: a proof whose test was renamed would show nothing.
func TestProofsAreThere(t *testing.T) {
	for _, p := range proofs {
		for _, name := range p.tests {
			if !strings.Contains(sources(t, p.pkg), "func "+name+"(t *testing.T)") {
				t.Errorf("%s: no %s in %s", p.name, name, p.pkg)
			}
		}
	}
	for _, f := range targets {
		text := sources(t, f.pkg)
		if !strings.Contains(text, "func "+f.name+"(f *testing.F)") {
			t.Errorf("no %s in %s", f.name, f.pkg)
		}
		_, blind, _ := strings.Cut(text, "func TestBlind(t *testing.T)")
		if !strings.Contains(blind, `blind.Run(t, "`+f.name+`"`) {
			t.Errorf("%s of %s has no blind test", f.name, f.pkg)
		}
	}
}

// TestThreatModel holds the list of figures to the table: each of the 28 rows has a proof or says why not.
func TestThreatModel(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "gateway", "THREAT_MODEL.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{"4"}
	for _, p := range proofs {
		shown = append(shown, strings.Fields(p.rows)...)
	}
	open := map[string]bool{}
	for _, n := range notYet {
		open[n.row] = true
	}
	told := 0
	for row := 1; row <= 28; row++ {
		n := strconv.Itoa(row)
		line := regexp.MustCompile(`(?m)^\| ` + n + ` \|.*$`).FindString(string(text))
		switch {
		case line == "":
			t.Errorf("row %s is not in the threat model", n)
		case slices.Contains(shown, n) == open[n]:
			t.Errorf("row %s: it is shown, or it is said why not; not both", n)
		case open[n] != strings.Contains(line, "not yet"):
			t.Errorf("row %s: the table of proofs and the threat model disagree: %s", n, line)
		}
		told++
	}
	t.Logf("prove: %d rows of figures in the threat model, %d without a command or a reason", told, boolean(t.Failed()))
}

// TestThreatModelNamesTests: a test that the threat model names stands in the folder that it names behind it.
func TestThreatModelNamesTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "gateway", "THREAT_MODEL.md"))
	if err != nil {
		t.Fatal(err)
	}
	named, open := 0, []string(nil)
	for _, m := range regexp.MustCompile("`(Test\\w+)`|\\bin `([a-z0-9/]+)`|([|.;])").FindAllStringSubmatch(string(text), -1) {
		switch name, folder, end := m[1], m[2], m[3]; {
		case name != "":
			open, named = append(open, name), named+1
			continue
		case end != "" && len(open) > 0:
			t.Errorf("%v: no folder is named", open)
		case folder != "" && len(open) > 0:
			in := sources(t, folder)
			for _, name := range open {
				if !strings.Contains(in, "func "+name+"(t *testing.T)") {
					t.Errorf("no %s in %s", name, folder)
				}
			}
		}
		open = nil
	}
	if named < 40 {
		t.Errorf("%d tests are named", named)
	}
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestTargetsHaveSeeds: a target without seeds begins with nothing, and finds nothing in two seconds.
func TestTargetsHaveSeeds(t *testing.T) {
	for _, f := range targets {
		text := sources(t, f.pkg)
		_, body, _ := strings.Cut(text, "func "+f.name+"(f *testing.F)")
		body, _, _ = strings.Cut(body, "\n}\n")
		if before, _, found := strings.Cut(body, "f.Fuzz("); !found || !regexp.MustCompile(`f\.Add\(|[(,] ?f[,)]`).MatchString(before) {
			t.Errorf("%s of %s has no seeds", f.name, f.pkg)
		}
	}
}

// TestTargetsHaveCorpora: what foreign bytes are read by is tried in every run of the tests with inputs that are kept and say
// what they are.
func TestTargetsHaveCorpora(t *testing.T) {
	reads, kept := map[string]bool{}, 0
	for _, f := range targets {
		reads[f.reads] = true
		dir := filepath.Join("..", "..", filepath.FromSlash(f.pkg), "testdata", "fuzz", f.name)
		inputs, err := os.ReadDir(dir)
		if err != nil || len(inputs) < 5 {
			t.Errorf("%s of %s: %d inputs are kept, %v", f.name, f.pkg, len(inputs), err)
		}
		for _, input := range inputs {
			kept++
			if regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(input.Name()) {
				t.Errorf("%s of %s: give %s a name that says what it is", f.name, f.pkg, input.Name())
			}
			text, err := os.ReadFile(filepath.Join(dir, input.Name()))
			if err != nil || len(text) > 8<<10 || !strings.HasPrefix(string(text), "go test fuzz v1\n") {
				t.Errorf("%s of %s: %s of %d bytes is no small input, %v", f.name, f.pkg, input.Name(), len(text), err)
			}
		}
	}
	for _, parser := range []string{
		"Java serialization", "MethodKey", "HTTP/1.1 heads", "HTTP/1.1 chunks", "PROXY v1 and v2", "Basic credentials", "zip", "manifests",
		"properties", "OSGi configurations", "YAML",
	} {
		if !reads[parser] {
			t.Errorf("no fuzz target reads %s", parser)
		}
	}
	t.Logf("%d inputs of %d targets", kept, len(targets))
}
