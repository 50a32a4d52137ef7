package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stagelock/stagelock/archive/refusal"
)

// field lays an extra field out.
func field(id uint16, data ...byte) []byte {
	le := binary.LittleEndian
	return append(le.AppendUint16(le.AppendUint16(nil, id), uint16(len(data))), data...)
}

// wide is a number of a ZIP64 field.
func wide(numbers ...uint64) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

// path is a field of a Unicode path for that name.
func path(version byte, of, says string) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{version}, crc32.ChecksumIEEE([]byte(of)))
	return field(extraUnicodePath, append(b, says...)...)
}

func TestExtraFields(t *testing.T) {
	for _, tt := range []struct {
		name  string
		extra []byte
		code  refusal.Code
		says  string
	}{
		{"none", nil, "", ""}, {"times", field(0x5455, 1, 2, 3, 4, 5), "", ""}, {"an empty one", field(0xcafe), "", ""},
		{"two", append(field(0x5455, 1), field(0x7875, 2)...), "", ""}, {"the name again", path(1, "a.xml", "a.xml"), "", ""},
		{"another name", path(1, "a.xml", "b.xml"), refusal.CodeExtra, "gives the entry another name"},
		{"the name of another checksum", path(1, "b.xml", "a.xml"), refusal.CodeExtra, "another name"},
		{"the name in another version", path(2, "a.xml", "a.xml"), refusal.CodeExtra, "another name"},
		{"a name that is cut", field(extraUnicodePath, 1, 2, 3), refusal.CodeExtra, "another name"},
		{"one twice", append(field(0x5455, 1), field(0x5455, 1)...), refusal.CodeExtra, "0x5455 occurs twice"},
		{"one that is cut", field(0x5455, 1, 2)[:5], refusal.CodeExtra, "0x5455 is cut short"},
		{"half a head", []byte{1, 2, 3}, refusal.CodeExtra, "3 bytes left over"},
		{"bytes behind", append(field(0x5455, 1), 0), refusal.CodeExtra, "1 bytes left over"},
		{"encrypted with AES", field(0x9901, 1), refusal.CodeExtra, "entry is encrypted"},
		{"encrypted with certificates", field(0x0017, 1), refusal.CodeExtra, "entry is encrypted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			zip64, ref := parseExtra(tt.extra, "a.xml")
			ends(t, asError(ref), tt.code, tt.says)
			if zip64 != nil {
				t.Errorf("a ZIP64 field of %d bytes", len(zip64))
			}
		})
	}
}

// asError keeps a nil refusal a nil error.
func asError(r *refusal.Refusal) error {
	if r == nil {
		return nil
	}
	return r
}

func TestWiden(t *testing.T) {
	const m = Magic32
	for _, tt := range []struct {
		name   string
		zip64  []byte
		fields [3]int64
		want   [3]int64
		says   string
	}{
		{"nothing is wide", nil, [3]int64{1, 2, 3}, [3]int64{1, 2, 3}, ""},
		{"the first", wide(m), [3]int64{m, 2, 3}, [3]int64{m, 2, 3}, ""},
		{"the last", wide(5 << 30), [3]int64{1, 2, m}, [3]int64{1, 2, 5 << 30}, ""},
		{"all", wide(5<<30, 6<<30, 7<<30), [3]int64{m, m, m}, [3]int64{5 << 30, 6 << 30, 7 << 30}, ""},
		{"one that is not there", wide(5 << 30), [3]int64{m, m, 3}, [3]int64{}, "left to a ZIP64 field that lacks it"},
		{"none is there", nil, [3]int64{1, m, 3}, [3]int64{}, "lacks it"},
		{"half a number", wide(5 << 30)[:7], [3]int64{m, 2, 3}, [3]int64{}, "lacks it"},
		{"one that is not needed", wide(m - 1), [3]int64{m, 2, 3}, [3]int64{}, "does not need or fit it"},
		{"one that no file has", wide(1<<62 + 1), [3]int64{m, 2, 3}, [3]int64{}, "does not need or fit it"},
		{"one that is negative in Java", wide(1 << 63), [3]int64{m, 2, 3}, [3]int64{}, "does not need or fit it"},
		{"one more than needed", wide(5<<30, 1), [3]int64{m, 2, 3}, [3]int64{}, "not needed"},
		{"an empty field", []byte{}, [3]int64{1, 2, 3}, [3]int64{}, "not needed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.fields
			ref := widen(tt.zip64, &got[0], &got[1], &got[2])
			if tt.says == "" && (ref != nil || got != tt.want) || tt.says != "" && (ref == nil || ref.Code != refusal.CodeZIP64 || !strings.Contains(ref.Msg, tt.says)) {
				t.Errorf("%v, %v, want %v, %q", got, ref, tt.want, tt.says)
			}
		})
	}
}

// central is a record of the directory, whose header a test sets.
func central(h Header, name string, extra []byte, comment string, offset uint32) []byte {
	le := binary.LittleEndian
	h.NameLen, h.ExtraLen = uint16(len(name)), uint16(len(extra))
	b := le.AppendUint16(le.AppendUint32(nil, SigCentral), 3<<8|20)
	b = h.Append(b)
	for _, v := range []uint16{uint16(len(comment)), 0, 1} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(le.AppendUint32(b, 0o100644<<16), offset)
	return append(append(append(b, name...), extra...), comment...)
}

var plainHeader = Header{Version: 20, Flags: FlagUTF8, Method: Deflated, Clock: 0x6020, Date: 0x5821, Crc: 0xdeadbeef, Compressed: 10, Size: 20}

func TestReadCentral(t *testing.T) {
	buf := make([]byte, LenCentral)
	b := central(plainHeader, "a/b.xml", field(0x5455, 1), "words", 99)
	c, err := ReadCentral(bytes.NewReader(b), buf)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "a/b.xml" || c.Full != 20 || c.Packed != 10 || c.Offset != 99 || c.Crc != 0xdeadbeef || c.Method != Deflated || c.External != 0o100644<<16 ||
		c.Descriptor || c.Dir() {
		t.Errorf("%+v", c)
	}
	for n := range b { // cut at every byte
		_, err := ReadCentral(bytes.NewReader(b[:n]), buf)
		if refusal.CodeOf(err) != refusal.CodeDirectory {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	if _, err := ReadCentral(io.MultiReader(bytes.NewReader(b[:30]), iotest.ErrReader(errors.ErrUnsupported)), buf); !errors.Is(err, errors.ErrUnsupported) || refusal.CodeOf(err) != "" {
		t.Errorf("a disk that fails: %v", err)
	}
	b[0]++
	if _, err := ReadCentral(bytes.NewReader(b), buf); refusal.CodeOf(err) != refusal.CodeCentral {
		t.Errorf("another signature: %v", err)
	}
}

func TestReadCentralWidens(t *testing.T) {
	h := plainHeader
	h.Size, h.Compressed, h.Flags = Magic32, Magic32, FlagDescriptor
	c, err := ReadCentral(bytes.NewReader(central(h, "dir/", field(ExtraZIP64, wide(7<<30, 6<<30, 5<<30)...), "", Magic32)), make([]byte, LenCentral))
	if err != nil || c.Full != 7<<30 || c.Packed != 6<<30 || c.Offset != 5<<30 || !c.Descriptor || !c.Dir() {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = ReadCentral(bytes.NewReader(central(h, "big", nil, "", 0)), make([]byte, LenCentral))
	if refusal.CodeOf(err) != refusal.CodeZIP64 || c == nil || c.Name != "big" {
		t.Errorf("without its field: %+v, %v", c, err)
	}
}

// local lays out a local header, its content and what stands behind.
func local(h Header, name string, extra []byte, packed int, behind ...byte) []byte {
	h.NameLen, h.ExtraLen = uint16(len(name)), uint16(len(extra))
	b := h.Append(binary.LittleEndian.AppendUint32(nil, SigLocal))
	b = append(append(append(b, name...), extra...), make([]byte, packed)...)
	return append(b, behind...)
}

func u32s(numbers ...uint32) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

// A local header says what its central record says: who reads one must find what who reads the other does.
func TestCheckLocal(t *testing.T) {
	const name = "a.xml"
	crc := plainHeader.Crc
	deferred := func(h *Header) { h.Flags |= FlagDescriptor }
	for _, tt := range []struct {
		name    string
		central func(h *Header)
		local   func(h *Header)
		extra   []byte
		other   string // the name in the local header
		behind  []byte
		length  int64 // of the descriptor
		code    refusal.Code
		says    string
	}{
		{name: "the same"},
		{name: "other times and versions", local: func(h *Header) { h.Clock, h.Date, h.Version = 1, 2, 45 }},
		{name: "another effort", local: func(h *Header) { h.Flags |= 1 << 1 }},
		{name: "an extra field", extra: field(0x5455, 1, 2, 3, 4, 5)},
		{name: "another name", other: "b.xml", code: refusal.CodeLocal, says: "another name"},
		{name: "a longer name", other: "a.xmls", code: refusal.CodeLocal, says: "another name"},
		{name: "another checksum", local: func(h *Header) { h.Crc++ }, code: refusal.CodeLocal, says: "checksum 0xdeadbef0, not 0xdeadbeef"},
		{name: "another size", local: func(h *Header) { h.Size++ }, code: refusal.CodeLocal, says: "size 0x15, not 0x14"},
		{name: "another length", local: func(h *Header) { h.Compressed++ }, code: refusal.CodeLocal, says: "compressed size 0xb, not 0xa"},
		{name: "another method", local: func(h *Header) { h.Method = Stored }, code: refusal.CodeLocal, says: "method 0x0, not 0x8"},
		{name: "encrypted in one of them", local: func(h *Header) { h.Flags |= FlagEncrypted }, code: refusal.CodeLocal, says: "flags"},
		{name: "a descriptor in one of them", local: deferred, code: refusal.CodeLocal, says: "flags"},
		{name: "a ZIP64 field that is not needed", extra: field(ExtraZIP64, wide(20, 10)...), code: refusal.CodeZIP64, says: "does not fit the sizes"},
		{name: "a bad extra field", extra: []byte{1}, code: refusal.CodeExtra, says: "left over"},
		{name: "a descriptor", central: deferred, local: func(h *Header) { h.Flags |= FlagDescriptor; h.Crc, h.Size, h.Compressed = 0, 0, 0 },
			behind: u32s(SigDescriptor, crc, 10, 20), length: 16},
		{name: "a descriptor of what was known", central: deferred, local: deferred, behind: u32s(SigDescriptor, crc, 10, 20), length: 16},
		{name: "a descriptor without its signature", central: deferred, local: deferred, behind: u32s(crc, 10, 20), length: 12},
		{name: "a descriptor of what was known wrongly", central: deferred, local: func(h *Header) { h.Flags |= FlagDescriptor; h.Size = 19 },
			behind: u32s(SigDescriptor, crc, 10, 20), code: refusal.CodeLocal, says: "size"},
		{name: "a descriptor with another checksum", central: deferred, local: deferred, behind: u32s(SigDescriptor, crc+1, 10, 20), code: refusal.CodeDescriptor, says: "is not equal"},
		{name: "a descriptor with another size", central: deferred, local: deferred, behind: u32s(SigDescriptor, crc, 10, 21), code: refusal.CodeDescriptor, says: "is not equal"},
		{name: "a descriptor that is cut", central: deferred, local: deferred, behind: u32s(SigDescriptor, crc, 10), code: refusal.CodeOverlap, says: "runs into the central directory"},
		{name: "no descriptor", central: deferred, local: deferred, code: refusal.CodeOverlap, says: "runs into"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ch, lh, lname := plainHeader, plainHeader, name
			if tt.central != nil {
				tt.central(&ch)
			}
			if tt.local != nil {
				tt.local(&lh)
			}
			if tt.other != "" {
				lname = tt.other
			}
			c, err := ReadCentral(bytes.NewReader(central(ch, name, nil, "", 3)), make([]byte, LenCentral))
			if err != nil {
				t.Fatal(err)
			}
			b := append([]byte("xyz"), local(lh, lname, tt.extra, 10, tt.behind...)...)
			data, next, err := c.CheckLocal(bytes.NewReader(b), 3, int64(len(b)))
			ends(t, err, tt.code, tt.says)
			if begins := int64(3 + lenLocal + len(name) + len(tt.extra)); tt.code == "" && (data != begins || next != begins+10+tt.length) {
				t.Errorf("content at %d, next at %d, want %d and %d", data, next, begins, begins+10+tt.length)
			}
		})
	}
}

// The header of an entry lies in front of the directory, wherever its record says.
func TestCheckLocalElsewhere(t *testing.T) {
	c, err := ReadCentral(bytes.NewReader(central(plainHeader, "a.xml", nil, "", 0)), make([]byte, LenCentral))
	if err != nil {
		t.Fatal(err)
	}
	b := local(plainHeader, "a.xml", nil, 10)
	for _, tt := range []struct {
		name       string
		off, limit int64
		code       refusal.Code
	}{
		{"no header there", 1, int64(len(b)), refusal.CodeLocal}, {"in the directory", int64(len(b)), int64(len(b)), refusal.CodeOverlap},
		{"behind it", 1 << 40, int64(len(b)), refusal.CodeOverlap}, {"into it", 0, lenLocal, refusal.CodeOverlap},
	} {
		_, _, err := c.CheckLocal(bytes.NewReader(append(b, b...)), tt.off, tt.limit)
		if refusal.CodeOf(err) != tt.code {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
		}
	}
	if _, _, err := c.CheckLocal(failing{io.ErrClosedPipe}, 0, 1000); !errors.Is(err, io.ErrClosedPipe) || !strings.HasPrefix(fmt.Sprint(err), "read at 0: ") {
		t.Errorf("a disk that fails: %v", err)
	}
}

// Times of MS-DOS have steps of two seconds, from 1980 to 2107; others become the nearest.
func TestTimes(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"2024-02-29T23:59:58Z", "2024-02-29T23:59:58Z"}, {"2024-02-29T23:59:59Z", "2024-02-29T23:59:58Z"}, {"1980-01-01T00:00:00Z", "1980-01-01T00:00:00Z"},
		{"1979-12-31T23:59:59Z", "1980-01-01T00:00:00Z"}, {"1601-01-01T00:00:00Z", "1980-01-01T00:00:00Z"}, {"2107-12-31T23:59:59Z", "2107-12-31T23:59:58Z"},
		{"2108-01-01T00:00:00Z", "2107-12-31T23:59:58Z"}, {"9999-12-31T00:00:00Z", "2107-12-31T23:59:58Z"}, {"2024-06-01T12:00:00+02:00", "2024-06-01T10:00:00Z"},
	} {
		in, err := time.Parse(time.RFC3339, tt.in)
		if err != nil {
			t.Fatal(err)
		}
		var h Header
		h.Date, h.Clock = DosTime(in)
		if got := h.Modified().Format(time.RFC3339); got != tt.want {
			t.Errorf("%s became %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestNeeds64(t *testing.T) {
	for n, want := range map[int64]bool{0: false, Magic32 - 1: false, Magic32: true, Magic32 + 1: true, 1 << 40: true} {
		if got := Needs64(n); got != want {
			t.Errorf("%d: %t", n, got)
		}
	}
}

// FuzzHeader: a header is written as it was read.
func FuzzHeader(f *testing.F) {
	f.Add(plainHeader.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 26 {
			return
		}
		c := Cursor(b[:26])
		h := c.header()
		if back := h.Append(nil); !bytes.Equal(back, b[:26]) || len(c) != 0 {
			t.Errorf("%x became %x, %d bytes are left", b[:26], back, len(c))
		}
	})
}
