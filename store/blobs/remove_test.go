package blobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/store/blobs"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

const day = 24 * time.Hour

// older makes every file two days old.
func older(t *testing.T, dir string) {
	t.Helper()
	then := time.Now().Add(-2 * day)
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, then, then)
	}))
}

// olds are the digests of old ones.
func olds(t *testing.T, b exchange.Removable, after sync.Digest, limit int) (digests []sync.Digest) {
	t.Helper()
	all, err := b.Old(t.Context(), day, after, limit)
	must(t, err)
	for _, o := range all {
		digests = append(digests, o.Digest)
	}
	return digests
}

// removed removes all that is old, having looked for it before do.
func removed(t *testing.T, b exchange.Removable, do func() error) (int, int64) {
	t.Helper()
	all, err := b.Old(t.Context(), day, sync.Digest{}, 100)
	must(t, err)
	must(t, do())
	n, bytes, err := b.Remove(t.Context(), all...)
	must(t, err)
	return n, bytes
}

func nothing() error { return nil }

// TestOldOnesAreFoundInOrder, a few at a time, each once, and young ones not.
func TestOldOnesAreFoundInOrder(t *testing.T) {
	f, dir := folder(t)
	var want []sync.Digest
	for i := range 40 {
		d, _, err := f.Put(t.Context(), strings.NewReader(fmt.Sprint(i)))
		must(t, err)
		want = append(want, d)
	}
	broken := sync.DigestOf([]byte("never whole"))
	if whole, err := f.Continue(t.Context(), broken, 0, 100, strings.NewReader("never")); whole || err != nil {
		t.Fatalf("%t, %v", whole, err)
	}
	want = append(want, broken)
	if got := olds(t, f, sync.Digest{}, 100); len(got) > 0 {
		t.Errorf("%d are old, all came just now", len(got))
	}
	older(t, dir)
	young, _, err := f.Put(t.Context(), strings.NewReader("young"))
	must(t, err)
	held, err := f.Hold(t.Context(), want[0])
	must(t, err)
	if !held {
		t.Error("what is here cannot be held")
	}
	slices.SortFunc(want[1:], func(a, b sync.Digest) int { return slices.Compare(a[:], b[:]) })
	var got []sync.Digest
	for after := (sync.Digest{}); ; {
		page := olds(t, f, after, 7)
		if got = append(got, page...); len(page) < 7 {
			break
		}
		after = page[6]
	}
	if !slices.Equal(got, want[1:]) || slices.Contains(got, young) {
		t.Errorf("%d are old, want %d", len(got), len(want)-1)
	}
	if n, bytes, err := f.Total(t.Context()); err != nil || n != 42 || bytes != 10+60+5+5 {
		t.Errorf("%d contents of %d bytes, %v", n, bytes, err)
	}
}

func TestRemoveLeavesWhatIsYoung(t *testing.T) {
	f, dir := folder(t)
	d, _, err := f.Put(t.Context(), strings.NewReader("content"))
	must(t, err)
	if n, bytes := removed(t, f, nothing); n != 0 || bytes != 0 || read(t, f, d) != "content" {
		t.Errorf("%d young ones were removed, %d bytes", n, bytes)
	}
	for name, again := range map[string]func() error{
		"put":       func() error { _, _, err := f.Put(t.Context(), strings.NewReader("content")); return err },
		"continued": func() error { _, err := f.Continue(t.Context(), d, 0, 7, strings.NewReader("content")); return err },
		"held":      func() error { _, err := f.Hold(t.Context(), d); return err },
		"long ago":  func() error { older(t, dir); return nil },
	} {
		older(t, dir)
		if n, _ := removed(t, f, again); n != 0 || read(t, f, d) != "content" {
			t.Errorf("%s: %d were removed", name, n)
		}
	}
	part := sync.DigestOf([]byte("never whole"))
	_, err = f.Continue(t.Context(), part, 0, 100, strings.NewReader("never"))
	must(t, err)
	older(t, dir)
	if n, bytes := removed(t, f, nothing); n != 2 || bytes != 12 {
		t.Errorf("%d were removed, %d bytes", n, bytes)
	}
	if n, bytes, err := f.Remove(t.Context(), exchange.Old{Digest: d}, exchange.Old{Digest: part}); n != 0 || bytes != 0 || err != nil {
		t.Errorf("%d were removed twice, %v", n, err)
	}
	if held, err := f.Hold(t.Context(), d); held || err != nil {
		t.Errorf("what was removed is held: %t, %v", held, err)
	}
	if n, err := f.Part(t.Context(), part); n != 0 || err != nil {
		t.Errorf("%d bytes of what was removed, %v", n, err)
	}
	if _, _, err := f.Put(t.Context(), strings.NewReader("content")); err != nil || read(t, f, d) != "content" {
		t.Errorf("it cannot come again: %v", err)
	}
}

// TestWhatIsBeingWrittenIsNotRemoved, however long it takes.
func TestWhatIsBeingWrittenIsNotRemoved(t *testing.T) {
	f, dir := folder(t)
	d := sync.DigestOf([]byte("content"))
	hold, begun, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		_, err := f.Continue(context.Background(), d, 0, 7, io.MultiReader(waiting{begun, hold}, strings.NewReader("content")))
		done <- err
	}()
	<-begun
	older(t, dir)
	if n, _ := removed(t, f, nothing); n != 0 {
		t.Error("it was removed")
	}
	close(hold)
	must(t, <-done)
	if read(t, f, d) != "content" {
		t.Error("it is not whole")
	}
}

// TestWhatAProcessLeftIsSwept when the next one starts, unless it may still be at it.
func TestWhatAProcessLeftIsSwept(t *testing.T) {
	_, dir := folder(t)
	must(t, os.WriteFile(filepath.Join(dir, "new-1"), []byte("half"), 0o600))
	older(t, dir)
	must(t, os.WriteFile(filepath.Join(dir, "new-2"), []byte("half"), 0o600))
	_, err := blobs.Open(dir)
	must(t, err)
	left, err := filepath.Glob(filepath.Join(dir, "new-*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "new-2" {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestRemovalEndsWithItsContext(t *testing.T) {
	f, _ := folder(t)
	d, _, err := f.Put(t.Context(), strings.NewReader("content"))
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, do := range map[string]func() error{
		"old":    func() error { _, err := f.Old(ctx, 0, sync.Digest{}, 1); return err },
		"remove": func() error { _, _, err := f.Remove(ctx, exchange.Old{Digest: d}); return err },
		"total":  func() error { _, _, err := f.Total(ctx); return err },
	} {
		if err := do(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if read(t, f, d) != "content" {
		t.Error("it was removed")
	}
}
