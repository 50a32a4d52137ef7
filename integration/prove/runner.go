package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/stagelock/stagelock/"

// runner runs tests and prints what they show.
type runner struct {
	out  io.Writer
	long bool
	only []string // rows, or names of proofs; empty: all
	kept string   // folder of the inputs that Go's engine has kept
	// test runs go test with these arguments and returns what it printed.
	test func(ctx context.Context, args ...string) (output string, err error)
}

// fuzzRow is the row that the fuzz targets show.
const fuzzRow = "4"

// wants reports whether one of the rows was asked for, or the proof by its name.
func (r runner) wants(rows, name string) bool {
	asked := func(row string) bool { return slices.Contains(r.only, row) }
	return len(r.only) == 0 || slices.Contains(r.only, name) || slices.ContainsFunc(strings.Fields(rows), asked)
}

func goTest(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", append([]string{"test"}, args...)...) //nolint:gosec // proofs of the table
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// fuzzCache returns the folder in which Go's engine keeps inputs that reach what no other did.
func fuzzCache(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
	if err != nil {
		return ""
	}
	return filepath.Join(strings.TrimSpace(string(out)), "fuzz")
}

// arguments are those of go test for a proof.
func (r runner) arguments(p proof) []string {
	limit := "9m"
	if r.long {
		limit = "6h"
	}
	args := []string{"-count=1", "-v", "-timeout", limit, "-run", "^(" + strings.Join(p.tests, "|") + ")$", module + p.pkg}
	args = append(args, p.args...)
	if r.long {
		args = append(args, p.long...)
	}
	return args
}

// show carries out one proof, prints its lines, and reports whether it holds. What is missing here is no failure.
func (r runner) show(ctx context.Context, p proof) bool {
	out, err := r.test(ctx, r.arguments(p)...)
	f := found(out)
	row := fmt.Sprintf("row %-4s %s: ", p.rows, p.name)
	for _, line := range f.lines {
		fmt.Fprintln(r.out, row+line)
	}
	if len(f.lines) == 0 && f.cases > 0 {
		fmt.Fprintf(r.out, "%s%d cases, %d failed\n", row, f.cases, f.failed)
	}
	for _, why := range f.skipped {
		if p.needs != "" {
			why += " (it looks for " + p.needs + ")"
		}
		fmt.Fprintf(r.out, "%smissing: %s\n", row, why)
	}
	switch {
	case err == nil && f.failed == 0 && f.bad == 0 && f.cases+len(f.skipped) > 0:
		return true
	case f.cases+len(f.skipped)+f.failed == 0:
		fmt.Fprintf(r.out, "%sno test of that name was run\n", row)
	}
	fmt.Fprintf(r.out, "%sFAILED: go test %s\n%s", row, strings.Join(r.arguments(p), " "), excerpt(out))
	return false
}

// findings are what the output of tests says.
type findings struct {
	lines   []string // that begin with prove:, without it
	bad     int      // the sum of their last numbers
	cases   int      // tests and cases that passed
	failed  int
	skipped []string // why
}

var (
	proved = regexp.MustCompile(`prove: (.*, (\d+) .*)$`)
	logged = regexp.MustCompile(`^\s+\S+_test\.go:\d+: (.*)$`)
)

// found reads the output of go test -v.
func found(output string) findings {
	var f findings
	last := ""
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if m := proved.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[2])
			if err != nil {
				n = 1
			}
			f.lines, f.bad = append(f.lines, m[1]), f.bad+n
			continue
		}
		if m := logged.FindStringSubmatch(line); m != nil {
			last = m[1]
		}
		switch verdict := strings.TrimLeft(line, " "); {
		case strings.HasPrefix(verdict, "--- PASS"):
			f.cases++
		case strings.HasPrefix(verdict, "--- FAIL"):
			f.failed++
		case strings.HasPrefix(verdict, "--- SKIP"):
			f.skipped = append(f.skipped, last)
		}
	}
	return f
}

// excerpt returns the first and the last lines of what go test printed: what failed first is told at the beginning.
func excerpt(output string) string {
	const each = 30
	lines := strings.SplitAfter(output, "\n")
	if len(lines) <= 2*each {
		return output
	}
	return strings.Join(lines[:each], "") + "...\n" + strings.Join(lines[len(lines)-each:], "")
}

var executions = regexp.MustCompile(`execs: (\d+)`)

// fuzz runs every target for a while. A target whose time is over has not failed.
func (r runner) fuzz(ctx context.Context) bool {
	during, total, crashes := "2s", 0, 0
	if r.long {
		during = "30m"
	}
	for _, t := range targets {
		out, err := r.test(ctx, "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", during, "-fuzzminimizetime", "1s", "-parallel", "2",
			module+t.pkg)
		if all := executions.FindAllStringSubmatch(out, -1); len(all) > 0 {
			n, _ := strconv.Atoi(all[len(all)-1][1]) // it is a number
			total += n
		}
		if err != nil && (strings.Contains(out, "Failing input") || !strings.Contains(out, "deadline exceeded")) {
			crashes++
			fmt.Fprintf(r.out, "row 4    FAILED: %s of %s\n%s", t.name, t.pkg, excerpt(out))
		}
	}
	fmt.Fprintf(r.out, "row 4    fuzzing: %d executions of %d parsers, %d crashes\n", total, len(targets), crashes)
	return crashes == 0 && total > 0
}

// wanted is how many changed inputs the long form tries at least.
const wanted = 1_000_000_000

var changed = regexp.MustCompile(`prove: Fuzz\w+: (\d+) changed inputs, (\d+) crashes`)

// blind changes the inputs of every target without a look at what they cover, as long for each: once, in the long form until
// there were enough of all of them together.
func (r runner) blind(ctx context.Context) bool {
	during, enough, total, crashes := "1s", 1, 0, 0
	if r.long {
		during, enough = "1m", wanted
	}
	tried := make([]int, len(targets))
	for pass := 1; total < enough && crashes == 0 && ctx.Err() == nil; pass++ {
		for i, t := range targets {
			args := []string{"-count=1", "-v", "-timeout", "1h", "-run", "^TestBlind$/^" + t.name + "$", module + t.pkg,
				"-args", "-blind-time=" + during, "-blind-seed=" + strconv.Itoa(pass)}
			if r.kept != "" {
				args = append(args, "-blind-corpus="+filepath.Join(r.kept, module+t.pkg))
			}
			out, err := r.test(ctx, args...)
			if ctx.Err() != nil {
				break
			}
			n := 0
			if m := changed.FindStringSubmatch(out); m != nil {
				n, _ = strconv.Atoi(m[1]) // it is a number
			}
			tried[i], total = tried[i]+n, total+n
			if err != nil || n == 0 {
				crashes++
				fmt.Fprintf(r.out, "row 4    FAILED: go test %s\n%s", strings.Join(args, " "), excerpt(out))
			}
		}
	}
	for i, t := range targets {
		fmt.Fprintf(r.out, "row 4    blind changes of %s: %d\n", t.reads, tried[i])
	}
	fmt.Fprintf(r.out, "row 4    blind changes: %d inputs of %d parsers, as long for each, %d crashes\n",
		total, len(targets), crashes)
	return crashes == 0 && total > 0
}
