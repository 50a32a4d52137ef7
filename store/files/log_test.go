package files_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

func opened(t testing.TB, cfg files.Config) *files.Events {
	t.Helper()
	e, err := files.Open(cfg)
	must(t, err)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// bodies returns the log from seq on, and fails if a Seq is not the next.
func bodies(t testing.TB, e *files.Events, from store.Seq) []string {
	t.Helper()
	var all []string
	must(t, e.Read(context.Background(), from, func(r store.Record) error {
		if want := from + store.Seq(len(all)); r.Seq != want {
			t.Errorf("record %d where %d is due", r.Seq, want)
		}
		all = append(all, string(r.Body))
		return nil
	}))
	return all
}

// TestTornTail cuts a log at every byte, as a crash may, and wants the whole records and nothing
// else.
func TestTornTail(t *testing.T) {
	ctx := context.Background()
	whole := "{\"n\":1}\n{\"n\":\"two\"}\n{\"n\":[3]}\n"
	for cut := range len(whole) + 1 {
		dir := t.TempDir()
		path := filepath.Join(dir, "00000000000000000001.jsonl")
		must(t, os.WriteFile(path, []byte(whole[:cut]), 0o600))
		watch := opened(t, files.Config{Dir: dir, ReadOnly: true})
		n := strings.Count(whole[:cut], "\n")
		if got := bodies(t, watch, 1); len(got) != n {
			t.Errorf("cut at %d: a reader saw %q", cut, got)
		}
		if fi, err := os.Stat(path); err != nil || fi.Size() != int64(cut) {
			t.Errorf("cut at %d: a reader changed the file: %v", cut, err)
		}
		e := opened(t, files.Config{Dir: dir})
		if got := strings.Join(append(bodies(t, e, 1), ""), "\n"); !strings.HasPrefix(whole, got) ||
			strings.Count(got, "\n") != n {
			t.Errorf("cut at %d: log is %q", cut, got)
		}
		must(t, e.Append(ctx, rec(store.Seq(n+1), `{"next":true}`)))
		if got := content(t, dir); strings.Count(got, "\n") != n+1 ||
			!strings.HasSuffix(got, "\n{\"next\":true}\n") && n > 0 {
			t.Errorf("cut at %d: file is %q", cut, got)
		}
	}
}

func TestSegmentNames(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	e := opened(t, files.Config{Dir: dir, SegmentBytes: 20})
	for seq := store.Seq(1); seq <= 10; seq++ {
		must(t, e.Append(ctx, rec(seq, fmt.Sprintf(`{"n":%d}`, seq))))
	}
	must(t, os.WriteFile(filepath.Join(dir, "notes.jsonl"), []byte("not ours\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "00000000000000000000.jsonl"), []byte("not ours\n"),
		0o600))
	for _, first := range []int{1, 4, 7, 10} {
		fi, err := os.Stat(filepath.Join(dir, fmt.Sprintf("%020d.jsonl", first)))
		must(t, err)
		if fi.Mode().Perm() != 0o600 {
			t.Errorf("segment %d has mode %v", first, fi.Mode())
		}
	}
	watch := opened(t, files.Config{Dir: dir, ReadOnly: true})
	for from := store.Seq(1); from <= 11; from++ {
		for _, log := range []*files.Events{e, watch} {
			if got := bodies(t, log, from); len(got) != 11-int(from) {
				t.Errorf("from %d: %q", from, got)
			}
		}
	}
	last, err := watch.Last(ctx)
	must(t, err)
	if last.Seq != 10 || string(last.Body) != `{"n":10}` {
		t.Errorf("reader's Last = %d %q", last.Seq, last.Body)
	}
}

// TestEmptyLastSegment is a crash between making a segment and writing to it.
func TestEmptyLastSegment(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "00000000000000000001.jsonl"),
		[]byte("{\"n\":1}\n{\"n\":2}\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "00000000000000000003.jsonl"), nil, 0o600))
	e := opened(t, files.Config{Dir: dir})
	last, err := e.Last(ctx)
	must(t, err)
	if last.Seq != 2 || string(last.Body) != `{"n":2}` {
		t.Errorf("Last = %d %q", last.Seq, last.Body)
	}
	must(t, e.Append(ctx, rec(3, `{"n":3}`)))
	if got := bodies(t, e, 1); len(got) != 3 {
		t.Errorf("log is %q", got)
	}
}

// TestEditedLog removes a line of an old segment: reading shows what is there, and later segments
// keep their numbers.
func TestEditedLog(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "00000000000000000001.jsonl"), []byte("{\"n\":2}\n"),
		0o600))
	must(t, os.WriteFile(filepath.Join(dir, "00000000000000000003.jsonl"), []byte("{\"n\":3}\n"),
		0o600))
	var got []string
	e := opened(t, files.Config{Dir: dir})
	must(t, e.Read(context.Background(), 1, func(r store.Record) error {
		got = append(got, fmt.Sprint(r.Seq, " ", string(r.Body)))
		return nil
	}))
	if want := `[1 {"n":2} 3 {"n":3}]`; fmt.Sprint(got) != want {
		t.Errorf("log is %v, want %s", got, want)
	}
}

func TestOneWriter(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	e := opened(t, files.Config{Dir: dir})
	if second, err := files.Open(files.Config{Dir: dir}); err == nil {
		second.Close()
		t.Error("a second writer opened the log")
	}
	watch := opened(t, files.Config{Dir: dir, ReadOnly: true})
	must(t, e.Append(ctx, rec(1, `{}`)))
	if got := bodies(t, watch, 1); len(got) != 1 {
		t.Errorf("reader saw %q", got)
	}
	if watch.Append(ctx, rec(2, `{}`)) == nil {
		t.Error("a reader appended")
	}
	must(t, e.Close())
	must(t, e.Close())
	opened(t, files.Config{Dir: dir})
}

func TestOpenRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	must(t, os.WriteFile(path, nil, 0o600))
	if _, err := files.Open(files.Config{Dir: path}); err == nil {
		t.Error("a file was opened as a folder")
	}
	if _, err := files.Open(files.Config{Dir: filepath.Join(dir, "none"),
		ReadOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reader of a missing folder: %v", err)
	}
}

const childDir = "TEST_FILES_DIR"

// TestKill kills a process that appends and looks for every record that it said was kept.
func TestKill(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		appendUntilKilled(t, dir)
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
		acked := 0
		for sc := bufio.NewScanner(out); sc.Scan(); {
			if acked, err = strconv.Atoi(sc.Text()); err != nil {
				t.Fatalf("child said %q", sc.Text())
			}
			if acked == 40+round*27 {
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // killed
		got := bodies(t, opened(t, files.Config{Dir: dir}), 1)
		if len(got) < acked {
			t.Errorf("%d records are left of %d", len(got), acked)
		}
		for i, b := range got {
			if want := childBody(store.Seq(i + 1)); b != want {
				t.Errorf("record %d is %.50q", i+1, b)
			}
		}
	}
}

func childBody(seq store.Seq) string {
	return fmt.Sprintf(`{"n":%d,"pad":"%s"}`, seq, strings.Repeat("x", int(seq)%700))
}

func appendUntilKilled(t *testing.T, dir string) {
	e := opened(t, files.Config{Dir: dir, SegmentBytes: 4000})
	for seq := store.Seq(1); ; seq++ {
		must(t, e.Append(context.Background(), rec(seq, childBody(seq))))
		fmt.Println(seq)
	}
}

// FuzzSegment opens arbitrary bytes as a segment: what is read are its whole lines, and appending
// follows them.
func FuzzSegment(f *testing.F) {
	for _, seed := range []string{"", "\n", "{}\n{}", "{}\n\n\x00", "{\"n\":1}\n",
		strings.Repeat("x", 300<<10) + "\n{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "00000000000000000005.jsonl"), data, 0o600))
		e := opened(t, files.Config{Dir: dir})
		n := bytes.Count(data, []byte("\n"))
		want := data[:bytes.LastIndexByte(data, '\n')+1]
		must(t, e.Append(context.Background(), rec(store.Seq(5+n), "end")))
		var got []byte
		must(t, e.Read(context.Background(), 1, func(r store.Record) error {
			got = append(append(got, r.Body...), '\n')
			return nil
		}))
		if string(got) != string(want)+"end\n" {
			t.Errorf("read %q, want %q and the end", got, want)
		}
	})
}

// A log can begin with another record than the first, as one does that continues what lies elsewhere.
func TestALogThatBeginsLater(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	e, err := files.Open(files.Config{Dir: dir, First: 41})
	must(t, err)
	if _, err := e.Last(ctx); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the last record of an empty log: %v", err)
	}
	for _, seq := range []store.Seq{1, 40, 42} {
		if err := e.Append(ctx, []store.Record{{Seq: seq, Body: []byte("x")}}); !errors.Is(err, store.ErrStale) {
			t.Errorf("record %d: %v", seq, err)
		}
	}
	must(t, e.Append(ctx, []store.Record{{Seq: 41, Body: []byte("a")}, {Seq: 42, Body: []byte("b")}}))
	must(t, e.Close())
	e = opened(t, files.Config{Dir: dir, First: 7}) // it has records: that says nothing any more
	must(t, e.Append(ctx, []store.Record{{Seq: 43, Body: []byte("c")}}))
	if got := strings.Join(bodies(t, e, 41), ""); got != "abc" {
		t.Errorf("read %q", got)
	}
	if names, err := filepath.Glob(filepath.Join(dir, "*41.jsonl")); err != nil || len(names) != 1 {
		t.Errorf("files %v, %v", names, err)
	}
}
