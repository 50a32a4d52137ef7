package archive_test

import (
	"archive/zip"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/refusal"
)

// sparse is a file of zeros with some bytes in it: the large archives of these tests exist in no
// other way.
type sparse struct {
	size  int64
	parts map[int64][]byte
}

// Write keeps short writes and takes long ones for zeros.
func (s *sparse) Write(p []byte) (int, error) {
	if len(p) < 1<<20 {
		s.put(s.size, p)
	}
	s.size += int64(len(p))
	return len(p), nil
}

func (s *sparse) put(off int64, p []byte) {
	if s.parts == nil {
		s.parts = map[int64][]byte{}
	}
	s.parts[off] = slices.Clone(p)
	s.size = max(s.size, off)
}

// ReadAt implements io.ReaderAt.
func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(0, s.size-off)))
	clear(p[:n])
	for at, part := range s.parts {
		if from := max(at, off); from < min(at+int64(len(part)), off+int64(n)) {
			copy(p[from-off:n], part[from-at:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func largeLimits() archive.Limits {
	lim := archive.DefaultLimits()
	lim.Entry, lim.Total = math.MaxInt64, math.MaxInt64
	return lim
}

func sameListAsGo(t *testing.T, r io.ReaderAt, size int64, a *archive.Archive) {
	t.Helper()
	zr, err := zip.NewReader(r, size)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range a.Entries() {
		if f := zr.File[i]; f.Name != e.Name || f.UncompressedSize64 != uint64(e.Size) || f.CompressedSize64 != uint64(e.Compressed) {
			t.Errorf("entry %d: archive/zip sees %q of %d bytes, we see %q of %d", i, f.Name, f.UncompressedSize64, e.Name, e.Size)
		}
	}
	if len(zr.File) != a.Len() {
		t.Errorf("archive/zip sees %d entries, we see %d", len(zr.File), a.Len())
	}
}

func TestWriterBeyond4GiB(t *testing.T) {
	var s sparse
	w := archive.NewWriter(&s)
	zeros := make([]byte, 256<<20)
	for i := range 18 {
		if err := w.PutStored("f"+itoa(i), noon, zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s.size < 4<<30 {
		t.Fatalf("archive has only %d bytes", s.size)
	}
	if _, err := archive.Open(&s, s.size, archive.DefaultLimits()); refusal.CodeOf(err) != refusal.CodeTotalSize {
		t.Errorf("default limits: got %v, want %s", err, refusal.CodeTotalSize)
	}
	a, err := archive.Open(&s, s.size, largeLimits())
	if err != nil {
		t.Fatal(err)
	}
	sameListAsGo(t, &s, s.size, a)
}

// large is an archive with one entry of hole and more bytes, of which the file has only the
// records.
func large(hole int64, change func(*crafted)) *sparse {
	it := newItem("large", "", 0, nil)
	it.local.extra = zip64Extra(uint64(hole), uint64(hole))
	it.central.extra = it.local.extra
	it.both(func(r *rec) { r.version, r.size, r.packed = 45, math.MaxUint32, math.MaxUint32 })
	c := craft(it)
	c.zip64, c.magic, c.zip64Locate = true, true, hole
	change(c)
	local := len(it.appendLocal(nil)) - len(it.descriptor)
	c.dirOffset = int64(local+len(it.descriptor)) + hole
	b := c.bytes()
	s := &sparse{}
	s.put(0, b[:local])
	s.put(int64(local)+hole, b[local:])
	s.size = int64(len(b)) + hole
	return s
}

func TestLargeEntries(t *testing.T) {
	streamedAs := func(sizes func(hole uint64) []byte, hole int64) func(*crafted) {
		return func(c *crafted) {
			it := c.items[0].both(func(r *rec) { r.flags, r.method = 8, 8 })
			it.local.extra = nil
			it.local.size, it.local.packed = 0, 0
			it.descriptor = append([]byte("PK\x07\x08\x00\x00\x00\x00"), sizes(uint64(hole))...)
		}
	}
	wide := func(n uint64) []byte { return le.AppendUint64(le.AppendUint64(nil, n), n) }
	narrow := func(n uint64) []byte { return le.AppendUint32(le.AppendUint32(nil, uint32(n)), uint32(n)) }
	const size = 5 << 30
	for _, tt := range []struct {
		name string
		s    *sparse
		code refusal.Code
	}{
		{"stored", large(size, func(*crafted) {}), ""},
		{"the first size that needs it", large(math.MaxUint32, func(*crafted) {}), ""},
		{"streamed", large(size, streamedAs(wide, size)), ""},
		{"streamed with 4-byte sizes", large(size, streamedAs(narrow, size)), refusal.CodeOverlap},
		{"streamed, of the disputed size", large(math.MaxUint32, streamedAs(wide, math.MaxUint32)), refusal.CodeDescriptor},
		{"local sizes differ", large(size, func(c *crafted) { c.items[0].local.extra = zip64Extra(size, size+1) }), refusal.CodeLocal},
		{"local sizes missing", large(size, func(c *crafted) { c.items[0].local.extra = nil }), refusal.CodeZIP64},
		{"central size missing", large(size, func(c *crafted) { c.items[0].central.extra = zip64Extra(size) }), refusal.CodeZIP64},
		{"central number too many", large(size, func(c *crafted) { c.items[0].central.extra = zip64Extra(size, size, 0) }), refusal.CodeZIP64},
		{"no ZIP64 end record", large(size, func(c *crafted) { c.zip64 = false }), refusal.CodeZIP64},
		{"end record contradicts", large(size, func(c *crafted) { c.magic = false }), refusal.CodeZIP64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := archive.Open(tt.s, tt.s.size, largeLimits())
			if refusal.CodeOf(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Fatalf("got %v, want %q", err, tt.code)
			}
			if err == nil {
				sameListAsGo(t, tt.s, tt.s.size, a)
			}
		})
	}
}
