package record

import (
	"encoding/binary"
	"time"
)

// Signatures and fixed lengths of the records of a ZIP file.
const (
	SigLocal      = 0x04034b50
	SigCentral    = 0x02014b50
	SigEnd        = 0x06054b50
	SigEnd64      = 0x06064b50
	SigLocator64  = 0x07064b50
	SigDescriptor = 0x08074b50

	lenLocal        = 30
	LenCentral      = 46
	lenEnd          = 22
	LenEnd64        = 56
	lenLocator64    = 20
	lenDescriptor   = 16
	lenDescriptor64 = 24
)

// Values that stand for "see ZIP64".
const (
	Magic16 = 0xffff
	Magic32 = 0xffffffff
)

// Bits of the flags of an entry.
const (
	FlagEncrypted  = 1 << 0
	FlagsEffort    = 3 << 1 // how hard a deflater tried, which changes nothing for a reader
	FlagDescriptor = 1 << 3
	FlagUTF8       = 1 << 11
)

// Versions needed to extract. The upper byte of the field is the system of some writers; readers
// look at neither.
const (
	Version10 = 10
	Version20 = 20
	Version45 = 45
	Version63 = 63
)

// Method says how the content of an entry is kept.
type Method uint16

// The methods that archives use.
const (
	Stored   Method = 0
	Deflated Method = 8
)

// Cursor reads little-endian numbers off a record whose length was checked.
type Cursor []byte

func (c *Cursor) u16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *Cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *Cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

func (c *Cursor) take(n int) []byte {
	b := (*c)[:n]
	*c = (*c)[n:]
	return b
}

// Header is what a local header and a central record both say.
type Header struct {
	Version    uint16
	Flags      uint16
	Method     Method
	Clock      uint16
	Date       uint16
	Crc        uint32
	Compressed uint32
	Size       uint32
	NameLen    uint16
	ExtraLen   uint16
}

func (c *Cursor) header() Header {
	return Header{
		Version: c.u16(), Flags: c.u16(), Method: Method(c.u16()), Clock: c.u16(), Date: c.u16(),
		Crc: c.u32(), Compressed: c.u32(), Size: c.u32(), NameLen: c.u16(), ExtraLen: c.u16(),
	}
}

// Append lays the header out behind b.
func (h Header) Append(b []byte) []byte {
	le := binary.LittleEndian
	for _, v := range []uint16{h.Version, h.Flags, uint16(h.Method), h.Clock, h.Date} {
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{h.Crc, h.Compressed, h.Size} {
		b = le.AppendUint32(b, v)
	}
	return le.AppendUint16(le.AppendUint16(b, h.NameLen), h.ExtraLen)
}

// Modified reads the MS-DOS time, which knows no zone and counts in steps of two seconds.
func (h Header) Modified() time.Time {
	return time.Date(
		1980+int(h.Date>>9), time.Month(h.Date>>5&0xf), int(h.Date&0x1f),
		int(h.Clock>>11), int(h.Clock>>5&0x3f), int(h.Clock&0x1f)*2, 0, time.UTC)
}

// DosTime is the inverse of modified for the years that MS-DOS knows; others become the nearest it
// knows.
func DosTime(t time.Time) (date, clock uint16) {
	t = t.UTC()
	if t.Year() < 1980 {
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if t.Year() > 2107 {
		t = time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	}
	date = uint16(t.Year()-1980)<<9 | uint16(t.Month())<<5 | uint16(t.Day())
	clock = uint16(t.Hour())<<11 | uint16(t.Minute())<<5 | uint16(t.Second()/2)
	return date, clock
}

// Needs64 reports whether a number does not fit the 32-bit field of a record.
func Needs64(n int64) bool { return n >= Magic32 }
