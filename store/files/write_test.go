package files_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// platter is a disk that remembers how much of each file was synced.
type platter struct {
	mu     sync.Mutex
	synced map[string]int64
	syncs  atomic.Int64
	fail   error
	hold   chan struct{} // a sync waits for it, if it is not nil
	began  chan struct{} // told when a sync waits
}

type platterFile struct {
	files.File
	p    *platter
	path string
}

func (p *platter) open(path string) (files.File, error) {
	f, err := files.CreateFile(path)
	return &platterFile{f, p, path}, err
}

func (f *platterFile) Sync() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	f.p.syncs.Add(1)
	if f.p.hold != nil {
		f.p.began <- struct{}{}
		<-f.p.hold
	}
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	if f.p.fail == nil {
		f.p.synced[filepath.Base(f.path)] = info.Size()
	}
	return f.p.fail
}

// powerCut copies of dir to a new folder what was synced.
func (p *platter) powerCut(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, n := range p.synced {
		b, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, name), b[:n], 0o600))
	}
	return to
}

func onPlatter(t *testing.T, limit int64) (*files.Events, *platter, string) {
	t.Helper()
	p, dir := &platter{synced: map[string]int64{}}, t.TempDir()
	e, err := files.OpenWith(files.Config{Dir: dir, SegmentBytes: limit}, p.open)
	must(t, err)
	t.Cleanup(func() { _ = e.Close() }) // of a disk that fails it fails
	return e, p, dir
}

func numbered(n store.Seq) []store.Record { return rec(n, fmt.Sprintf(`{"n":%d}`, n)) }

// lastOf returns the number of the last record in dir.
func lastOf(t *testing.T, dir string) store.Seq {
	t.Helper()
	e, err := files.Open(files.Config{Dir: dir})
	must(t, err)
	defer e.Close()
	last, err := e.Last(context.Background())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return last.Seq
}

func TestWrittenIsInTheFileAtOnce(t *testing.T) {
	e, p, dir := onPlatter(t, 0)
	must(t, e.Write(t.Context(), numbered(1)))
	if got := content(t, dir); got != "{\"n\":1}\n" || p.syncs.Load() != 0 {
		t.Errorf("in the file: %q, %d syncs", got, p.syncs.Load())
	}
	must(t, e.Sync(t.Context(), 1))
	must(t, e.Sync(t.Context(), 1))
	if n := p.syncs.Load(); n != 1 {
		t.Errorf("%d syncs of one record", n)
	}
}

// What was written before a record that is on disk is on disk too, in any mix and across segments.
func TestNothingOvertakesOnTheWayToTheDisk(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit int64
		steps string // w: Write, a: Append, s: Sync of all
		kept  store.Seq
	}{
		{"only written", 0, "ww", 0},
		{"an effect behind reads", 0, "wwa", 3},
		{"reads behind an effect", 0, "aww", 1},
		{"synced", 0, "wwsw", 2},
		{"a segment each", 1, "www", 2},
		{"a segment each, effect last", 1, "wwa", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, p, dir := onPlatter(t, tt.limit)
			n := store.Seq(0)
			for _, s := range tt.steps {
				switch s {
				case 's':
					must(t, e.Sync(t.Context(), n))
					continue
				case 'a':
					must(t, e.Append(t.Context(), numbered(n+1)))
				default:
					must(t, e.Write(t.Context(), numbered(n+1)))
				}
				n++
			}
			if got := lastOf(t, p.powerCut(t, dir)); got != tt.kept {
				t.Errorf("after a power cut the log ends at %d, want %d", got, tt.kept)
			}
			must(t, e.Close())
			if got := lastOf(t, p.powerCut(t, dir)); got != n {
				t.Errorf("after Close the disk ends at %d, want %d", got, n)
			}
		})
	}
}

// A sync that fails has lost what counts, also if the next one would pass.
func TestASyncThatFailsClosesTheLog(t *testing.T) {
	for _, fail := range []error{syscall.EIO, syscall.ENOSPC} {
		for name, sync := range map[string]func(e *files.Events) error{
			"sync":   func(e *files.Events) error { return e.Sync(context.Background(), 2) },
			"append": func(e *files.Events) error { return e.Append(context.Background(), numbered(3)) },
		} {
			t.Run(fail.Error()+"/"+name, func(t *testing.T) {
				e, p, dir := onPlatter(t, 0)
				must(t, e.Append(t.Context(), numbered(1)))
				must(t, e.Write(t.Context(), numbered(2)))
				p.fail = fail
				if err := sync(e); !errors.Is(err, fail) {
					t.Fatalf("got %v", err)
				}
				p.fail = nil
				for what, err := range map[string]error{
					"append": e.Append(t.Context(), numbered(3)), "write": e.Write(t.Context(), numbered(3)),
					"sync": e.Sync(t.Context(), 2),
				} {
					if !errors.Is(err, fail) {
						t.Errorf("%s after it: %v", what, err)
					}
				}
				must(t, e.Sync(t.Context(), 1)) // that is on disk
				if got := content(t, dir); got != "{\"n\":1}\n{\"n\":2}\n" {
					t.Errorf("the file has %q", got)
				}
			})
		}
	}
}

func TestWritePassesDuringASync(t *testing.T) {
	e, p, _ := onPlatter(t, 0)
	must(t, e.Write(t.Context(), numbered(1)))
	p.hold, p.began = make(chan struct{}), make(chan struct{})
	done := make(chan error, 3)
	go func() { done <- e.Sync(context.Background(), 1) }()
	<-p.began
	must(t, e.Write(t.Context(), numbered(2)))
	must(t, e.Write(t.Context(), numbered(3)))
	for _, seq := range []store.Seq{2, 3} {
		go func() { done <- e.Sync(context.Background(), seq) }()
	}
	p.hold <- struct{}{}
	<-p.began // one of the two, for both
	p.hold <- struct{}{}
	for range 3 {
		must(t, <-done)
	}
	if n := p.syncs.Load(); n != 2 {
		t.Errorf("%d syncs", n)
	}
}

// tellsOnce is a file whose writes fail, and whose loss the next sync is told of.
type tellsOnce struct {
	files.File
	write error
	sync  func() error
}

func (f *tellsOnce) Write(p []byte) (int, error) {
	if f.write != nil {
		return 0, f.write
	}
	return f.File.Write(p)
}

func (f *tellsOnce) Sync() error {
	if f.sync == nil {
		return f.File.Sync()
	}
	defer func() { f.sync = nil }()
	return f.sync()
}

// TestALossIsToldToNoOtherSync: while a full disk was cleaned up, a sync beside it could pass although what it
// was for was lost, as the system tells of a loss once.
func TestALossIsToldToNoOtherSync(t *testing.T) {
	var f *tellsOnce
	e, err := files.OpenWith(files.Config{Dir: t.TempDir()}, func(path string) (files.File, error) {
		made, err := files.CreateFile(path)
		f = &tellsOnce{File: made}
		return f, err
	})
	must(t, err)
	t.Cleanup(func() { _ = e.Close() })
	must(t, e.Write(t.Context(), numbered(1)))
	f.write = syscall.ENOSPC
	f.sync = func() error {
		if !e.Syncing() {
			t.Error("another sync may run beside it")
		}
		return syscall.EIO
	}
	if err := e.Write(t.Context(), numbered(2)); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	if err := e.Sync(t.Context(), 1); !errors.Is(err, syscall.EIO) {
		t.Errorf("a sync of what was lost: %v", err)
	}
}
