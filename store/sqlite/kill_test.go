package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stagelock/stagelock/store"
)

const childDir = "STAGELOCK_TEST_SQLITE_DIR"

// TestKill kills a process that writes and looks for every write that it said was kept.
func TestKill(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		writeUntilKilled(t, dir)
	}
	exe, err := os.Executable()
	must(t, err)
	for round := range 5 {
		dir := t.TempDir()
		cmd := exec.Command(exe, "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		acked := int64(-1)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			if acked, err = strconv.ParseInt(sc.Text(), 10, 64); err != nil {
				t.Fatalf("child said %q", sc.Text())
			}
			if acked == int64(20+round*13) {
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // killed
		s := opened(t, dir)
		for id := range acked + 1 {
			r, err := s.Request(context.Background(), id)
			if err != nil || len(r.Logins) != 2 {
				t.Fatalf("request %d of %d: %v %v", id, acked, r, err)
			}
		}
	}
}

func writeUntilKilled(t *testing.T, dir string) {
	s := open(t, dir)
	for id := int64(0); ; id++ {
		must(t, s.Create(context.Background(), store.Request{ID: id, Logins: []string{"a", "b"}}))
		fmt.Println(id)
	}
}
