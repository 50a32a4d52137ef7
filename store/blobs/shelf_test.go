package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/blobs"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// shelf is one with its folder, and what opens it anew.
func shelf(t *testing.T) (s *blobs.Shelf, large *blobs.Folder, reopen func() *blobs.Shelf) {
	t.Helper()
	dir := t.TempDir()
	var db *sqlite.Store
	open := func() *blobs.Shelf {
		var err error
		if db != nil {
			must(t, db.Close())
		}
		db, err = sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"))
		must(t, err)
		large, err = blobs.Open(filepath.Join(dir, "blobs"))
		must(t, err)
		return blobs.NewShelf(db, large)
	}
	s = open()
	t.Cleanup(func() { must(t, db.Close()) })
	return s, large, open
}

func taken(t *testing.T, b exchange.Blobs, d sync.Digest) string {
	t.Helper()
	r, n, err := b.Open(t.Context(), d)
	must(t, err)
	got, err := io.ReadAll(r)
	must(t, errors.Join(err, r.Close()))
	part, err := b.Part(t.Context(), d)
	must(t, err)
	if int64(len(got)) != n || part != n {
		t.Errorf("%d bytes came, %d were said, %d are a part", len(got), n, part)
	}
	return string(got)
}

// TestSmallOnesLieInTheDatabase, and large ones in the folder; nobody who reads notices.
func TestSmallOnesLieInTheDatabase(t *testing.T) {
	s, _, reopen := shelf(t)
	sizes := []int{0, 1, blobs.Small - 1, blobs.Small, blobs.Small + 1, 3 * blobs.Small}
	for _, n := range sizes {
		text := strings.Repeat("x", n)
		for range 2 {
			d, size, err := s.Put(t.Context(), strings.NewReader(text))
			must(t, err)
			if d != sync.DigestOf([]byte(text)) || size != int64(n) {
				t.Errorf("%d bytes are %s, %d", n, d, size)
			}
		}
	}
	s = reopen()
	for _, n := range sizes {
		if got := taken(t, s, sync.DigestOf([]byte(strings.Repeat("x", n)))); len(got) != n {
			t.Errorf("%d bytes came back as %d", n, len(got))
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	s, large, _ := shelf(t)
	all := [][]byte{[]byte("a"), {}, []byte("a"), bytes.Repeat([]byte("y"), blobs.Small+1), {0, 255}}
	must(t, s.PutAll(t.Context(), all...))
	must(t, s.PutAll(t.Context()))
	for i, b := range all {
		if got := taken(t, s, sync.DigestOf(b)); got != string(b) {
			t.Errorf("content %d came back as %q", i, got)
		}
		_, _, err := large.Open(t.Context(), sync.DigestOf(b))
		if inFolder := err == nil; inFolder != (len(b) > blobs.Small) {
			t.Errorf("content %d, %d bytes: in the folder %v", i, len(b), inFolder)
		}
	}
	if _, _, err := s.Open(t.Context(), sync.DigestOf([]byte("nobody"))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}

// TestWhatAnOlderReleaseKeptIsFound: small contents lay in the folder once.
func TestWhatAnOlderReleaseKeptIsFound(t *testing.T) {
	s, large, _ := shelf(t)
	d, _, err := large.Put(t.Context(), strings.NewReader("small"))
	must(t, err)
	if got := taken(t, s, d); got != "small" {
		t.Errorf("%q", got)
	}
}

func TestWhatComesInPieces(t *testing.T) {
	s, _, _ := shelf(t)
	text := strings.Repeat("0123456789", 20_000)
	d := sync.DigestOf([]byte(text))
	whole, err := s.Continue(t.Context(), d, 0, int64(len(text)), strings.NewReader(text[:100_000]))
	if err != nil || whole {
		t.Errorf("half of it: %v, %v", whole, err)
	}
	if n, err := s.Part(t.Context(), d); err != nil || n != 100_000 {
		t.Errorf("%d bytes have come, %v", n, err)
	}
	whole, err = s.Continue(t.Context(), d, 100_000, int64(len(text)), strings.NewReader(text[100_000:]))
	if err != nil || !whole || taken(t, s, d) != text {
		t.Errorf("all of it: %v, %v", whole, err)
	}
	must(t, s.PutAll(t.Context(), []byte("small")))
	whole, err = s.Continue(t.Context(), sync.DigestOf([]byte("small")), 2, 5, strings.NewReader("xxx"))
	if err != nil || !whole {
		t.Errorf("one that is there: %v, %v", whole, err)
	}
	if got := taken(t, s, sync.DigestOf([]byte("small"))); got != "small" {
		t.Errorf("it is %q now", got)
	}
}

func TestAPutThatCannotBeReadKeepsNothing(t *testing.T) {
	s, _, _ := shelf(t)
	broken := errors.New("the line broke")
	for name, r := range map[string]io.Reader{
		"at once":  io.MultiReader(&failing{broken}),
		"small":    io.MultiReader(strings.NewReader("abc"), &failing{broken}),
		"in large": io.MultiReader(bytes.NewReader(make([]byte, 2*blobs.Small)), &failing{broken}),
	} {
		if _, _, err := s.Put(t.Context(), r); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Put(gone, strings.NewReader("abc")); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left: %v", err)
	}
	if _, _, err := s.Open(t.Context(), sync.DigestOf([]byte("abc"))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// TestADatabaseThatIsAway is no content that is not there: a sender would be asked for it again.
func TestADatabaseThatIsAway(t *testing.T) {
	dir := t.TempDir()
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "stagelock.db"))
	must(t, err)
	large, err := blobs.Open(filepath.Join(dir, "blobs"))
	must(t, err)
	s := blobs.NewShelf(db, large)
	must(t, db.Close())
	d := sync.DigestOf([]byte("x"))
	if _, _, err := s.Open(t.Context(), d); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Open: %v", err)
	}
	if _, err := s.Part(t.Context(), d); err == nil {
		t.Error("Part knows")
	}
	if _, err := s.Continue(t.Context(), d, 0, 1, strings.NewReader("x")); err == nil {
		t.Error("Continue goes on")
	}
	if err := s.PutAll(t.Context(), []byte("x")); err == nil {
		t.Error("PutAll keeps it")
	}
	if left, err := os.ReadDir(filepath.Join(dir, "blobs")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
