package files_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// segmentFile is the name of a segment whose first record is 5.
const segmentFile = "00000000000000000005.jsonl"

// TestLongSegments holds that a log goes on behind the last whole line, wherever the blocks end in which it is read.
func TestLongSegments(t *testing.T) {
	const block = 256 << 10
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct{ name, content, last string }{
		{"a line that ends a block", long(block-1) + "\n", long(block - 1)},
		{"a line whose break begins a block", long(block) + "\n", long(block)},
		{"a line of three blocks", "a\n" + long(2*block+7) + "\n", long(2*block + 7)},
		{"a short line behind one of three blocks", long(2*block+7) + "\nb\n", "b"},
		{"a line over the end of a block", strings.Repeat("abc\n", block/4-1) + "de" + long(9) + "\n", "de" + long(9)},
		{"a torn line over the end of a block", strings.Repeat("abc\n", block/4-1) + "de" + long(9), "abc"},
		{"a torn line of three blocks", "a\nb\n" + long(3*block), "b"},
		{"blocks full of lines", strings.Repeat("abcdefg\n", block/2), "abcdefg"},
		{"a line that is as long as any", "a\n" + long(16<<20) + "\n", long(16 << 20)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, segmentFile), []byte(tt.content), 0o600))
			e := opened(t, files.Config{Dir: dir})
			got, err := e.Last(t.Context())
			must(t, err)
			if want := 4 + strings.Count(tt.content, "\n"); got.Seq != store.Seq(want) || string(got.Body) != tt.last {
				t.Errorf("last is %d with %d bytes, want %d with %d", got.Seq, len(got.Body), want, len(tt.last))
			}
			must(t, e.Append(t.Context(), []store.Record{{Seq: got.Seq + 1, Body: []byte("next")}}))
			from(t, e, got.Seq, tt.last, "next")
		})
	}
}

// from holds what is read from seq on.
func from(t *testing.T, e *files.Events, seq store.Seq, want ...string) {
	t.Helper()
	var got []string
	must(t, e.Read(t.Context(), seq, func(r store.Record) error {
		if r.Seq != seq+store.Seq(len(got)) {
			t.Errorf("record %d where %d is due", r.Seq, seq+store.Seq(len(got)))
		}
		got = append(got, string(r.Body))
		return nil
	}))
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("from %d: %d records, want %d", seq, len(got), len(want))
	}
}

// TestLineLongerThanAnyRecord: such a segment is damaged, whole or torn, and says so.
func TestLineLongerThanAnyRecord(t *testing.T) {
	for _, end := range []string{"", "\n", "\nb\n"} {
		dir := t.TempDir()
		content := "a\n" + strings.Repeat("x", 17<<20) + end
		must(t, os.WriteFile(filepath.Join(dir, segmentFile), []byte(content), 0o600))
		e, err := files.Open(files.Config{Dir: dir})
		if err == nil {
			must(t, e.Close())
			t.Fatalf("a line of 17 MiB before %q passed", end)
		}
		if !strings.Contains(err.Error(), "record 6 in") || !strings.Contains(err.Error(), "longer than any record") {
			t.Errorf("before %q: %v", end, err)
		}
	}
}

// TestReadFromEachRecord begins to read at every record, before the first one and behind the last one.
func TestReadFromEachRecord(t *testing.T) {
	dir := t.TempDir()
	e := opened(t, files.Config{Dir: dir, First: 5, SegmentBytes: 600 << 10})
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprint(i)+strings.Repeat("x", i*1500))
		must(t, e.Append(context.Background(), []store.Record{{Seq: store.Seq(5 + i), Body: []byte(all[i])}}))
	}
	for i := range all {
		from(t, e, store.Seq(5+i), all[i:]...)
	}
	from(t, e, 45)
	from(t, e, 1000)
	n := 0
	must(t, e.Read(t.Context(), 0, func(r store.Record) error { n++; return nil }))
	if n != len(all) {
		t.Errorf("from 0: %d records, want %d", n, len(all))
	}
}

// FuzzEnd holds what is counted of a segment, in blocks of any size, against its lines.
func FuzzEnd(f *testing.F) {
	for _, s := range []string{"", "\n", "a", "a\n", "\n\n", "a\nbc\nd", "\na\n", "abc\nd\n"} {
		f.Add([]byte(s), uint8(1))
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, block uint8) {
		lines := bytes.Split(data, []byte{'\n'})
		whole := lines[:len(lines)-1]
		got := files.Tally(data, int(block)+1)
		want := files.Counted{Lines: len(whole), Whole: int64(len(data) - len(lines[len(lines)-1]))}
		if len(whole) > 0 {
			want.Last = whole[len(whole)-1]
		}
		if got.Lines != want.Lines || got.Whole != want.Whole || !bytes.Equal(got.Last, want.Last) {
			t.Errorf("%q in blocks of %d: %+v, want %+v", data, int(block)+1, got, want)
		}
	})
}
