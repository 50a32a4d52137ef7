package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/stagelock/stagelock/archive/refusal"
)

// End is what the records at the end of an archive say together.
type End struct {
	Entries int64
	Size    int64 // of the central directory
	Offset  int64 // of the central directory
	at      int64 // where the first of the end records begins
}

// endRecord is the classic end record as it stands.
type endRecord struct {
	disk, startDisk, entriesHere, entries uint16
	size, offset                          uint32
	comment                               uint16
}

// The most that may stand behind an end record: a comment, or the zeros with which some writers to
// pipes and tapes fill their last block.
const mostBehind = 1<<16 - 1

// ReadEnd accepts the last end record only, with its comment or with zeros behind it: whoever
// searches for one from the end finds the same.
func ReadEnd(r io.ReaderAt, size int64) (End, error) {
	if size < lenEnd {
		return End{}, refusal.New(refusal.CodeEnd, "archive of %d bytes is too short to have an end record",
			size)
	}
	tail := make([]byte, min(size, LenEnd64+lenLocator64+lenEnd))
	if err := ReadAt(r, tail, size-int64(len(tail))); err != nil {
		return End{}, fmt.Errorf("read end record: %w", err)
	}
	at := len(tail) - lenEnd
	if !isEnd(tail[at:]) {
		tail = make([]byte, min(size, LenEnd64+lenLocator64+lenEnd+mostBehind))
		if err := ReadAt(r, tail, size-int64(len(tail))); err != nil {
			return End{}, fmt.Errorf("read end record: %w", err)
		}
		if at = bytes.LastIndex(tail, binary.LittleEndian.AppendUint32(nil, SigEnd)); at < 0 || len(tail)-at < lenEnd {
			return End{}, refusal.New(refusal.CodeEnd, "archive does not end with an end record")
		}
	}
	return endAt(tail, at, size)
}

// isEnd reports whether b is an end record without a comment.
func isEnd(b []byte) bool {
	c := Cursor(b)
	return c.u32() == SigEnd && b[lenEnd-2]|b[lenEnd-1] == 0
}

// endAt reads the end record that stands at that place of the archive's last bytes.
func endAt(tail []byte, at int, size int64) (End, error) {
	rec, ref := parseEnd(tail[at : at+lenEnd])
	if ref != nil {
		return End{}, ref
	}
	if ref := rec.behind(tail[at+lenEnd:]); ref != nil {
		return End{}, ref
	}
	e, ref := rec.resolve(tail[:at], size-int64(len(tail)-at))
	if ref != nil {
		return End{}, ref
	}
	if e.Offset > e.at || e.Size != e.at-e.Offset {
		return End{}, refusal.New(refusal.CodeDirectory, "directory of %d bytes at %d does not end where the end record begins, %d",
			e.Size, e.Offset, e.at)
	}
	return e, nil
}

// behind checks what stands behind the end record: its comment, or zeros.
func (rec endRecord) behind(b []byte) *refusal.Refusal {
	switch {
	case int(rec.comment) > len(b):
		return refusal.New(refusal.CodeComment, "archive ends inside its comment")
	case int(rec.comment) == len(b):
		return nil
	case rec.comment != 0:
		return refusal.New(refusal.CodeComment, "%d bytes stand behind the archive's comment", len(b)-int(rec.comment))
	case bytes.Count(b, []byte{0}) != len(b):
		return refusal.New(refusal.CodeEnd, "%d bytes stand behind the end of the archive", len(b))
	}
	return nil
}

func parseEnd(b []byte) (endRecord, *refusal.Refusal) {
	c := Cursor(b)
	if c.u32() != SigEnd {
		return endRecord{}, refusal.New(refusal.CodeEnd, "archive does not end with an end record")
	}
	rec := endRecord{
		disk: c.u16(), startDisk: c.u16(), entriesHere: c.u16(), entries: c.u16(),
		size: c.u32(), offset: c.u32(), comment: c.u16(),
	}
	if rec.disk != 0 || rec.startDisk != 0 || rec.entriesHere != rec.entries {
		return rec, refusal.New(refusal.CodeEnd, "archive is one of several disks").
			Heal("join its pieces first: zip -s 0 site.zip --out site.lar")
	}
	return rec, nil
}

// resolve takes the numbers from the ZIP64 records if there are any. A locator in front of the end
// record is always taken for one, as some readers look there whatever the end record says.
func (rec endRecord) resolve(before []byte, at int64) (End, *refusal.Refusal) {
	e := End{Entries: int64(rec.entries), Size: int64(rec.size), Offset: int64(rec.offset), at: at}
	if n := len(before); n >= lenLocator64 {
		if c := Cursor(before[n-lenLocator64:]); c.u32() == SigLocator64 {
			return rec.resolve64(before[:n-lenLocator64], c, at-lenLocator64)
		}
	}
	if rec.entries == Magic16 || rec.size == Magic32 || rec.offset == Magic32 {
		return e, refusal.New(refusal.CodeZIP64,
			"end record leaves its numbers to a ZIP64 record that is not there")
	}
	return e, nil
}

func (rec endRecord) resolve64(before []byte, locator Cursor, at int64) (End, *refusal.Refusal) {
	disk, offset, disks := locator.u32(), locator.u64(), locator.u32()
	if len(before) < LenEnd64 || disk != 0 || disks != 1 || offset != uint64(at-LenEnd64) {
		return End{}, refusal.New(refusal.CodeZIP64, "ZIP64 locator does not point at the record in front of it")
	}
	wide, ref := parseEnd64(before[len(before)-LenEnd64:])
	if ref != nil {
		return End{}, ref
	}
	if !rec.narrows(wide) {
		return End{}, refusal.New(refusal.CodeZIP64, "ZIP64 end record and end record contradict each other")
	}
	wide.at = at - LenEnd64
	return wide, nil
}

func parseEnd64(b []byte) (End, *refusal.Refusal) {
	c := Cursor(b)
	sig, length := c.u32(), c.u64()
	c.take(4) // versions
	disks, here, entries, size, offset := c.u64(), c.u64(), c.u64(), c.u64(), c.u64()
	if sig != SigEnd64 || length != LenEnd64-12 || disks != 0 || here != entries {
		return End{}, refusal.New(refusal.CodeZIP64, "ZIP64 end record is not one of 56 bytes on one disk")
	}
	if entries < Magic16 && size < Magic32 && offset < Magic32 {
		return End{}, refusal.New(refusal.CodeZIP64, "ZIP64 end record is not needed")
	}
	if (entries|size|offset)>>62 != 0 {
		return End{}, refusal.New(refusal.CodeZIP64, "ZIP64 end record holds numbers that no file has")
	}
	return End{Entries: int64(entries), Size: int64(size), Offset: int64(offset)}, nil
}

func (rec endRecord) narrows(wide End) bool {
	return narrows(int64(rec.entries), wide.Entries, Magic16) &&
		narrows(int64(rec.size), wide.Size, Magic32) &&
		narrows(int64(rec.offset), wide.Offset, Magic32)
}

// narrows tells whether narrow is a right way to write wide in a field that ends at magic: writers
// that need ZIP64 for one number leave all of them to it, or that one.
func narrows(narrow, wide, magic int64) bool {
	return narrow == magic || narrow == wide && wide < magic
}

// ReadAt fills b; unlike ReaderAt it does not report an end of file that comes with the last byte.
func ReadAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
