package record

import (
	"errors"
	"io"

	"github.com/stagelock/stagelock/archive/refusal"
)

// Central is one record of the central directory.
type Central struct {
	Header
	madeBy     uint16
	commentLen uint16
	Disk       uint16
	internal   uint16
	External   uint32

	Name       string
	Full       int64 // size, widened
	Packed     int64 // compressed size, widened
	Offset     int64 // of the local header, widened
	Descriptor bool
}

// Dir reports whether the entry is a folder.
func (c *Central) Dir() bool { return c.Name != "" && c.Name[len(c.Name)-1] == '/' }

// ReadCentral reads the next record; it allocates no more than the record's own fields allow, 192
// KiB.
func ReadCentral(r io.Reader, buf []byte) (*Central, error) {
	fixed := Cursor(buf[:LenCentral])
	if _, err := io.ReadFull(r, fixed); err != nil {
		return nil, cutShort(err)
	}
	if fixed.u32() != SigCentral {
		return nil, refusal.New(refusal.CodeCentral, "no central record where one is due")
	}
	c := &Central{madeBy: fixed.u16(), Header: fixed.header()}
	c.commentLen, c.Disk, c.internal = fixed.u16(), fixed.u16(), fixed.u16()
	c.External, c.Offset = fixed.u32(), int64(fixed.u32())
	c.Full, c.Packed = int64(c.Size), int64(c.Compressed)
	c.Descriptor = c.Flags&FlagDescriptor != 0

	rest := make([]byte, int(c.NameLen)+int(c.ExtraLen)+int(c.commentLen))
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, cutShort(err)
	}
	c.Name = string(rest[:c.NameLen])
	extra := rest[c.NameLen : int(c.NameLen)+int(c.ExtraLen)]
	if ref := c.widen(extra); ref != nil {
		return c, ref
	}
	return c, nil
}

func (c *Central) widen(extra []byte) *refusal.Refusal {
	zip64, ref := parseExtra(extra, c.Name)
	if ref != nil {
		return ref
	}
	return widen(zip64, &c.Full, &c.Packed, &c.Offset)
}

// cutShort turns the end of the directory into a refusal and leaves read errors alone.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refusal.New(refusal.CodeDirectory, "directory ends inside a record or has too few of them")
	}
	return err
}
