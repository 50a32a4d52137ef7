package glimpse_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/glimpse"
	"github.com/stagelock/stagelock/archive/manifest"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func text(models int) string {
	var b strings.Builder
	b.WriteString(`<root><header type="layout-set" build-number="7413" group-id="20121" available-locales="en_US"/><Layout>`)
	for i := range models {
		fmt.Fprintf(&b, `<staged-model uuid="%x" path="/group/20121/%d.xml"/>`, crc32.ChecksumIEEE([]byte(fmt.Sprint(i))), i)
	}
	b.WriteString(`</Layout><site-portlets><portlet portlet-id="15"/></site-portlets></root>`)
	return b.String()
}

// entry is what an archive of a test holds: random bytes of that length, or the manifest.
type entry struct {
	name string
	size int
}

// pack writes an archive as the engine does.
func pack(t testing.TB, text string, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	r := rand.New(rand.NewPCG(1, uint64(len(entries))))
	for _, e := range entries {
		data := []byte(text)
		if e.name != manifest.Name {
			data = make([]byte, e.size)
			for i := range data {
				data[i] = byte(r.Uint32())
			}
		}
		if err := w.Put(e.name, at, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// site has pages before and behind the manifest.
func site(before, behind int) []entry {
	var all []entry
	for i := range before + behind {
		if i == before {
			all = append(all, entry{name: manifest.Name})
		}
		all = append(all, entry{fmt.Sprintf("group/20121/com.liferay.portal.kernel.model.Layout/%d.xml", i), 700 + i*13})
	}
	if behind == 0 {
		all = append(all, entry{name: manifest.Name})
	}
	return all
}

func real(t testing.TB, lar []byte) *manifest.Manifest {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(lar), int64(len(lar)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Of(a)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// gate is what a gateway does: it watches parts as they come, keeps a sight of each as bytes, and trims
// the one behind when it knows better.
type gate struct {
	testing.TB
	kept map[int][]byte
}

func newGate(t testing.TB) *gate { return &gate{t, map[int][]byte{}} }

func name(i int) string { return fmt.Sprintf("site.lar%06d", i) }

func (g *gate) sight(i int) (glimpse.Sight, bool) {
	b, seen := g.kept[i]
	if !seen {
		return glimpse.Sight{}, false
	}
	s, err := glimpse.Parse(name(i), b)
	if err != nil {
		g.Fatal(err)
	}
	return s, true
}

// part lets a part go by, in pieces as a network brings them.
func (g *gate) part(i int, content []byte, piece int) {
	open := int64(glimpse.Most)
	if before, seen := g.sight(i - 1); seen {
		open = before.Open
	} else if i == 0 {
		open = 0
	}
	w := glimpse.NewWatcher(name(i), open)
	for rest := content; len(rest) > 0; {
		n := min(piece, len(rest))
		_, _ = w.Write(rest[:n])
		rest = rest[n:]
	}
	s := w.Sight()
	g.kept[i] = s.Append(nil)
	for next := i + 1; ; next++ {
		behind, seen := g.sight(next)
		if !seen {
			break
		}
		trimmed := behind.Trim(s.Open)
		g.kept[next] = trimmed.Append(nil)
		if s = trimmed; s.Open == behind.Open {
			break
		}
	}
}

func (g *gate) manifest() (*manifest.Manifest, error) {
	var all []glimpse.Sight
	for i := range g.kept {
		s, _ := g.sight(i)
		all = append(all, s)
	}
	h, err := glimpse.Look(all, archive.DefaultLimits())
	if err != nil {
		return nil, err
	}
	return h.Manifest, nil
}

func (g *gate) size() (n int) {
	for _, b := range g.kept {
		n += len(b)
	}
	return n
}

func cut(lar []byte, size int) [][]byte {
	var parts [][]byte
	for len(lar) > size {
		parts = append(parts, lar[:size])
		lar = lar[size:]
	}
	return append(parts, lar)
}

// orders are ways in which parts come.
var orders = map[string]func(n int, r *rand.Rand) []int{
	"in order": func(n int, _ *rand.Rand) []int {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	},
	"backwards": func(n int, _ *rand.Rand) []int {
		all := make([]int, n)
		for i := range all {
			all[i] = n - 1 - i
		}
		return all
	},
	"mixed": func(n int, r *rand.Rand) []int { return r.Perm(n) },
	"some twice": func(n int, r *rand.Rand) []int {
		all := append(r.Perm(n), r.Perm(n)[:n/2]...)
		return append(all, r.IntN(n))
	},
}

// Wherever the manifest is, however the archive is cut, and in whatever order the parts come: what is
// found is what a reader of the whole archive reads.
func TestTheManifestIsFoundInAnyOrderOfAnyParts(t *testing.T) {
	for what, entries := range map[string][]entry{
		"last": site(40, 0), "first": site(0, 40), "in the middle": site(20, 20), "alone": {{name: manifest.Name}},
	} {
		lar := pack(t, text(300), entries...)
		want := real(t, lar)
		for _, size := range []int{1, 7, 46, 100, 1000, 4096, len(lar) - 1, len(lar)} {
			if size == 1 && what != "alone" || size < 46 && len(lar) > 20_000 {
				continue
			}
			for order, of := range orders {
				t.Run(fmt.Sprintf("%s, parts of %d, %s", what, size, order), func(t *testing.T) {
					g := newGate(t)
					parts := cut(lar, size)
					for _, i := range of(len(parts), rand.New(rand.NewPCG(7, uint64(size)))) {
						g.part(i, parts[i], 1+size/3)
					}
					m, err := g.manifest()
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, m); diff != "" {
						t.Error(diff)
					}
				})
			}
		}
	}
}

// A part that did not come through is missed, and never made up for.
func TestAMissingPartIsUnseen(t *testing.T) {
	lar := pack(t, text(300), site(20, 5)...)
	parts := cut(lar, 1000)
	for missing := range parts {
		g := newGate(t)
		for i, p := range parts {
			if i != missing {
				g.part(i, p, 300)
			}
		}
		m, err := g.manifest()
		var u *glimpse.Unseen
		if !errors.As(err, &u) || m != nil || u.Why == "" {
			t.Errorf("without part %d: %v, %v", missing, m, err)
		}
	}
}

// What is kept of a large archive is little, also when its parts come backwards.
func TestLittleIsKept(t *testing.T) {
	lar := pack(t, text(100), entry{"a", 40 << 20}, entry{"b", 20 << 20}, entry{name: manifest.Name})
	for order, of := range orders {
		g := newGate(t)
		parts := cut(lar, 5<<20)
		for _, i := range of(len(parts), rand.New(rand.NewPCG(1, 1))) {
			g.part(i, parts[i], 64<<10)
		}
		if _, err := g.manifest(); err != nil || g.size() > 64<<10 {
			t.Errorf("%s: %d bytes are kept of %d, %v", order, g.size(), len(lar), err)
		}
	}
}

// zipped writes an archive with Go's own writer, as other packers do.
func zipped(t testing.TB, write func(*zip.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	write(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func put(t testing.TB, w *zip.Writer, h zip.FileHeader, text string) {
	t.Helper()
	to, err := w.CreateHeader(&h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// patched returns b with the nth old bytes, from 1, replaced by new ones of the same length.
func patched(t testing.TB, b []byte, nth int, old, new string) []byte {
	t.Helper()
	b = bytes.Clone(b)
	at := -1
	for range nth {
		i := bytes.Index(b[at+1:], []byte(old))
		if i < 0 || len(old) != len(new) {
			t.Fatalf("no %q number %d", old, nth)
		}
		at += 1 + i
	}
	copy(b[at:], new)
	return b
}

// Everything by which two readers could be shown two manifests is unseen.
func TestDoubleFacedArchives(t *testing.T) {
	const evil = `<root><header type="layout-set" build-number="7413"/><Evil><staged-model/></Evil></root>`
	good := text(3)
	plain := zipped(t, func(w *zip.Writer) {
		put(t, w, zip.FileHeader{Name: manifest.Name, Method: zip.Deflate}, good)
		put(t, w, zip.FileHeader{Name: "another.xml_", Method: zip.Deflate}, evil)
	})
	stored := zipped(t, func(w *zip.Writer) { put(t, w, zip.FileHeader{Name: manifest.Name}, good) })
	two := zipped(t, func(w *zip.Writer) {
		put(t, w, zip.FileHeader{Name: manifest.Name}, good)
		put(t, w, zip.FileHeader{Name: manifest.Name}, evil)
	})
	for _, tt := range []struct {
		name string
		lar  []byte
		want string
	}{
		{"named twice", two, "names it twice"},
		{"another header of its own", patched(t, plain, 1, manifest.Name, "manifest.xmx"), "has another name"},
		{"hidden behind another's header", patched(t, patched(t, plain, 2, "another.xml_", manifest.Name), 2, manifest.Name, "xxxifest.xml"),
			"has another name"},
		{"not named by the directory", patched(t, plain, 2, manifest.Name, "manifest.xmx"), "does not name it"},
		{"another spelling", zipped(t, func(w *zip.Writer) {
			put(t, w, zip.FileHeader{Name: "./" + manifest.Name}, evil)
		}), "spells its name"},
		{"another spelling beside it", zipped(t, func(w *zip.Writer) {
			put(t, w, zip.FileHeader{Name: manifest.Name}, good)
			put(t, w, zip.FileHeader{Name: "/" + manifest.Name}, evil)
		}), "names it twice"},
		{"a comment", append(bytes.Clone(plain), "comment"...), "end record"},
		{"bytes in front", append([]byte("#!/bin/sh\n"), plain...), "does not end where"},
		{"no archive", bytes.Repeat([]byte("no archive "), 100), "end record"},
		{"too short", []byte("PK"), "end record"},
		{"encrypted", flagged(plain), "encrypted"},
		{"another checksum", summed(plain), "not equal to the central record"},
		{"other content", patched(t, stored, 1, "20121", "20122"), "not what its record"},
		{"another directory by ZIP64", wide(t, good, evil), "ZIP64"},
		{"reached from a folder", zipped(t, func(w *zip.Writer) {
			put(t, w, zip.FileHeader{Name: manifest.Name}, good)
			put(t, w, zip.FileHeader{Name: "a/../" + manifest.Name}, evil)
		}), "by a detour"},
		{"reached from itself", zipped(t, func(w *zip.Writer) {
			put(t, w, zip.FileHeader{Name: manifest.Name}, good)
			put(t, w, zip.FileHeader{Name: manifest.Name + "/a/.."}, evil)
		}), "by a detour"},
		{"behind many dots", zipped(t, func(w *zip.Writer) {
			put(t, w, zip.FileHeader{Name: manifest.Name}, good)
			put(t, w, zip.FileHeader{Name: strings.Repeat("./", 40) + manifest.Name}, evil)
		}), "by a detour"},
		{"a manifest that is none", zipped(t, func(w *zip.Writer) {
			put(t, w, zip.FileHeader{Name: manifest.Name, Method: zip.Deflate}, "<root>")
		}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{len(tt.lar), 50} {
				g := newGate(t)
				for i, p := range cut(tt.lar, size) {
					g.part(i, p, 20)
				}
				m, err := g.manifest()
				if err == nil || m != nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("in parts of %d: %+v, %v, want %q", size, m, err, tt.want)
				}
			}
		})
	}
	g := newGate(t)
	g.part(0, plain, 100)
	if m, err := g.manifest(); err != nil || len(m.Models) != 1 {
		t.Errorf("the archive itself: %+v, %v", m, err)
	}
}

// wide returns an archive with two directories: one of the evil manifest, where the end record says, and in
// the comment of its only record one of the good manifest, where a ZIP64 end record says. Java looks at
// that only if the end record leaves its numbers to it.
func wide(t testing.TB, good, evil string) []byte {
	t.Helper()
	two := zipped(t, func(w *zip.Writer) {
		put(t, w, zip.FileHeader{Name: manifest.Name}, good)
		put(t, w, zip.FileHeader{Name: manifest.Name}, evil)
	})
	le := binary.LittleEndian
	at := bytes.Index(two, []byte("PK\x01\x02"))
	directory, end := two[at:len(two)-22], bytes.Clone(two[len(two)-22:])
	goodRecord, evilRecord := directory[:len(directory)/2], bytes.Clone(directory[len(directory)/2:])

	offset := uint64(at + len(evilRecord))
	comment := append(bytes.Clone(goodRecord), "PK\x06\x06"...)
	comment = le.AppendUint64(comment, 44)
	comment = append(comment, make([]byte, 12)...)
	for _, n := range []uint64{1, 1, uint64(len(goodRecord)), offset} {
		comment = le.AppendUint64(comment, n)
	}
	comment = append(comment, "PK\x06\x07\x00\x00\x00\x00"...)
	comment = le.AppendUint32(le.AppendUint64(comment, offset+uint64(len(goodRecord))), 1)

	le.PutUint16(evilRecord[32:], uint16(len(comment)))
	le.PutUint16(end[8:], 1)
	le.PutUint16(end[10:], 1)
	le.PutUint32(end[12:], uint32(len(evilRecord)+len(comment)))
	lar := append(append(append(bytes.Clone(two[:at]), evilRecord...), comment...), end...)
	a, err := zip.NewReader(bytes.NewReader(lar), int64(len(lar)))
	if err != nil || len(a.File) != 1 || a.File[0].CRC32 != crc32.ChecksumIEEE([]byte(evil)) {
		t.Fatalf("the archive is not read as it should be: %v", err)
	}
	return lar
}

// A part that holds more headers of manifests than are kept could hide one of the directory, and the last
// is the one that Java reads. In a part without the directory they are content.
func TestMoreHeadersThanAreKept(t *testing.T) {
	fake := "PK\x01\x02" + strings.Repeat("\x00", 24) + "\x0c" + strings.Repeat("\x00", 17) + manifest.Name + " "
	for _, n := range []int{253, 254, 255, 300} {
		lar := zipped(t, func(w *zip.Writer) {
			put(t, w, zip.FileHeader{Name: manifest.Name}, text(3))
			put(t, w, zip.FileHeader{Name: strings.Repeat("between", 50)}, "")
			put(t, w, zip.FileHeader{Name: manifest.Name}, text(4))
			put(t, w, zip.FileHeader{Name: "a"}, strings.Repeat("a", glimpse.Most))
			put(t, w, zip.FileHeader{Name: strings.Repeat("fakes", 50)}, strings.Repeat(fake, n))
		})
		g := newGate(t)
		g.part(0, lar, 1<<20)
		if m, err := g.manifest(); err == nil {
			t.Errorf("%d fakes: found %+v", n, m.Models)
		}
	}
	lar := zipped(t, func(w *zip.Writer) {
		put(t, w, zip.FileHeader{Name: "fakes"}, strings.Repeat(fake, 300))
		put(t, w, zip.FileHeader{Name: "a"}, strings.Repeat("a", 4000))
		put(t, w, zip.FileHeader{Name: manifest.Name}, text(3))
	})
	g := newGate(t)
	for i, p := range cut(lar, 300*len(fake)+500) {
		g.part(i, p, 1000)
	}
	if m, err := g.manifest(); err != nil || m.Models["Layout"] != 3 {
		t.Errorf("fakes in a document: %+v, %v", m, err)
	}
}

// recordOf is where the directory's record of the manifest is.
func recordOf(lar []byte) int { return bytes.LastIndex(lar, []byte(manifest.Name)) - 46 }

func flagged(lar []byte) []byte {
	lar = bytes.Clone(lar)
	lar[recordOf(lar)+8] |= 1
	return lar
}

func summed(lar []byte) []byte {
	lar = bytes.Clone(lar)
	binary.LittleEndian.PutUint32(lar[recordOf(lar)+16:], 42)
	return lar
}

// A document that is itself an archive with a manifest, stored as it is, is no second manifest.
func TestAnArchiveInsideOfAnArchive(t *testing.T) {
	inner := pack(t, text(5), site(2, 0)...)
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	for _, err := range []error{w.PutStored("documents/old.lar", at, inner), w.Put(manifest.Name, at, []byte(text(9))), w.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int{64, 500, b.Len()} {
		g := newGate(t)
		for i, p := range cut(b.Bytes(), size) {
			g.part(i, p, 33)
		}
		if m, err := g.manifest(); err != nil || m.Models["Layout"] != 9 {
			t.Errorf("in parts of %d: %+v, %v", size, m, err)
		}
	}
}

func TestRealArchives(t *testing.T) {
	files, err := filepath.Glob("../testdata/lar/*.lar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no real archives: %v", err)
	}
	for _, file := range files {
		lar, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{700, len(lar)} {
			g := newGate(t)
			for i, p := range cut(lar, size) {
				g.part(i, p, 512)
			}
			m, err := g.manifest()
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if diff := cmp.Diff(real(t, lar), m); diff != "" {
				t.Errorf("%s:\n%s", file, diff)
			}
		}
	}
}

func FuzzSight(f *testing.F) {
	w := glimpse.NewWatcher("a", 10)
	_, _ = w.Write([]byte("PK\x03\x04 and so on"))
	f.Add(w.Sight().Append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := glimpse.Parse("a", b)
		if err != nil {
			return
		}
		again, err := glimpse.Parse("a", s.Append(nil))
		if err != nil || !cmp.Equal(s, again) {
			t.Fatalf("%v, %+v, want %+v", err, again, s)
		}
		_ = s.Trim(0)
		_, _ = glimpse.Look([]glimpse.Sight{s}, archive.DefaultLimits())
	})
}

// FuzzParts cuts anything anywhere: what is found is what a reader of the whole finds, or nothing.
func FuzzParts(f *testing.F) {
	f.Add(pack(f, text(3), site(2, 2)...), uint16(60), uint64(1))
	f.Add(pack(f, text(30), site(5, 0)...), uint16(200), uint64(2))
	broken := pack(f, text(30), site(5, 0)...)
	broken[bytes.Index(broken, []byte("PK\x01\x02"))+29] = 0x80 // the name of the first record is longer than the directory
	f.Add(broken, uint16(200), uint64(64))
	f.Fuzz(func(t *testing.T, lar []byte, size uint16, seed uint64) {
		if len(lar) == 0 || len(lar) > 1<<16 {
			return
		}
		parts := cut(lar, max(int(size), 1+len(lar)/200))
		g := newGate(t)
		for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(len(parts)) {
			g.part(i, parts[i], 1+int(size)/2)
		}
		m, err := g.manifest()
		if err != nil {
			return
		}
		a, err := zip.NewReader(bytes.NewReader(lar), int64(len(lar)))
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, zip.ErrFormat) {
			return // another record of the directory is broken: nobody who reads directories takes the archive
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range a.File {
			if e.Name != manifest.Name {
				continue
			}
			r, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			want, err := manifest.Read(r, archive.DefaultLimits())
			if err != nil || !cmp.Equal(want, m) {
				t.Fatalf("found %+v, the archive has %+v, %v", m, want, err)
			}
			return
		}
		t.Fatal("found where there is none")
	})
}

func BenchmarkWatcher(b *testing.B) {
	part := make([]byte, 10<<20)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range part {
		part[i] = byte(r.Uint32())
	}
	b.SetBytes(int64(len(part)))
	for b.Loop() {
		w := glimpse.NewWatcher("a", 0)
		for rest := part; len(rest) > 0; rest = rest[32<<10:] {
			_, _ = w.Write(rest[:32<<10])
		}
		if len(w.Sight().Ranges) == 0 {
			b.Fatal("nothing kept")
		}
	}
}
