package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
)

// randomFile makes a file that cannot be compressed: random FILE SIZE.
func randomFile(ts *testscript.TestScript, _ bool, args []string) {
	size, err := flags.ParseSize(args[1])
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	seed := [32]byte{byte(len(args[0])), byte(size)}
	_, err = io.CopyN(f, rand.NewChaCha8(seed), size)
	ts.Check(err)
}

// peak fails if a process has ever had more memory than that: peak NAME SIZE.
func (s services) peak(ts *testscript.TestScript, _ bool, args []string) {
	most, err := flags.ParseSize(args[1])
	ts.Check(err)
	found, _ := s.byPath.Load(ts.MkAbs(args[0]))
	cmd, ok := found.(*exec.Cmd)
	if !ok {
		ts.Fatalf("no process %s", args[0])
	}
	if runtime.GOOS != "linux" {
		ts.Logf("the peak of a process is read on Linux only")
		return
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	ts.Check(err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	ts.Check(err)
	ts.Logf("%s had %d MiB at most", args[0], kib>>10)
	if kib<<10 > most {
		ts.Fatalf("%s had %d MiB, more than %s", args[0], kib>>10, args[1])
	}
}

// raced reports whether the tests were built with the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// longMemory is the share of a publish of 2 GiB that is run by default: the whole takes minutes. All of
// it: TEST_LONG=1 go test ./cmd/stagelock -run MemoryOfAPublish -v
const longMemory = "TEST_LONG"

// Publishing many large documents costs neither engine more than 128 MiB, however large all of them
// together are.
func TestMemoryOfAPublish(t *testing.T) {
	if testing.Short() {
		t.Skip("publishes 192 MiB")
	}
	if raced() {
		t.Skip("the race detector has memory of its own")
	}
	documents := 3
	if os.Getenv(longMemory) != "" {
		documents = 32 // of 64 MiB: 2 GiB
	}
	lines := []string{"engine live", "engine staging", "port LIVE $live",
		"stagelock site create Live --id 30001 --engine live",
		"stagelock user add a@example.com --admin --engine live",
		"stagelock site create Staging --engine staging",
		"stagelock user add a@example.com --admin --engine staging",
		"random big 64MiB", "random middle 31MiB"}
	for i := range documents {
		lines = append(lines, fmt.Sprintf("stagelock content add document big%d --site 20121 --engine staging --file big", i))
	}
	lines = append(lines,
		"stagelock content add document middle --site 20121 --engine staging --file middle",
		"stagelock staging enable --site 20121 --as a@example.com --engine staging --remote-host 127.0.0.1 --remote-port $LIVE --remote-site 30001",
		"stagelock staging publish --site 20121 --as a@example.com --engine staging",
		fmt.Sprintf("stdout ': %d documents;'", documents+1),
		"peak staging 128MiB", "peak live 128MiB")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "memory.txtar"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runScripts(t, dir)
}
