package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

const childDir = "TEST_AUDIT_DIR"

// inDir is the configuration of a log that lies in dir with all it needs.
func inDir(t testing.TB, dir string) (audit.Config, *files.Events) {
	t.Helper()
	ev, err := files.Open(files.Config{Dir: filepath.Join(dir, "log"), SegmentBytes: 10_000})
	audittest.Must(t, err)
	return audit.Config{
		Events: ev, Now: time.Now, Key: audittest.Key, Checkpoint: filepath.Join(dir, "checkpoint"),
		CheckpointEvery: 5,
	}, ev
}

// TestKill kills a process in the middle of many appends, again and again on the same log: every
// event that it said was written is there, and the log stays clean.
func TestKill(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		appendUntilKilled(t, dir)
	}
	exe, err := os.Executable()
	audittest.Must(t, err)
	dir := t.TempDir()
	for round := range 8 {
		cmd := exec.Command(exe, "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		audittest.Must(t, err)
		audittest.Must(t, cmd.Start())
		acked, n := store.Seq(0), 0
		for sc := bufio.NewScanner(out); sc.Scan(); {
			seq, err := strconv.ParseUint(sc.Text(), 10, 64)
			if err != nil {
				t.Fatalf("child said %q", sc.Text())
			}
			acked = max(acked, store.Seq(seq))
			if n++; n == 30+round*7 {
				audittest.Must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // killed
		cfg, ev := inDir(t, dir)
		r := audittest.Verify(t, cfg, ev)
		if !r.OK() || store.Seq(r.Records) < acked {
			t.Errorf("round %d: %+v, said to be kept: %d", round, r, acked)
		}
		got := audittest.Events(t, ev, audit.Filter{Kinds: []audit.Kind{audit.KindAlarm, audit.KindDamaged}})
		if len(got) > 0 {
			t.Errorf("round %d: %+v", round, got)
		}
		audittest.Must(t, ev.Close())
	}
}

func appendUntilKilled(t *testing.T, dir string) {
	cfg, _ := inDir(t, dir)
	l := audittest.Open(t, cfg)
	var wg sync.WaitGroup
	for w := range 4 {
		write := l.Append
		if w%2 == 0 {
			write = l.Write
		}
		wg.Go(func() {
			for i := 0; ; i++ {
				seq, err := write(context.Background(), audittest.Verdict(i))
				if err != nil {
					panic(err)
				}
				fmt.Println(seq)
			}
		})
	}
	wg.Wait()
}
