package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// The command itself runs: every subject at its two smallest sizes.
func TestGrowthRuns(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-most", "100", "-json"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var rows []row
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	steps := map[string]map[int]int{}
	for _, r := range rows {
		if r.Micros <= 0 || r.Step == "" || runtime.GOOS == "linux" && r.Peak < 1<<20 {
			t.Errorf("%+v", r)
		}
		if steps[r.What] == nil {
			steps[r.What] = map[int]int{}
		}
		steps[r.What][r.Size]++
	}
	for _, s := range subjects() {
		if n := steps[s.name]; len(n) != 2 || n[10] == 0 || n[10] != n[100] {
			t.Errorf("%s: steps by size %v", s.name, n)
		}
	}
}

func TestGrowthOfOneSubject(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-most", "10", "-only", "^hosts$"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "look an address up") || strings.Contains(out.String(), "audit log") {
		t.Errorf("got %s", &out)
	}
}

func TestGrowthArguments(t *testing.T) {
	for args, want := range map[string]string{"-only (": "missing closing", "-fast": "not defined"} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestTableComparesWithTheSizeBefore(t *testing.T) {
	var out bytes.Buffer
	err := table(&out, []row{{"a", 10, "x", 2, 4096, 7 << 20}, {"a", 10, "y", 5, -1, 0}, {"a", 100, "x", 3, 0, 0}, {"b", 10, "x", 9, 0, 0},
		{"a", 1000, "x", 30, 0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{"", "", "", "× 1.5", "", "× 10.0"} {
		if strings.Contains(lines[i], "×") != (want != "") || !strings.Contains(lines[i], want) {
			t.Errorf("line %d: %q, want %q", i, lines[i], want)
		}
	}
	if !strings.HasSuffix(lines[1], " 7") || !strings.Contains(lines[1], " 4 ") || strings.Contains(lines[2], "-") {
		t.Errorf("memory: %q, %q", lines[1], lines[2])
	}
}

func TestFillTellsWhatFails(t *testing.T) {
	broken := errors.New("broken")
	var n atomic.Int64
	if err := fill(1000, func(int) error { n.Add(1); return nil }); err != nil || n.Load() != 1000 {
		t.Errorf("%d of 1000, %v", n.Load(), err)
	}
	if err := fill(1000, func(i int) error {
		if i == 77 {
			return broken
		}
		return nil
	}); !errors.Is(err, broken) {
		t.Error(err)
	}
	m := &meter{}
	if err := m.step("x", 1, func() error { return broken }); !errors.Is(err, broken) || len(m.rows) != 0 {
		t.Errorf("%v, %d rows", err, len(m.rows))
	}
}
