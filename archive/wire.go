package archive

import (
	"encoding/binary"
	"time"
)

// Signatures and fixed lengths of the records of a ZIP file.
const (
	sigLocal      = 0x04034b50
	sigCentral    = 0x02014b50
	sigEnd        = 0x06054b50
	sigEnd64      = 0x06064b50
	sigLocator64  = 0x07064b50
	sigDescriptor = 0x08074b50

	lenLocal        = 30
	lenCentral      = 46
	lenEnd          = 22
	lenEnd64        = 56
	lenLocator64    = 20
	lenDescriptor   = 16
	lenDescriptor64 = 24
)

// Values that stand for "see ZIP64".
const (
	magic16 = 0xffff
	magic32 = 0xffffffff
)

const (
	flagEncrypted  = 1 << 0
	flagsEffort    = 3 << 1 // how hard a deflater tried, which changes nothing for a reader
	flagDescriptor = 1 << 3
	flagUTF8       = 1 << 11
)

// Versions needed to extract. The upper byte of the field is the system of some writers; readers
// look at neither.
const (
	version10 = 10
	version20 = 20
	version45 = 45
	version63 = 63
)

// Method says how the content of an entry is kept.
type Method uint16

// The methods that archives use.
const (
	Stored   Method = 0
	Deflated Method = 8
)

// cursor reads little-endian numbers off a record whose length was checked.
type cursor []byte

func (c *cursor) u16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

func (c *cursor) take(n int) []byte {
	b := (*c)[:n]
	*c = (*c)[n:]
	return b
}

// header is what a local header and a central record both say.
type header struct {
	version    uint16
	flags      uint16
	method     Method
	clock      uint16
	date       uint16
	crc        uint32
	compressed uint32
	size       uint32
	nameLen    uint16
	extraLen   uint16
}

func (c *cursor) header() header {
	return header{
		version: c.u16(), flags: c.u16(), method: Method(c.u16()), clock: c.u16(), date: c.u16(),
		crc: c.u32(), compressed: c.u32(), size: c.u32(), nameLen: c.u16(), extraLen: c.u16(),
	}
}

func (h header) append(b []byte) []byte {
	le := binary.LittleEndian
	for _, v := range []uint16{h.version, h.flags, uint16(h.method), h.clock, h.date} {
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{h.crc, h.compressed, h.size} {
		b = le.AppendUint32(b, v)
	}
	return le.AppendUint16(le.AppendUint16(b, h.nameLen), h.extraLen)
}

// modified reads the MS-DOS time, which knows no zone and counts in steps of two seconds.
func (h header) modified() time.Time {
	return time.Date(
		1980+int(h.date>>9), time.Month(h.date>>5&0xf), int(h.date&0x1f),
		int(h.clock>>11), int(h.clock>>5&0x3f), int(h.clock&0x1f)*2, 0, time.UTC)
}

// dosTime is the inverse of modified for the years that MS-DOS knows; others become the nearest it
// knows.
func dosTime(t time.Time) (date, clock uint16) {
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

// needs64 tells whether a number does not fit the 32-bit field of a record.
func needs64(n int64) bool { return n >= magic32 }
