package archive

import (
	"fmt"

	"github.com/stagelock/stagelock/archive/record"
	"github.com/stagelock/stagelock/archive/refusal"
)

// Bits of the file mode that Unix writers leave in the upper half of the external attributes.
const (
	modeType = 0xf000
	modeDir  = 0x4000
	modeFile = 0x8000
)

// centralRules are held against each record of the central directory in this order.
var centralRules = []struct {
	code   refusal.Code
	msg    string
	broken func(*record.Central) bool
}{
	{refusal.CodeFlags, "entry is encrypted with a password", func(c *record.Central) bool {
		return c.Flags&record.FlagEncrypted != 0
	}},
	{refusal.CodeMethod, "method is neither stored nor deflated", func(c *record.Central) bool {
		return c.Method != record.Stored && c.Method != record.Deflated
	}},
	{refusal.CodeVersion, "version needed to extract is later than 6.3", func(c *record.Central) bool {
		return c.Version&0xff > record.Version63
	}},
	{refusal.CodeFlags, "flags other than UTF-8, data descriptor and effort are set", func(c *record.Central) bool {
		return c.Flags&^(record.FlagUTF8|record.FlagDescriptor|record.FlagsEffort) != 0
	}},
	{refusal.CodeDescriptor, "stored entry has a data descriptor", func(c *record.Central) bool {
		return c.Descriptor && c.Method == record.Stored
	}},
	{
		refusal.CodeDescriptor,
		"readers disagree on the length of a data descriptor for 4294967295 bytes",
		func(c *record.Central) bool {
			return c.Descriptor && (c.Full == record.Magic32 || c.Packed == record.Magic32)
		},
	},
	{refusal.CodeCentral, "entry is on another disk", func(c *record.Central) bool { return c.Disk != 0 }},
	{refusal.CodeMode, "entry is neither a regular file nor a directory", func(c *record.Central) bool {
		return !modeFits(c)
	}},
	{refusal.CodeSize, "stored entry has two sizes", func(c *record.Central) bool {
		return c.Method == record.Stored && c.Packed != c.Full
	}},
	{refusal.CodeSize, "directory has content", func(c *record.Central) bool {
		return c.Dir() && (c.Full != 0 || c.Crc != 0 || c.Packed > emptyDeflate)
	}},
}

// emptyDeflate is the length of nothing, deflated: Java's stream writer deflates directories too.
const emptyDeflate = 2

func modeFits(c *record.Central) bool {
	dosDir := c.External&0x10 != 0
	if dosDir && !c.Dir() || c.External&0x08 != 0 {
		return false
	}
	switch c.External >> 16 & modeType {
	case 0:
		return true
	case modeDir:
		return c.Dir()
	case modeFile:
		return !c.Dir()
	}
	return false
}

// checkCentral holds a record against the rules and the limits.
func checkCentral(c *record.Central, lim Limits) *refusal.Refusal {
	if ref := record.CheckName(c.Name, lim.Name); ref != nil {
		return ref
	}
	for _, rule := range centralRules {
		if !rule.broken(c) {
			continue
		}
		if rule.code == refusal.CodeMethod {
			return ForeignMethod(c.Method)
		}
		return refusal.New(rule.code, "%s", rule.msg)
	}
	if c.Full > lim.Entry {
		return refusal.New(refusal.CodeEntrySize, "content of %d bytes is more than %d", c.Full, lim.Entry)
	}
	if c.Packed < lim.leastCompressed(c.Full) {
		return refusal.New(refusal.CodeRatio, "%d bytes inflate to %d, more than %d to 1",
			c.Packed, c.Full, lim.Ratio)
	}
	return nil
}

// methodNames are the methods that packers offer and neither the portal nor this package reads.
var methodNames = map[record.Method]string{
	1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "BZip2", 14: "LZMA", 93: "Zstandard", 95: "XZ",
	98: "PPMd", 99: "AES encryption",
}

// ForeignMethod refuses a method that is neither stored nor deflated.
func ForeignMethod(m record.Method) *refusal.Refusal {
	name, ok := methodNames[m]
	if !ok {
		name = fmt.Sprintf("method %d", m)
	}
	return refusal.New(refusal.CodeMethod, "it is packed with %s, which the portal cannot read", name)
}
