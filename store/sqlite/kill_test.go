package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store"
)

const childDir = "TEST_SQLITE_DIR"

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
		checkKept(t, dir, acked)
	}
}

// checkKept starts the next life after a kill: what was acknowledged is there, and what ran is
// unknown.
func checkKept(t *testing.T, dir string, acked int64) {
	t.Helper()
	ctx := context.Background()
	s := opened(t, dir)
	_, err := s.Members().Join(ctx, store.Member{ID: "next", Node: "node", State: store.MemberUp}, time.Minute)
	must(t, err)
	for id := range acked + 1 {
		r, err := s.Requests().Request(ctx, id)
		if err != nil || len(r.Logins) != 2 || r.PartCount != 1 || r.PartBytes != id {
			t.Fatalf("request %d of %d: %+v %v", id, acked, r, err)
		}
		rep, err := s.Repeats().Repeat(ctx, killed(id).Key)
		want := store.RepeatUnknown
		if id%2 == 0 {
			want = store.RepeatAnswered
		}
		if err != nil || rep.State != want {
			t.Fatalf("repeat %d of %d is %+v, %v, want %s", id, acked, rep, err, want)
		}
	}
}

// killed is the call number id.
func killed(id int64) store.Repeat {
	return store.Repeat{Key: store.RepeatKey{Digest: fmt.Sprint(id)}, Scope: fmt.Sprint(id),
		Reference: fmt.Sprint(id), Owner: "first"}
}

func writeUntilKilled(t *testing.T, dir string) {
	ctx := context.Background()
	s := open(t, dir)
	_, err := s.Members().Join(ctx, store.Member{ID: "first", Node: "node", State: store.MemberUp}, time.Hour)
	must(t, err)
	for id := int64(0); ; id++ {
		must(t, s.Requests().Create(ctx, store.Request{ID: id, Logins: []string{"a", "b"}}))
		must(t, s.Requests().AddPart(ctx, id, store.Part{Name: "p", Size: id}))
		rep := killed(id)
		_, _, err := s.Repeats().Begin(ctx, rep, time.Minute)
		must(t, err)
		if id%2 == 0 {
			must(t, s.Repeats().Answer(ctx, rep.Key, rep.Reference, []byte("x")))
		}
		fmt.Println(id)
	}
}
