package files_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// disk makes files that fail as a disk does; each error is met once it is set, until it is nil
// again.
type disk struct {
	write, sync, truncate, create error
	room                          int // bytes that still get written before write fails
}

type diskFile struct {
	files.File
	d *disk
}

func (d *disk) open(path string) (files.File, error) {
	if d.create != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: d.create}
	}
	f, err := files.CreateFile(path)
	return &diskFile{f, d}, err
}

func (f *diskFile) Write(p []byte) (int, error) {
	if f.d.write == nil {
		return f.File.Write(p)
	}
	n, err := f.File.Write(p[:min(f.d.room, len(p))])
	return n, errors.Join(err, f.d.write)
}

func (f *diskFile) Sync() error { return errors.Join(f.d.sync, f.File.Sync()) }

func (f *diskFile) Truncate(n int64) error {
	if f.d.truncate != nil {
		return f.d.truncate
	}
	return f.File.Truncate(n)
}

func rec(seq store.Seq, body string) []store.Record {
	return []store.Record{{Seq: seq, Body: []byte(body)}}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// content returns the log in dir as plain tools see it.
func content(t testing.TB, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	must(t, err)
	var all strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(name)
		must(t, err)
		all.Write(b)
	}
	return all.String()
}

func TestFailingDisk(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fail  disk
		full  bool // ErrFull, and all is well once there is room
		clean bool // nothing half-written is left even before
	}{
		{"no space at once", disk{write: syscall.ENOSPC}, true, true},
		{"no space after some bytes", disk{write: syscall.ENOSPC, room: 13}, true, true},
		{"no space after a whole record", disk{write: syscall.ENOSPC, room: 20}, true, true},
		{"quota", disk{write: syscall.EDQUOT, room: 3}, true, true},
		{"read-only", disk{write: syscall.EROFS}, true, true},
		{"file too large", disk{write: syscall.EFBIG, room: 3}, true, true},
		{"no space at sync", disk{sync: syscall.ENOSPC}, true, false},
		{"write lost", disk{write: syscall.EIO, room: 3}, false, true},
		{"sync lost", disk{sync: syscall.EIO}, false, false},
		{"cannot cut", disk{write: syscall.ENOSPC, room: 3, truncate: syscall.ENOSPC}, true, false},
		{"cannot cut, lost", disk{write: syscall.ENOSPC, room: 3, truncate: syscall.EIO}, true,
			false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := context.Background()
			dir := t.TempDir()
			d := &disk{}
			e, err := files.OpenWith(files.Config{Dir: dir}, d.open)
			must(t, err)
			defer e.Close()
			must(t, e.Append(ctx, rec(1, `{"n":1}`)))
			*d = tt.fail
			err = e.Append(ctx, append(rec(2, `{"n":2}`), rec(3, `{"n":3,"text":"longer"}`)...))
			if err == nil || errors.Is(err, store.ErrFull) != tt.full {
				t.Fatalf("error %v, full %v wanted", err, tt.full)
			}
			if got := content(t, dir); tt.clean && got != "{\"n\":1}\n" {
				t.Errorf("left in the file: %q", got)
			}
			last, err := e.Last(ctx)
			must(t, err)
			if last.Seq != 1 {
				t.Errorf("Last = %d, want 1", last.Seq)
			}
			*d = disk{}
			if err := e.Append(ctx, rec(2, `{"again":2}`)); (err == nil) != (tt.full &&
				tt.fail.truncate != syscall.EIO) {
				t.Errorf("append once there is room: %v", err)
			}
			must(t, e.Close())
			again, err := files.Open(files.Config{Dir: dir})
			must(t, err)
			defer again.Close()
			n, lines := store.Seq(0), strings.Count(content(t, dir), "\n")
			must(t, again.Read(ctx, 1, func(store.Record) error { n++; return nil }))
			if int(n) != lines {
				t.Errorf("%d records in %d lines after reopening", n, lines)
			}
			must(t, again.Append(ctx, rec(n+1, `{}`)))
		})
	}
}

// TestBrokenStaysBroken has the disk lose written bytes: what is there is not known, so nothing may
// follow it.
func TestBrokenStaysBroken(t *testing.T) {
	ctx := context.Background()
	d := &disk{}
	e, err := files.OpenWith(files.Config{Dir: t.TempDir()}, d.open)
	must(t, err)
	defer e.Close()
	must(t, e.Append(ctx, rec(1, `{}`)))
	d.sync = syscall.EIO
	if e.Append(ctx, rec(2, `{}`)) == nil {
		t.Fatal("append passed")
	}
	d.sync = nil
	if err := e.Append(ctx, rec(2, `{}`)); !errors.Is(err, syscall.EIO) {
		t.Errorf("append after lost bytes: %v", err)
	}
	if _, err := e.Last(ctx); err != nil {
		t.Errorf("what was kept cannot be read: %v", err)
	}
}

func TestFullAtRotation(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	d := &disk{}
	e, err := files.OpenWith(files.Config{Dir: dir, SegmentBytes: 1}, d.open)
	must(t, err)
	defer e.Close()
	must(t, e.Append(ctx, rec(1, `{"n":1}`)))
	d.create = syscall.ENOSPC
	if err := e.Append(ctx, rec(2, `{"n":2}`)); !errors.Is(err, store.ErrFull) {
		t.Fatalf("error %v, want ErrFull", err)
	}
	*d = disk{write: syscall.ENOSPC, room: 4} // the file is made, its first record does not fit
	if err := e.Append(ctx, rec(2, `{"n":2}`)); !errors.Is(err, store.ErrFull) {
		t.Fatalf("error %v, want ErrFull", err)
	}
	*d = disk{}
	must(t, e.Append(ctx, rec(2, `{"n":2}`)))
	must(t, e.Append(ctx, rec(3, `{"n":3}`)))
	if got, want := content(t, dir), "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n"; got != want {
		t.Errorf("log is %q, want %q", got, want)
	}
}
