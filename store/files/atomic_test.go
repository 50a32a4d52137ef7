package files_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/store/files"
)

func TestReplaceAndCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			err := files.Create(path, []byte("one"), 0o600)
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
	for _, perm := range []fs.FileMode{0o644, 0o600} {
		must(t, files.Replace(path, []byte("two"), perm))
		fi, err := os.Stat(path)
		must(t, err)
		if fi.Mode().Perm() != perm {
			t.Errorf("mode %v, want %v", fi.Mode(), perm)
		}
	}
	if b, _ := os.ReadFile(path); string(b) != "two" {
		t.Errorf("content %q", b)
	}
	if files.Replace(filepath.Join(dir, "none", "a"), nil, 0o600) == nil {
		t.Error("a file was written in no folder")
	}
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 1 {
		t.Errorf("left in the folder: %v", left)
	}
}
