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

// matches compares the fields that both records have, but for those that say nothing of name and
// content: versions, times, and how hard a deflater tried. With a descriptor the local numbers are
// zero, or right already.
func (c *central) matches(h header, extra []byte) *Refusal {
	want := c.header
	want.extraLen, want.version, want.clock, want.date = h.extraLen, h.version, h.clock, h.date
	want.flags = c.flags&^flagsEffort | h.flags&flagsEffort
	if c.descriptor {
		want.crc = early(h.crc, c.crc)
		want.size, want.compressed = early(h.size, c.size), early(h.compressed, c.compressed)
	}
	large := !c.descriptor && (needs64(c.full) || needs64(c.packed))
	if large { // the local field always has both sizes
		want.size, want.compressed = magic32, magic32
	}
	if h != want {
		return refuse(CodeLocal, "local header is not equal to the central record: %s",
			firstDifference(h, want))
	}
	return c.matches64(extra, large)
}

// early returns what a local number must be that is zero or known early.
func early(local, central uint32) uint32 {
	if local == 0 {
		return 0
	}
	return central
}

// matches64 holds the ZIP64 field of the local header against the central record.
func (c *central) matches64(extra []byte, large bool) *Refusal {
	zip64, ref := parseExtra(extra, c.name)
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
		{"flags", uint32(got.flags), uint32(want.flags)},
		{"method", uint32(got.method), uint32(want.method)},
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

// checkDescriptor accepts the form with 8-byte sizes exactly when one of them needs it, and the
// signature left off where no checksum can be taken for one.
func (c *central) checkDescriptor(r io.ReaderAt, off, limit int64) (int64, error) {
	wide := needs64(c.full) || needs64(c.packed)
	n := lenDescriptor
	if wide {
		n = lenDescriptor64
	}
	buf := make([]byte, n)
	if err := readWithin(r, buf[:n-4], off, limit); err != nil {
		return 0, err
	}
	d := cursor(buf)
	if d.u32() != sigDescriptor {
		n, d = n-4, cursor(buf)
	} else if err := readWithin(r, buf, off, limit); err != nil {
		return 0, err
	}
	crc, packed, full := d.u32(), int64(0), int64(0)
	if wide {
		packed, full = int64(d.u64()), int64(d.u64())
	} else {
		packed, full = int64(d.u32()), int64(d.u32())
	}
	if crc != c.crc || packed != c.packed || full != c.full {
		return 0, refuse(CodeDescriptor, "data descriptor at %d is not equal to the central record", off)
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
