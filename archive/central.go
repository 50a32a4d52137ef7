package archive

import (
	"errors"
	"io"
)

// central is one record of the central directory.
type central struct {
	header
	madeBy     uint16
	commentLen uint16
	disk       uint16
	internal   uint16
	external   uint32

	name       string
	full       int64 // size, widened
	packed     int64 // compressed size, widened
	offset     int64 // of the local header, widened
	descriptor bool
}

// Bits of the file mode that Unix writers leave in the upper half of the external attributes.
const (
	modeType = 0xf000
	modeDir  = 0x4000
	modeFile = 0x8000
)

// centralRules are held against each record of the central directory in this order.
var centralRules = []struct {
	code   Code
	msg    string
	broken func(*central) bool
}{
	{CodeFlags, "entry is encrypted with a password", func(c *central) bool {
		return c.flags&flagEncrypted != 0
	}},
	{CodeMethod, "method is neither stored nor deflated", func(c *central) bool {
		return c.method != Stored && c.method != Deflated
	}},
	{CodeVersion, "version needed to extract is later than 6.3", func(c *central) bool {
		return c.version&0xff > version63
	}},
	{CodeFlags, "flags other than UTF-8, data descriptor and effort are set", func(c *central) bool {
		return c.flags&^(flagUTF8|flagDescriptor|flagsEffort) != 0
	}},
	{CodeDescriptor, "stored entry has a data descriptor", func(c *central) bool {
		return c.descriptor && c.method == Stored
	}},
	{CodeDescriptor, "readers disagree on the length of a data descriptor for 4294967295 bytes", func(c *central) bool {
		return c.descriptor && (c.full == magic32 || c.packed == magic32)
	}},
	{CodeCentral, "entry is on another disk", func(c *central) bool { return c.disk != 0 }},
	{CodeMode, "entry is neither a regular file nor a directory", func(c *central) bool {
		return !c.modeFits()
	}},
	{CodeSize, "stored entry has two sizes", func(c *central) bool {
		return c.method == Stored && c.packed != c.full
	}},
	{CodeSize, "directory has content", func(c *central) bool {
		return c.dir() && (c.full != 0 || c.crc != 0 || c.packed > emptyDeflate)
	}},
}

// emptyDeflate is the length of nothing, deflated: Java's stream writer deflates directories too.
const emptyDeflate = 2

func (c *central) dir() bool { return c.name != "" && c.name[len(c.name)-1] == '/' }

func (c *central) modeFits() bool {
	dosDir := c.external&0x10 != 0
	if dosDir && !c.dir() || c.external&0x08 != 0 {
		return false
	}
	switch c.external >> 16 & modeType {
	case 0:
		return true
	case modeDir:
		return c.dir()
	case modeFile:
		return !c.dir()
	}
	return false
}

// readCentral reads the next record; it allocates no more than the record's own fields allow, 192
// KiB.
func readCentral(r io.Reader, buf []byte) (*central, error) {
	fixed := cursor(buf[:lenCentral])
	if _, err := io.ReadFull(r, fixed); err != nil {
		return nil, cutShort(err)
	}
	if fixed.u32() != sigCentral {
		return nil, refuse(CodeCentral, "no central record where one is due")
	}
	c := &central{madeBy: fixed.u16(), header: fixed.header()}
	c.commentLen, c.disk, c.internal = fixed.u16(), fixed.u16(), fixed.u16()
	c.external, c.offset = fixed.u32(), int64(fixed.u32())
	c.full, c.packed = int64(c.size), int64(c.compressed)
	c.descriptor = c.flags&flagDescriptor != 0

	rest := make([]byte, int(c.nameLen)+int(c.extraLen)+int(c.commentLen))
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, cutShort(err)
	}
	c.name = string(rest[:c.nameLen])
	extra := rest[c.nameLen : int(c.nameLen)+int(c.extraLen)]
	if ref := c.widen(extra); ref != nil {
		return c, ref
	}
	return c, nil
}

func (c *central) widen(extra []byte) *Refusal {
	zip64, ref := parseExtra(extra, c.name)
	if ref != nil {
		return ref
	}
	return widen(zip64, &c.full, &c.packed, &c.offset)
}

// cutShort turns the end of the directory into a refusal and leaves read errors alone.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(CodeDirectory, "directory ends inside a record or has too few of them")
	}
	return err
}

func (c *central) check(lim Limits) *Refusal {
	if ref := checkName(c.name, lim.Name); ref != nil {
		return ref
	}
	for _, rule := range centralRules {
		if !rule.broken(c) {
			continue
		}
		if rule.code == CodeMethod {
			return c.method.foreign()
		}
		return refuse(rule.code, "%s", rule.msg)
	}
	if c.full > lim.Entry {
		return refuse(CodeEntrySize, "content of %d bytes is more than %d", c.full, lim.Entry)
	}
	if c.packed < lim.leastCompressed(c.full) {
		return refuse(CodeRatio, "%d bytes inflate to %d, more than %d to 1",
			c.packed, c.full, lim.Ratio)
	}
	return nil
}
