package archive

import (
	"encoding/binary"
	"math/bits"
)

const extraZIP64 = 0x0001

// extraForms lists the extra fields that exporters write, with the lengths they have. None of them
// changes what an entry is called or holds.
var extraForms = map[uint16]func(data []byte, central bool) bool{
	0x000a: isNTFSTimes,
	0x5455: isUnixTimes,
	0x7875: isOwner,
}

func isNTFSTimes(data []byte, _ bool) bool {
	return len(data) == 32 && binary.LittleEndian.Uint32(data[4:]) == 1|24<<16
}

// isUnixTimes knows that a central record repeats the flags of the local header, but often only the
// first time.
func isUnixTimes(data []byte, central bool) bool {
	if len(data) < 1 || data[0]&^7 != 0 {
		return false
	}
	full := 1 + 4*bits.OnesCount8(data[0])
	return len(data) == full || central && data[0]&1 == 1 && len(data) == 5
}

func isOwner(data []byte, _ bool) bool {
	if len(data) < 2 || data[0] != 1 {
		return false
	}
	uid := int(data[1])
	return len(data) > 2+uid && len(data) == 3+uid+int(data[2+uid])
}

// parseExtra walks the extra fields and returns the content of the ZIP64 one, nil if there is none.
func parseExtra(b []byte, central bool) (zip64 []byte, r *Refusal) {
	var seen []uint16
	for c := cursor(b); len(c) > 0; {
		if len(c) < 4 {
			return nil, refuse(CodeExtra, "extra field has %d bytes left over", len(c))
		}
		id, n := c.u16(), int(c.u16())
		if n > len(c) {
			return nil, refuse(CodeExtra, "extra field %#04x is cut short", id)
		}
		data := c.take(n)
		for _, s := range seen {
			if s == id {
				return nil, refuse(CodeExtra, "extra field %#04x occurs twice", id)
			}
		}
		seen = append(seen, id)
		if id == extraZIP64 {
			zip64 = data
			continue
		}
		if form := extraForms[id]; form == nil || !form(data, central) {
			return nil, refuse(CodeExtra, "extra field %#04x of %d bytes is not one that exporters write",
				id, n)
		}
	}
	return zip64, nil
}

// widen reads the numbers whose 32-bit fields say "see ZIP64" from the ZIP64 field, which holds
// exactly these, in order, and only numbers that need it.
func widen(zip64 []byte, fields ...*int64) *Refusal {
	c := cursor(zip64)
	for _, f := range fields {
		if *f != magic32 {
			continue
		}
		if len(c) < 8 {
			return refuse(CodeZIP64, "number is left to a ZIP64 field that lacks it")
		}
		n := c.u64()
		if n < magic32 || n > 1<<62 {
			return refuse(CodeZIP64, "ZIP64 field holds %d, which does not need or fit it", n)
		}
		*f = int64(n)
	}
	if len(c) > 0 || zip64 != nil && len(zip64) == 0 {
		return refuse(CodeZIP64, "ZIP64 field is not needed")
	}
	return nil
}
