package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive/refusal"
)

// end is an end record whose fields a test sets.
type end struct {
	disk, start, here, entries uint16
	size, offset               uint32
	comment                    string
	commentLen                 int // -1: as long as it is
}

func (e end) bytes() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, SigEnd)
	for _, v := range []uint16{e.disk, e.start, e.here, e.entries} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(le.AppendUint32(b, e.size), e.offset)
	n := len(e.comment)
	if e.commentLen >= 0 {
		n = e.commentLen
	}
	return append(le.AppendUint16(b, uint16(n)), e.comment...)
}

// end64 is a ZIP64 end record with its locator.
type end64 struct {
	length, disks, here, entries, size, offset uint64
	locDisk, locDisks                          uint32
	locOffset                                  uint64
}

func (e end64) bytes() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(le.AppendUint32(nil, SigEnd64), e.length)
	b = le.AppendUint16(le.AppendUint16(b, 45), 45)
	for _, v := range []uint64{e.disks, e.here, e.entries, e.size, e.offset} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(le.AppendUint32(b, SigLocator64), e.locDisk)
	return le.AppendUint32(le.AppendUint64(b, e.locOffset), e.locDisks)
}

// file is an archive of zeros that claims to be size bytes long and ends with tail.
type file struct {
	size int64
	tail []byte
}

func (f file) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for ; n < len(p) && off+int64(n) < f.size; n++ {
		if i := off + int64(n) - (f.size - int64(len(f.tail))); i >= 0 {
			p[n] = f.tail[i]
		} else {
			p[n] = 0
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// directory of 100 bytes at 50, in front of an end record at 150.
func good() end { return end{here: 2, entries: 2, size: 100, offset: 50, commentLen: -1} }

func TestReadEndOfAClassicArchive(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(e *end)
		behind string
		code   refusal.Code
		says   string
	}{
		{"as it should be", func(*end) {}, "", "", ""},
		{"with a comment", func(e *end) { e.comment = "made by hand" }, "", "", ""},
		{"with a comment that has an end record's signature", func(e *end) { e.comment = "PK\x05\x06" }, "", refusal.CodeEnd, "does not end with an end record"},
		{"zeros behind it", func(*end) {}, strings.Repeat("\x00", 500), "", ""},
		{"the most zeros behind it", func(*end) {}, strings.Repeat("\x00", mostBehind), "", ""},
		{"too many zeros behind it", func(*end) {}, strings.Repeat("\x00", mostBehind+60+LenEnd64+lenLocator64), refusal.CodeEnd, "does not end with an end record"},
		{"bytes behind it", func(*end) {}, "x", refusal.CodeEnd, "1 bytes stand behind the end of the archive"},
		{"a byte between zeros", func(*end) {}, "\x00x\x00", refusal.CodeEnd, "3 bytes stand behind"},
		{"bytes behind its comment", func(e *end) { e.comment = "abc" }, "x", refusal.CodeComment, "1 bytes stand behind the archive's comment"},
		{"a comment that is cut", func(e *end) { e.comment, e.commentLen = "abc", 5 }, "", refusal.CodeComment, "ends inside its comment"},
		{"one of several disks", func(e *end) { e.disk = 1 }, "", refusal.CodeEnd, "one of several disks"},
		{"a directory on another disk", func(e *end) { e.start = 1 }, "", refusal.CodeEnd, "one of several disks"},
		{"other entries here", func(e *end) { e.here = 1 }, "", refusal.CodeEnd, "one of several disks"},
		{"a directory that is too short", func(e *end) { e.size = 99 }, "", refusal.CodeDirectory, "99 bytes at 50 does not end where the end record begins, 150"},
		{"a directory that is too long", func(e *end) { e.size = 101 }, "", refusal.CodeDirectory, "101 bytes at 50"},
		{"a directory behind its end", func(e *end) { e.offset, e.size = 200, 0 }, "", refusal.CodeDirectory, "at 200"},
		{"a directory that begins late", func(e *end) { e.offset = 51 }, "", refusal.CodeDirectory, "at 51"},
		{"entries that are left to ZIP64", func(e *end) { e.here, e.entries = Magic16, Magic16 }, "", refusal.CodeZIP64, "a ZIP64 record that is not there"},
		{"a size that is left to ZIP64", func(e *end) { e.size = Magic32 }, "", refusal.CodeZIP64, "not there"},
		{"an offset that is left to ZIP64", func(e *end) { e.offset = Magic32 }, "", refusal.CodeZIP64, "not there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := good()
			tt.change(&e)
			f := file{tail: append(e.bytes(), tt.behind...)}
			f.size = 150 + int64(len(f.tail))
			got, err := ReadEnd(f, f.size)
			ends(t, err, tt.code, tt.says)
			if tt.code == "" && (got.Entries != 2 || got.Size != 100 || got.Offset != 50 || got.at != 150) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// ends checks what an archive was refused for; nothing with an empty code.
func ends(t *testing.T, err error, code refusal.Code, says string) {
	t.Helper()
	if got := refusal.CodeOf(err); got != code || code == "" && err != nil || code != "" && !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v, want %s with %q", got, err, code, says)
	}
}

func TestReadEndOfALargeArchive(t *testing.T) {
	const dir, at = 5 << 30, 5<<30 + 1000 // where the directory begins, and the ZIP64 end record
	for _, tt := range []struct {
		name   string
		change func(e *end64, classic *end)
		code   refusal.Code
		says   string
	}{
		{"as it should be", func(*end64, *end) {}, "", ""},
		{"with the numbers that fit", func(_ *end64, c *end) { c.here, c.entries, c.size = 7, 7, 1000 }, "", ""},
		{"with other numbers that fit", func(_ *end64, c *end) { c.here, c.entries = 8, 8 }, refusal.CodeZIP64, "contradict each other"},
		{"with another size", func(_ *end64, c *end) { c.size = 999 }, refusal.CodeZIP64, "contradict each other"},
		{"with an offset that does not fit", func(_ *end64, c *end) { c.offset = 5 }, refusal.CodeZIP64, "contradict each other"},
		{"a locator of another disk", func(e *end64, _ *end) { e.locDisk = 1 }, refusal.CodeZIP64, "locator does not point"},
		{"a locator of two disks", func(e *end64, _ *end) { e.locDisks = 2 }, refusal.CodeZIP64, "locator does not point"},
		{"a locator of no disk", func(e *end64, _ *end) { e.locDisks = 0 }, refusal.CodeZIP64, "locator does not point"},
		{"a locator to another place", func(e *end64, _ *end) { e.locOffset-- }, refusal.CodeZIP64, "locator does not point"},
		{"a locator to a far place", func(e *end64, _ *end) { e.locOffset = 1 << 63 }, refusal.CodeZIP64, "locator does not point"},
		{"a record that is longer", func(e *end64, _ *end) { e.length++ }, refusal.CodeZIP64, "not one of 56 bytes on one disk"},
		{"of two disks", func(e *end64, _ *end) { e.disks = 1 }, refusal.CodeZIP64, "on one disk"},
		{"a directory on another disk", func(e *end64, _ *end) { e.disks = 1 << 32 }, refusal.CodeZIP64, "on one disk"},
		{"other entries here", func(e *end64, _ *end) { e.here++ }, refusal.CodeZIP64, "on one disk"},
		{"that is not needed", func(e *end64, c *end) { e.offset, c.offset = 5, 5 }, refusal.CodeZIP64, "not needed"},
		{"numbers that no file has", func(e *end64, _ *end) { e.size = 1 << 62 }, refusal.CodeZIP64, "numbers that no file has"},
		{"a directory that is too short", func(e *end64, _ *end) { e.size-- }, refusal.CodeDirectory, "does not end where"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := end64{length: 44, here: 7, entries: 7, size: 1000, offset: dir, locDisks: 1, locOffset: at}
			c := end{here: Magic16, entries: Magic16, size: Magic32, offset: Magic32, commentLen: -1}
			tt.change(&e, &c)
			f := file{tail: append(e.bytes(), c.bytes()...)}
			f.size = at + int64(len(f.tail))
			got, err := ReadEnd(f, f.size)
			ends(t, err, tt.code, tt.says)
			if tt.code == "" && (got.Entries != 7 || got.Size != 1000 || got.Offset != dir || got.at != at) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestReadEndOfWhatIsNone(t *testing.T) {
	for _, tt := range []struct{ name, data, says string }{
		{"nothing", "", "0 bytes is too short"}, {"a byte less than the least", strings.Repeat("\x00", lenEnd-1), "21 bytes is too short"},
		{"zeros", strings.Repeat("\x00", 5000), "does not end with an end record"}, {"text", strings.Repeat("hello ", 500), "does not end with an end record"},
		{"a signature that is cut", strings.Repeat("x", 100) + "PK\x05\x06" + strings.Repeat("\x00", 5), "does not end with an end record"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadEnd(strings.NewReader(tt.data), int64(len(tt.data)))
			ends(t, err, refusal.CodeEnd, tt.says)
		})
	}
	empty := end{commentLen: -1}.bytes()
	if e, err := ReadEnd(bytes.NewReader(empty), int64(len(empty))); err != nil || e != (End{}) {
		t.Errorf("the empty archive: %+v, %v", e, err)
	}
}

// A disk that fails is no bad archive.
func TestReadErrorsAreNoRefusals(t *testing.T) {
	errDisk := errors.New("disk")
	if _, err := ReadEnd(failing{errDisk}, 1000); !errors.Is(err, errDisk) || refusal.CodeOf(err) != "" {
		t.Errorf("%v", err)
	}
	if _, err := ReadEnd(strings.NewReader("short"), 1000); !errors.Is(err, io.ErrUnexpectedEOF) || refusal.CodeOf(err) != "" {
		t.Errorf("a file that became shorter: %v", err)
	}
	if err := ReadAt(bytes.NewReader([]byte("abc")), make([]byte, 3), 0); err != nil {
		t.Errorf("up to the last byte: %v", err)
	}
	if err := ReadAt(bytes.NewReader([]byte("abc")), make([]byte, 4), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("beyond the last byte: %v", err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// FuzzReadEnd: what is accepted has its directory right in front of the end records.
func FuzzReadEnd(f *testing.F) {
	f.Add(append(make([]byte, 150), good().bytes()...))
	f.Add(end{commentLen: -1}.bytes())
	f.Add(append(append(make([]byte, 100), end64{length: 44, locDisks: 1, locOffset: 100}.bytes()...), good().bytes()...))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ReadEnd(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if refusal.CodeOf(err) == "" {
				t.Errorf("%v is no refusal", err)
			}
			return
		}
		if e.Entries < 0 || e.Size < 0 || e.Offset < 0 || e.Offset+e.Size != e.at || e.at+lenEnd > int64(len(data)) {
			t.Errorf("%+v of %d bytes", e, len(data))
		}
	})
}
