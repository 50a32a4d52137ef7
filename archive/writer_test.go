package archive_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/refusal"
)

var noon = time.Date(2024, 3, 1, 12, 0, 2, 0, time.UTC)

// noise returns n bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func create(t testing.TB, w *archive.Writer, name string, data []byte) {
	t.Helper()
	f, err := w.Create(name, noon)
	if err == nil {
		_, err = f.Write(data)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWriterWritesWhatOpenAccepts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(w *archive.Writer) error
	}{
		{"nothing", func(*archive.Writer) error { return nil }},
		{"directory", func(w *archive.Writer) error { return w.Mkdir("group/", noon) }},
		{"streamed", func(w *archive.Writer) error {
			create(t, w, "a", []byte(strings.Repeat("a", 1000)))
			create(t, w, "empty", nil)
			create(t, w, "group/árvíz.xml", noise(100_000))
			return nil
		}},
		{"whole", func(w *archive.Writer) error {
			return errors.Join(
				w.Put("a", noon, []byte(strings.Repeat("a", 1000))), w.Put("empty", noon, nil),
				w.Put("noise", noon, noise(100_000)), w.PutStored("árvíz", noon, []byte("a")))
		}},
		{"whole zeros, over the ratio", func(w *archive.Writer) error { return w.Put("zeros", noon, make([]byte, 3<<20)) }},
		{"zeros hidden in noise", func(w *archive.Writer) error {
			return w.Put("zeros", noon, append(append(noise(1<<20), make([]byte, 2<<20)...), noise(1<<20)...))
		}},
		{"mixed", func(w *archive.Writer) error {
			create(t, w, "group/1.xml", []byte("<a/>"))
			err := w.Mkdir("group/2/", noon)
			create(t, w, "manifest.xml", []byte(manifestText))
			return err
		}},
		{"dates that DOS does not know", func(w *archive.Writer) error {
			return errors.Join(w.Put("old", time.Time{}, nil), w.Put("far", time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), nil))
		}},
		{"70,000 entries: ZIP64", func(w *archive.Writer) error {
			for i := range 70_000 {
				if err := w.PutStored("f"+itoa(i/10)+itoa(i%10), noon, nil); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			w := archive.NewWriter(&b)
			if err := errors.Join(tt.write(w), w.Close()); err != nil {
				t.Fatal(err)
			}
			a, err := accept(b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			sameAsGo(t, b.Bytes(), a)
		})
	}
}

func TestWriterKeepsTimes(t *testing.T) {
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	if err := errors.Join(w.Put("a", noon.In(time.FixedZone("", 3600)), nil), w.Close()); err != nil {
		t.Fatal(err)
	}
	a, err := open(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := a.Entries()[0].Modified; !got.Equal(noon) {
		t.Errorf("got %v, want %v", got, noon)
	}
}

func TestWriterRefuses(t *testing.T) {
	put := func(names ...string) func(*archive.Writer) error {
		return func(w *archive.Writer) error {
			for _, n := range names {
				if err := w.Put(n, noon, []byte("x")); err != nil {
					return err
				}
			}
			return w.Close()
		}
	}
	for _, tt := range []struct {
		name  string
		code  refusal.Code
		write func(*archive.Writer) error
	}{
		{"path that leaves", refusal.CodePath, put("../a")},
		{"name twice", refusal.CodeDuplicate, put("a", "A")},
		{"path through a file", refusal.CodeDuplicate, put("a/b", "a.", "a/b/c")},
		{"file with a slash", refusal.CodeName, put("a/")},
		{"directory without", refusal.CodeName, func(w *archive.Writer) error { return w.Mkdir("a", noon) }},
		{"streamed file with a slash", refusal.CodeName, func(w *archive.Writer) error {
			_, err := w.Create("a/", noon)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := archive.NewWriter(io.Discard)
			err := tt.write(w)
			if refusal.CodeOf(err) != tt.code {
				t.Fatalf("got %v, want %s", err, tt.code)
			}
			if again := w.Close(); again == nil {
				t.Error("close succeeds after a refusal")
			}
		})
	}
}

func TestWriterIsDoneAfterClose(t *testing.T) {
	w := archive.NewWriter(io.Discard)
	f, err := w.Create("a", noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Put("b", noon, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err != archive.ErrClosed {
		t.Errorf("write to an entry that ended: got %v, want %v", err, archive.ErrClosed)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Put("c", noon, nil); err != archive.ErrClosed {
		t.Errorf("put: got %v, want %v", err, archive.ErrClosed)
	}
	if err := w.Close(); err != archive.ErrClosed {
		t.Errorf("close: got %v, want %v", err, archive.ErrClosed)
	}
}

// fullDisk takes so many bytes and no more.
type fullDisk struct{ left int }

func (f *fullDisk) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return 0, errDisk
	}
	f.left -= len(p)
	return len(p), nil
}

func TestWriterReportsAFullDisk(t *testing.T) {
	var whole bytes.Buffer
	write := func(out io.Writer) error {
		w := archive.NewWriter(out)
		f, err := w.Create("a", noon)
		if err == nil {
			_, err = f.Write(noise(5000))
		}
		return errors.Join(err, w.Put("b", noon, noise(100)), w.Mkdir("c/", noon), w.Close())
	}
	if err := write(&whole); err != nil {
		t.Fatal(err)
	}
	for left := 0; left < whole.Len(); left += 7 {
		if err := write(&fullDisk{left}); !errors.Is(err, errDisk) {
			t.Fatalf("disk of %d bytes: got %v, want %v", left, err, errDisk)
		}
	}
}

func TestWriterAndReaderAreInverse(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}(\.xml|é)`), 0, 20, rapid.ID[string]).Draw(r, "names")
		want := map[string][]byte{}
		var b bytes.Buffer
		w := archive.NewWriter(&b)
		for _, n := range names {
			want[n] = rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(r, "data")
			if rapid.Bool().Draw(r, "streamed") {
				create(t, w, n, want[n])
			} else if err := w.Put(n, noon, want[n]); err != nil {
				r.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			r.Fatal(err)
		}
		a, err := accept(b.Bytes())
		if err != nil || a.Len() != len(names) {
			r.Fatalf("%d entries, %v", a.Len(), err)
		}
		for n, data := range want {
			e, ok := a.Lookup(n)
			if !ok || !bytes.Equal(readEntry(t, a, e), data) {
				r.Fatalf("%q came back changed", n)
			}
		}
	})
}

// text is what compresses well, though not beyond every limit.
func text(lines int) []byte {
	var b bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&b, "line %d of many\n", i)
	}
	return b.Bytes()
}

// Content that is streamed and would inflate beyond the limits in any stretch is kept as it is, and read
// by every reader: a disk image with empty regions made a publish fail.
func TestStreamedContentStaysWithinTheRatio(t *testing.T) {
	noise := noise(3 << 20)
	zeros := make([]byte, 5<<20)
	for name, data := range map[string][]byte{
		"zeros": zeros, "noise": noise, "nothing": nil, "zeros within": slices.Concat(noise, zeros, noise[:1000]),
		"text": text(400_000), "short": []byte("x"),
		"a MiB": zeros[:1<<20], "a MiB and one": zeros[:1<<20+1],
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w := archive.NewWriter(&b)
			to, err := w.Create("big", time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			for rest := data; len(rest) > 0; {
				n := min(len(rest), 70_000)
				if _, err := to.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			a, err := archive.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), archive.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Verify(t.Context(), nil); err != nil {
				t.Error(err)
			}
			e, _ := a.Lookup("big")
			in, err := a.Open(e)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read %d bytes of %d, %v", len(got), len(data), err)
			}
			z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
			if err != nil {
				t.Fatal(err)
			}
			other, err := z.File[0].Open()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(other); err != nil || !bytes.Equal(got, data) {
				t.Errorf("another reader read %d bytes, %v", len(got), err)
			}
			if name == "text" && e.Compressed > e.Size/3 {
				t.Errorf("text of %d bytes became %d", e.Size, e.Compressed)
			}
		})
	}
}
