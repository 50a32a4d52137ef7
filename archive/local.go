package archive

import (
	"fmt"
	"io"
)

// checkLocal holds the local header at off, and the data descriptor if there is one, against the
// central record. It returns where the content begins and where the next entry has to.
func (c *central) checkLocal(r io.ReaderAt, off, limit int64) (data, next int64, err error) {
	buf := make([]byte, lenLocal+int(c.nameLen))
	if err := readWithin(r, buf, off, limit); err != nil {
		return 0, 0, err
	}
	fixed := cursor(buf)
	if fixed.u32() != sigLocal {
		return 0, 0, refuse(CodeLocal, "no local header at %d", off)
	}
	h := fixed.header()
	if h.nameLen != c.nameLen || string(buf[lenLocal:]) != c.name {
		return 0, 0, refuse(CodeLocal, "local header has another name")
	}
	extra := make([]byte, h.extraLen)
	if err := readWithin(r, extra, off+int64(len(buf)), limit); err != nil {
		return 0, 0, err
	}
	if ref := c.matches(h, extra); ref != nil {
		return 0, 0, ref
	}
	data = off + int64(len(buf)) + int64(len(extra))
	next = data + c.packed
	if !c.descriptor {
		return data, next, nil
	}
	n, err := c.checkDescriptor(r, next, limit)
	return data, next + n, err
}

// matches compares the fields that both records have. With a descriptor the local ones are zero, as
// every writer of streams leaves them.
func (c *central) matches(h header, extra []byte) *Refusal {
	want := c.header
	want.extraLen = h.extraLen // the two may keep different times
	if c.descriptor {
		want.crc, want.size, want.compressed = 0, 0, 0
	}
	large := !c.descriptor && (needs64(c.full) || needs64(c.packed))
	if large { // the local field always has both sizes
		want.size, want.compressed = magic32, magic32
	}
	if h != want {
		return refuse(CodeLocal, "local header is not equal to the central record: %s",
			firstDifference(h, want))
	}
	zip64, ref := parseExtra(extra, false)
	if ref != nil {
		return ref
	}
	if !large && zip64 != nil || large && len(zip64) != 16 {
		return refuse(CodeZIP64, "local ZIP64 field of %d bytes does not fit the sizes", len(zip64))
	}
	if z := cursor(zip64); large && (int64(z.u64()) != c.full || int64(z.u64()) != c.packed) {
		return refuse(CodeLocal, "local ZIP64 sizes are not those of the central record")
	}
	return nil
}

func firstDifference(got, want header) string {
	for _, f := range []struct {
		name      string
		got, want uint32
	}{
		{"version", uint32(got.version), uint32(want.version)},
		{"flags", uint32(got.flags), uint32(want.flags)},
		{"method", uint32(got.method), uint32(want.method)},
		{"time", uint32(got.clock), uint32(want.clock)},
		{"date", uint32(got.date), uint32(want.date)},
		{"checksum", got.crc, want.crc},
		{"compressed size", got.compressed, want.compressed},
		{"size", got.size, want.size},
	} {
		if f.got != f.want {
			return fmt.Sprintf("%s %#x, not %#x", f.name, f.got, f.want)
		}
	}
	return "length of the name"
}

// checkDescriptor accepts the form with signature, with 8-byte sizes exactly when one of them needs
// it.
func (c *central) checkDescriptor(r io.ReaderAt, off, limit int64) (int64, error) {
	wide := needs64(c.full) || needs64(c.packed)
	n := lenDescriptor
	if wide {
		n = lenDescriptor64
	}
	buf := make([]byte, n)
	if err := readWithin(r, buf, off, limit); err != nil {
		return 0, err
	}
	d := cursor(buf)
	if d.u32() != sigDescriptor {
		return 0, refuse(CodeDescriptor, "no data descriptor with signature at %d", off)
	}
	crc, packed, full := d.u32(), int64(0), int64(0)
	if wide {
		packed, full = int64(d.u64()), int64(d.u64())
	} else {
		packed, full = int64(d.u32()), int64(d.u32())
	}
	if crc != c.crc || packed != c.packed || full != c.full {
		return 0, refuse(CodeDescriptor, "data descriptor is not equal to the central record")
	}
	return int64(n), nil
}

// readWithin reads what has to lie in front of the central directory.
func readWithin(r io.ReaderAt, b []byte, off, limit int64) error {
	if off > limit || int64(len(b)) > limit-off {
		return refuse(CodeOverlap, "entry runs into the central directory")
	}
	if err := readAt(r, b, off); err != nil {
		return fmt.Errorf("read at %d: %w", off, err)
	}
	return nil
}
