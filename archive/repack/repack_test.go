package repack_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/archive/repack"
)

// at is a time that the format can hold.
var at = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

// zipped is an archive with these names; each file has its name as content.
func zipped(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range names {
		add(t, w, &zip.FileHeader{Name: n, Method: zip.Deflate, Modified: at}, n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func add(t testing.TB, w *zip.Writer, h *zip.FileHeader, text string) {
	t.Helper()
	f, err := w.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(h.Name, "/") {
		return
	}
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
}

func write(b []byte, lim archive.Limits) ([]byte, repack.Repacked, error) {
	var out bytes.Buffer
	done, err := repack.Write(context.Background(), &out, bytes.NewReader(b), int64(len(b)), lim)
	return out.Bytes(), done, err
}

// contents reads an archive as the gateway does: name to content, in order.
func contents(t testing.TB, b []byte) (names []string, texts map[string]string) {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(b), int64(len(b)), archive.DefaultLimits())
	if err != nil {
		t.Fatalf("written anew, it is refused: %v", err)
	}
	texts = map[string]string{}
	for _, e := range a.Entries() {
		names = append(names, e.Name)
		if e.Dir {
			continue
		}
		r, err := a.Open(e)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		texts[e.Name] = string(text)
	}
	return names, texts
}

// TestWrite: names get the form of the portal, what packers add is left, the manifest is last, and what was
// done is told. Doing it again changes nothing.
func TestWrite(t *testing.T) {
	for _, tt := range []struct {
		name                    string
		in, want, renamed, left []string
		entries                 int
	}{
		{"as it should be", []string{"a.xml", "manifest.xml"}, []string{"a.xml", "manifest.xml"}, nil, nil, 2},
		{"the manifest first", []string{"manifest.xml", "b.xml", "a.xml"}, []string{"b.xml", "a.xml", "manifest.xml"}, nil, nil, 3},
		{"no manifest", []string{"a.xml", "b/c.xml"}, []string{"a.xml", "b/c.xml"}, nil, nil, 2},
		{"one folder around all", []string{"s/manifest.xml", "s/a/b.xml"}, []string{"a/b.xml", "manifest.xml"},
			[]string{"s/manifest.xml", "s/a/b.xml"}, nil, 2},
		{"one folder around all, with itself", []string{"s/", "s/a.xml", "s/manifest.xml"}, []string{"a.xml", "manifest.xml"},
			[]string{"s/a.xml", "s/manifest.xml"}, nil, 2},
		{"two folders around all", []string{"s/t/manifest.xml", "s/t/a.xml"}, []string{"s/t/manifest.xml", "s/t/a.xml"}, nil, nil, 2},
		{"a folder around all but one", []string{"s/manifest.xml", "a.xml"}, []string{"s/manifest.xml", "a.xml"}, nil, nil, 2},
		{"a folder whose name begins another", []string{"s/manifest.xml", "st/a.xml"}, []string{"s/manifest.xml", "st/a.xml"}, nil, nil, 2},
		{"a folder without a manifest", []string{"s/a.xml", "s/b.xml"}, []string{"s/a.xml", "s/b.xml"}, nil, nil, 2},
		{"a folder with a manifest deeper", []string{"s/x/manifest.xml", "s/b.xml"}, []string{"s/x/manifest.xml", "s/b.xml"}, nil, nil, 2},
		{"dots in front", []string{"./", "./a.xml", "././manifest.xml"}, []string{"a.xml", "manifest.xml"},
			[]string{"./a.xml", "././manifest.xml"}, nil, 2},
		{"a dot in front of a hidden file", []string{"./.a", "manifest.xml"}, []string{".a", "manifest.xml"}, []string{"./.a"}, nil, 2},
		{"backslashes", []string{`a\b\c.xml`, "manifest.xml"}, []string{"a/b/c.xml", "manifest.xml"}, []string{`a\b\c.xml`}, nil, 2},
		{"letters in two parts", []string{"u\u0308.xml", "manifest.xml"}, []string{"\u00fc.xml", "manifest.xml"}, []string{"u\u0308.xml"}, nil, 2},
		{"letters in one part", []string{"\u00fc.xml", "manifest.xml"}, []string{"\u00fc.xml", "manifest.xml"}, nil, nil, 2},
		{"what systems leave", []string{".DS_Store", "a/.DS_Store", "a/Thumbs.db", "desktop.ini", "a/b.xml", "manifest.xml"},
			[]string{"a/b.xml", "manifest.xml"}, nil, []string{".DS_Store", "a/.DS_Store", "a/Thumbs.db", "desktop.ini"}, 2},
		{"what a Mac leaves", []string{"__MACOSX/", "__MACOSX/a/b", "a/._b.xml", "manifest.xml"}, []string{"manifest.xml"}, nil,
			[]string{"__MACOSX/", "__MACOSX/a/b", "a/._b.xml"}, 1},
		{"what a Mac leaves beside the one folder", []string{"s/manifest.xml", "__MACOSX/s/x"}, []string{"manifest.xml"},
			[]string{"s/manifest.xml"}, []string{"__MACOSX/s/x"}, 1},
		{"what only looks like it", []string{"a/DS_Store", "x__MACOSX/a", "Thumbs.db.xml", "manifest.xml"},
			[]string{"a/DS_Store", "x__MACOSX/a", "Thumbs.db.xml", "manifest.xml"}, nil, nil, 4},
		{"folders", []string{"a/", "a/b/", "a/b/c.xml", "manifest.xml"}, []string{"a/", "a/b/", "a/b/c.xml", "manifest.xml"}, nil, nil, 2},
		{"the root as an entry", []string{"/", "manifest.xml"}, []string{"manifest.xml"}, nil, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, done, err := write(zipped(t, tt.in...), archive.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			names, texts := contents(t, out)
			if !slices.Equal(names, tt.want) || done.Entries != tt.entries {
				t.Errorf("got %q, %d entries, want %q, %d", names, done.Entries, tt.want, tt.entries)
			}
			if !slices.Equal(done.Renamed, tt.renamed) || !slices.Equal(done.Left, tt.left) {
				t.Errorf("renamed %q, left %q, want %q and %q", done.Renamed, done.Left, tt.renamed, tt.left)
			}
			for _, text := range texts { // each content is the old name
				if !slices.Contains(tt.in, text) {
					t.Errorf("content %q is of no entry", text)
				}
			}
			again, more, err := write(out, archive.DefaultLimits())
			if err != nil || !bytes.Equal(again, out) || more.Renamed != nil || more.Left != nil {
				t.Errorf("again: %+v, %v, equal %v", more, err, bytes.Equal(again, out))
			}
		})
	}
}

// TestWriteRefuses: what is dangerous stays refused, in these words, and is no archive.
func TestWriteRefuses(t *testing.T) {
	made := func(h zip.FileHeader) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		add(t, w, &zip.FileHeader{Name: "a.xml", Method: zip.Store}, "a")
		add(t, w, &h, "content")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	mode := func(m fs.FileMode) []byte {
		h := zip.FileHeader{Name: "evil", Method: zip.Store}
		h.SetMode(m)
		return made(h)
	}
	flipped := bytes.Replace(made(zip.FileHeader{Name: "evil", Method: zip.Store}), []byte("content"), []byte("c0ntent"), 1)
	encrypted := made(zip.FileHeader{Name: "evil", Method: zip.Store})
	central := bytes.LastIndex(encrypted, []byte("PK\x01\x02"))
	encrypted[central+8] |= 1
	method := made(zip.FileHeader{Name: "evil", Method: zip.Store})
	method[bytes.LastIndex(method, []byte("PK\x01\x02"))+10] = 12
	for _, tt := range []struct {
		name string
		in   []byte
		code refusal.Code
		want string
	}{
		{"a path that leaves", zipped(t, "manifest.xml", "../a"), refusal.CodePath, ""},
		{"a path that leaves by backslashes", zipped(t, "manifest.xml", `..\a`), refusal.CodePath, ""},
		{"a path that leaves behind dots", zipped(t, "manifest.xml", "./../a"), refusal.CodePath, ""},
		{"a path that leaves inside", zipped(t, "manifest.xml", "a/../../b"), refusal.CodePath, ""},
		{"an absolute path", zipped(t, "manifest.xml", "/etc/passwd"), refusal.CodePath, ""},
		{"one that is absolute by backslashes", zipped(t, "manifest.xml", `\etc\passwd`), refusal.CodePath, ""},
		{"an empty part", zipped(t, "manifest.xml", "a//b"), refusal.CodePath, ""},
		{"a nul", zipped(t, "manifest.xml", "a\x00b"), refusal.CodeName, ""},
		{"one name twice", zipped(t, "a.xml", "a.xml"), refusal.CodeDuplicate, ""},
		{"one name twice in two forms", zipped(t, "u\u0308", "\u00fc"), refusal.CodeDuplicate, ""},
		{"one name twice in two cases", zipped(t, "a.xml", "A.xml"), refusal.CodeDuplicate, ""},
		{"one name twice once unwrapped", zipped(t, "s/manifest.xml", "s/a/b", `s\a\b`), refusal.CodeDuplicate, ""},
		{"a name in no character set", zipped(t, "manifest.xml", "a\xff"), refusal.CodeName, `name "a\xff" is in no known character set`},
		{"a link", mode(fs.ModeSymlink | 0o777), refusal.CodeMode, `entry "evil" is neither a regular file nor a directory`},
		{"a device", mode(fs.ModeDevice | 0o600), refusal.CodeMode, `entry "evil" is neither a regular file nor a directory`},
		{"a pipe", mode(fs.ModeNamedPipe | 0o600), refusal.CodeMode, `entry "evil" is neither a regular file nor a directory`},
		{"a password", encrypted, refusal.CodeFlags, `entry "evil" is encrypted with a password`},
		{"another method", method, refusal.CodeMethod, ""},
		{"another checksum", flipped, refusal.CodeData, `content of "evil" cannot be read: zip: checksum error`},
		{"a page", []byte("<html></html>"), refusal.CodeForeign, ""},
		{"nothing", nil, refusal.CodeEnd, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, _, err := write(tt.in, archive.DefaultLimits())
			if refusal.CodeOf(err) != tt.code || tt.want != "" && err.Error() != tt.want {
				t.Errorf("got %v (%s), want %s (%s)", err, refusal.CodeOf(err), tt.want, tt.code)
			}
			if _, err := zip.NewReader(bytes.NewReader(out), int64(len(out))); err == nil {
				t.Error("what was refused is an archive")
			}
			var ref *refusal.Refusal
			if errors.As(err, &ref); ref == nil || ref.Cure() == "" {
				t.Errorf("%v has no cure", err)
			}
		})
	}
}

// TestLimitsAreExact: of the limit passes, one more is refused with the number.
func TestLimitsAreExact(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add(t, w, &zip.FileHeader{Name: "a", Method: zip.Deflate}, strings.Repeat("x", 1000))
	add(t, w, &zip.FileHeader{Name: "b", Method: zip.Store}, strings.Repeat("y", 500))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		set  func(l *archive.Limits, less int)
		code refusal.Code
		want string
	}{
		{"entries", func(l *archive.Limits, less int) { l.Entries = 2 - less }, refusal.CodeEntries, "2 entries are more than 1"},
		{"one entry", func(l *archive.Limits, less int) { l.Entry = int64(1000 - less) }, refusal.CodeTotalSize, `content of "a" is more than 999 bytes`},
		{"all entries", func(l *archive.Limits, less int) { l.Total = int64(1500 - less) }, refusal.CodeTotalSize, `content of "b" is more than 499 bytes`},
	} {
		lim := archive.DefaultLimits()
		tt.set(&lim, 0)
		if _, done, err := write(b.Bytes(), lim); err != nil || done.Entries != 2 {
			t.Errorf("%s: of the limit: %+v, %v", tt.name, done, err)
		}
		tt.set(&lim, 1)
		if _, _, err := write(b.Bytes(), lim); err == nil || err.Error() != tt.want || refusal.CodeOf(err) != tt.code {
			t.Errorf("%s: one more: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// TestLargeContentStreams: what is larger than the memory that Write takes keeps every byte and its limit.
func TestLargeContentStreams(t *testing.T) {
	const size = 32<<20 + 7
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	text := strings.Repeat("0123456789abcdef", size/16+1)[:size]
	add(t, w, &zip.FileHeader{Name: "big", Method: zip.Deflate}, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lim := archive.DefaultLimits()
	lim.Entry, lim.Total, lim.Ratio = size, size, 100_000
	out, _, err := write(b.Bytes(), lim)
	if err != nil {
		t.Fatal(err)
	}
	in, err := zip.NewReader(bytes.NewReader(out), int64(len(out)))
	if err != nil || len(in.File) != 1 {
		t.Fatalf("%v", err)
	}
	r, err := in.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != text {
		t.Errorf("%d of %d bytes, %v", len(got), size, err)
	}
	lim.Entry--
	if _, _, err := write(b.Bytes(), lim); refusal.CodeOf(err) != refusal.CodeTotalSize {
		t.Errorf("one byte more: %v", err)
	}
	gone := errors.New("nobody waits")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	var none bytes.Buffer
	if _, err := repack.Write(ctx, &none, bytes.NewReader(b.Bytes()), int64(b.Len()), lim); !errors.Is(err, gone) || none.Len() != 0 {
		t.Errorf("a context that ended: %v, %d bytes written", err, none.Len())
	}
}

// TestDisksThatFail: neither side's fault is one of the archive.
func TestDisksThatFail(t *testing.T) {
	disk := errors.New("disk on fire")
	in := zipped(t, "a.xml", "manifest.xml")
	for n := range len(in) {
		if _, err := repack.Write(context.Background(), io.Discard, broken{in, int64(n), disk}, int64(len(in)), archive.DefaultLimits()); err != nil &&
			(!errors.Is(err, disk) || refusal.CodeOf(err) != "") {
			t.Errorf("reading at %d: %v", n, err)
		}
	}
	whole, _, err := write(in, archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if _, err := repack.Write(context.Background(), &full{left: n, err: disk}, bytes.NewReader(in), int64(len(in)), archive.DefaultLimits()); !errors.Is(err, disk) {
			t.Errorf("writing at %d: %v", n, err)
		}
	}
}

// broken fails to read the byte at.
type broken struct {
	b   []byte
	at  int64
	err error
}

func (r broken) ReadAt(p []byte, off int64) (int, error) {
	if off <= r.at && r.at < off+int64(len(p)) {
		return 0, r.err
	}
	return bytes.NewReader(r.b).ReadAt(p, off)
}

// full takes so many bytes.
type full struct {
	left int
	err  error
}

func (w *full) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, w.err
	}
	return len(p), nil
}

// FuzzWrite holds: what is written without an error is an archive that Open accepts, with no more files.
func FuzzWrite(f *testing.F) {
	f.Add(zipped(f, "manifest.xml", "a/b.xml"))
	f.Add(zipped(f, "s/manifest.xml", `s\a`))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := archive.DefaultLimits()
		lim.Total, lim.Entry = 1<<20, 1<<20
		out, done, err := write(b, lim)
		if err != nil {
			return
		}
		a, err := archive.Open(bytes.NewReader(out), int64(len(out)), archive.DefaultLimits())
		if err != nil {
			if refusal.CodeOf(err) != "" && done.Entries == 0 {
				return // an archive of nothing
			}
			t.Fatalf("written anew, it is refused: %v", err)
		}
		if n := len(a.Entries()); n < done.Entries {
			t.Errorf("%d entries, said %d", n, done.Entries)
		}
	})
}
