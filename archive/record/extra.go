package record

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/stagelock/stagelock/archive/refusal"
)

// The extra fields that say something about an entry's name or content. All others, such as times,
// owners and the marks of tools, are passed over by every reader.
const (
	ExtraZIP64       = 0x0001
	extraUnicodePath = 0x7075
)

// encryption are the extra fields of encrypted entries.
var encryption = map[uint16]bool{0x0014: true, 0x0015: true, 0x0016: true, 0x0017: true, 0x0019: true, 0x9901: true}

// parseExtra walks the extra fields of the entry of that name and returns the content of the ZIP64
// one, nil if there is none.
func parseExtra(b []byte, name string) (zip64 []byte, r *refusal.Refusal) {
	seen := map[uint16]bool{}
	for c := Cursor(b); len(c) > 0; {
		if len(c) < 4 {
			return nil, refusal.New(refusal.CodeExtra, "extra field has %d bytes left over", len(c))
		}
		id, n := c.u16(), int(c.u16())
		if n > len(c) {
			return nil, refusal.New(refusal.CodeExtra, "extra field %#04x is cut short", id)
		}
		data := c.take(n)
		if seen[id] {
			return nil, refusal.New(refusal.CodeExtra, "extra field %#04x occurs twice", id)
		}
		seen[id] = true
		switch {
		case id == ExtraZIP64:
			zip64 = data
		case encryption[id]:
			return nil, refusal.New(refusal.CodeExtra, "entry is encrypted: it has the extra field %#04x", id).
				Heal("pack it again without a password")
		case id == extraUnicodePath && !isPath(data, name):
			return nil, refusal.New(refusal.CodeExtra, "extra field %#04x gives the entry another name", id)
		}
	}
	return zip64, nil
}

// isPath reports whether a field of a Unicode path repeats the name.
func isPath(data []byte, name string) bool {
	if len(data) < 5 || data[0] != 1 {
		return false
	}
	return string(data[5:]) == name && binary.LittleEndian.Uint32(data[1:]) == crc32.ChecksumIEEE([]byte(name))
}

// widen reads the numbers whose 32-bit fields say "see ZIP64" from the ZIP64 field, which holds
// exactly these, in order, and only numbers that need it.
func widen(zip64 []byte, fields ...*int64) *refusal.Refusal {
	c := Cursor(zip64)
	for _, f := range fields {
		if *f != Magic32 {
			continue
		}
		if len(c) < 8 {
			return refusal.New(refusal.CodeZIP64, "number is left to a ZIP64 field that lacks it")
		}
		n := c.u64()
		if n < Magic32 || n > 1<<62 {
			return refusal.New(refusal.CodeZIP64, "ZIP64 field holds %d, which does not need or fit it", n)
		}
		*f = int64(n)
	}
	if len(c) > 0 || zip64 != nil && len(zip64) == 0 {
		return refusal.New(refusal.CodeZIP64, "ZIP64 field is not needed")
	}
	return nil
}
