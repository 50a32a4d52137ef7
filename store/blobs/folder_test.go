package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/blobs"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

func folder(t *testing.T) (*blobs.Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "blobs")
	f, err := blobs.Open(dir)
	must(t, err)
	return f, dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, f *blobs.Folder, d sync.Digest) string {
	t.Helper()
	r, n, err := f.Open(t.Context(), d)
	must(t, err)
	b, err := io.ReadAll(r)
	must(t, errors.Join(err, r.Close()))
	if int64(len(b)) != n {
		t.Errorf("%d bytes of %d", len(b), n)
	}
	return string(b)
}

func TestPutAndOpen(t *testing.T) {
	f, dir := folder(t)
	for _, text := range []string{"", "x", strings.Repeat("long ", 100_000)} {
		for range 2 { // a content that is there already is one
			d, n, err := f.Put(t.Context(), strings.NewReader(text))
			must(t, err)
			if d != sync.DigestOf([]byte(text)) || n != int64(len(text)) {
				t.Errorf("%s, %d bytes", d, n)
			}
			if got := read(t, f, d); got != text {
				t.Errorf("%d bytes came back of %d", len(got), len(text))
			}
		}
	}
	again, err := blobs.Open(dir)
	must(t, err)
	if got := read(t, again, sync.DigestOf([]byte("x"))); got != "x" {
		t.Errorf("after a restart: %q", got)
	}
	if _, _, err := f.Open(t.Context(), sync.DigestOf([]byte("y"))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestAPutThatBreaksOffLeavesNothing(t *testing.T) {
	f, dir := folder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, put := range map[string]func() error{
		"reader": func() error {
			_, _, err := f.Put(t.Context(), io.MultiReader(strings.NewReader("x"), broken{}))
			return err
		},
		"context": func() error { _, _, err := f.Put(ctx, strings.NewReader("x")); return err },
	} {
		if put() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 0 {
		t.Errorf("left: %v, %v", files, err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestContinueWhereItBrokeOff(t *testing.T) {
	f, dir := folder(t)
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	d, size := sync.DigestOf(content), int64(len(content))
	whole, err := f.Continue(t.Context(), d, 0, size, io.MultiReader(bytes.NewReader(content[:33_333]), broken{}))
	if whole || err == nil {
		t.Errorf("whole %t, %v", whole, err)
	}
	f, err = blobs.Open(dir) // another process
	must(t, err)
	n, err := f.Part(t.Context(), d)
	must(t, err)
	if n != 33_333 {
		t.Errorf("%d bytes have come", n)
	}
	if _, err := f.Continue(t.Context(), d, 7, size, bytes.NewReader(content)); !errors.Is(err, store.ErrStale) {
		t.Errorf("elsewhere: %v", err)
	}
	if _, _, err := f.Open(t.Context(), d); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half of it opens: %v", err)
	}
	whole, err = f.Continue(t.Context(), d, n, size, bytes.NewReader(append(content[n:], "more"...)))
	must(t, err)
	if !whole || read(t, f, d) != string(content) {
		t.Errorf("whole %t", whole)
	}
	if whole, err = f.Continue(t.Context(), d, 0, size, broken{}); err != nil || !whole {
		t.Errorf("again: %t, %v", whole, err)
	}
	if n, err := f.Part(t.Context(), d); err != nil || n != size {
		t.Errorf("part %d, %v", n, err)
	}
}

func TestAContentThatIsAnotherIsDropped(t *testing.T) {
	f, _ := folder(t)
	d := sync.DigestOf([]byte("good"))
	if _, err := f.Continue(t.Context(), d, 0, 4, strings.NewReader("evil")); !errors.Is(err, exchange.ErrDigest) {
		t.Errorf("error %v", err)
	}
	if n, err := f.Part(t.Context(), d); err != nil || n != 0 {
		t.Errorf("part %d, %v", n, err)
	}
	if whole, err := f.Continue(t.Context(), d, 0, 4, strings.NewReader("good")); err != nil || !whole {
		t.Errorf("the right one: %t, %v", whole, err)
	}
}

func TestOneWriterOfAContent(t *testing.T) {
	f, _ := folder(t)
	d := sync.DigestOf([]byte("content"))
	var refused atomic.Int32
	hold, begun := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := f.Continue(context.Background(), d, 0, 7, io.MultiReader(waiting{begun, hold}, strings.NewReader("content")))
		done <- err
	}()
	<-begun
	if _, err := f.Continue(t.Context(), d, 0, 7, strings.NewReader("content")); errors.Is(err, store.ErrStale) {
		refused.Add(1)
	}
	close(hold)
	must(t, <-done)
	if refused.Load() != 1 || read(t, f, d) != "content" {
		t.Error("a second writer was let in")
	}
}

// waiting says that it was asked, waits, and has nothing.
type waiting struct{ begun, hold chan struct{} }

func (w waiting) Read([]byte) (int, error) {
	close(w.begun)
	<-w.hold
	return 0, io.EOF
}

// TestAWholePartOfAProcessThatDiedIsAdopted: its sender is told that all of it has come, sends nothing, and the change
// waited for a content that nobody had.
func TestAWholePartOfAProcessThatDiedIsAdopted(t *testing.T) {
	f, dir := folder(t)
	content := bytes.Repeat([]byte("0123456789"), 1000)
	d, size := sync.DigestOf(content), int64(len(content))
	_, err := f.Continue(t.Context(), d, 0, size, io.MultiReader(bytes.NewReader(content[:size-1]), broken{}))
	if err == nil {
		t.Fatal("it did not break off")
	}
	if n, err := f.Part(t.Context(), d); err != nil || n != size-1 {
		t.Errorf("part %d, %v", n, err)
	}
	part := filepath.Join(dir, d.String()[:2], d.String()+".part")
	must(t, os.WriteFile(part, content, 0o600)) // the process died before the file got its name
	f, err = blobs.Open(dir)
	must(t, err)
	if n, err := f.Part(t.Context(), d); err != nil || n != size {
		t.Errorf("part %d, %v", n, err)
	}
	if got := read(t, f, d); got != string(content) {
		t.Errorf("%d bytes open", len(got))
	}
	if _, err := os.Stat(part); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the part is still there: %v", err)
	}
}
