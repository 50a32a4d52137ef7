package record

import (
	"fmt"
	"io"

	"github.com/stagelock/stagelock/archive/refusal"
)

// CheckLocal holds the local header at off, and the data descriptor if there is one, against the
// central record. It returns where the content begins and where the next entry has to.
func (c *Central) CheckLocal(r io.ReaderAt, off, limit int64) (data, next int64, err error) {
	buf := make([]byte, lenLocal+int(c.NameLen))
	if err := readWithin(r, buf, off, limit); err != nil {
		return 0, 0, err
	}
	fixed := Cursor(buf)
	if fixed.u32() != SigLocal {
		return 0, 0, refusal.New(refusal.CodeLocal, "no local header at %d", off)
	}
	h := fixed.header()
	if h.NameLen != c.NameLen || string(buf[lenLocal:]) != c.Name {
		return 0, 0, refusal.New(refusal.CodeLocal, "local header has another name")
	}
	extra := make([]byte, h.ExtraLen)
	if err := readWithin(r, extra, off+int64(len(buf)), limit); err != nil {
		return 0, 0, err
	}
	if ref := c.matches(h, extra); ref != nil {
		return 0, 0, ref
	}
	data = off + int64(len(buf)) + int64(len(extra))
	next = data + c.Packed
	if !c.Descriptor {
		return data, next, nil
	}
	n, err := c.checkDescriptor(r, next, limit)
	return data, next + n, err
}

// matches compares the fields that both records have, but for those that say nothing of name and
// content: versions, times, and how hard a deflater tried. With a descriptor the local numbers are
// zero, or right already.
func (c *Central) matches(h Header, extra []byte) *refusal.Refusal {
	want := c.Header
	want.ExtraLen, want.Version, want.Clock, want.Date = h.ExtraLen, h.Version, h.Clock, h.Date
	want.Flags = c.Flags&^FlagsEffort | h.Flags&FlagsEffort
	if c.Descriptor {
		want.Crc = early(h.Crc, c.Crc)
		want.Size, want.Compressed = early(h.Size, c.Size), early(h.Compressed, c.Compressed)
	}
	large := !c.Descriptor && (Needs64(c.Full) || Needs64(c.Packed))
	if large { // the local field always has both sizes
		want.Size, want.Compressed = Magic32, Magic32
	}
	if h != want {
		return refusal.New(refusal.CodeLocal, "local header is not equal to the central record: %s",
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
func (c *Central) matches64(extra []byte, large bool) *refusal.Refusal {
	zip64, ref := parseExtra(extra, c.Name)
	if ref != nil {
		return ref
	}
	if !large && zip64 != nil || large && len(zip64) != 16 {
		return refusal.New(refusal.CodeZIP64, "local ZIP64 field of %d bytes does not fit the sizes", len(zip64))
	}
	if z := Cursor(zip64); large && (int64(z.u64()) != c.Full || int64(z.u64()) != c.Packed) {
		return refusal.New(refusal.CodeLocal, "local ZIP64 sizes are not those of the central record")
	}
	return nil
}

func firstDifference(got, want Header) string {
	for _, f := range []struct {
		name      string
		got, want uint32
	}{
		{"flags", uint32(got.Flags), uint32(want.Flags)},
		{"method", uint32(got.Method), uint32(want.Method)},
		{"checksum", got.Crc, want.Crc},
		{"compressed size", got.Compressed, want.Compressed},
		{"size", got.Size, want.Size},
	} {
		if f.got != f.want {
			return fmt.Sprintf("%s %#x, not %#x", f.name, f.got, f.want)
		}
	}
	return "length of the name"
}

// checkDescriptor accepts the form with 8-byte sizes exactly when one of them needs it, and the
// signature left off where no checksum can be taken for one.
func (c *Central) checkDescriptor(r io.ReaderAt, off, limit int64) (int64, error) {
	wide := Needs64(c.Full) || Needs64(c.Packed)
	n := lenDescriptor
	if wide {
		n = lenDescriptor64
	}
	buf := make([]byte, n)
	if err := readWithin(r, buf[:n-4], off, limit); err != nil {
		return 0, err
	}
	d := Cursor(buf)
	if d.u32() != SigDescriptor {
		n, d = n-4, Cursor(buf)
	} else if err := readWithin(r, buf, off, limit); err != nil {
		return 0, err
	}
	crc, packed, full := d.u32(), int64(0), int64(0)
	if wide {
		packed, full = int64(d.u64()), int64(d.u64())
	} else {
		packed, full = int64(d.u32()), int64(d.u32())
	}
	if crc != c.Crc || packed != c.Packed || full != c.Full {
		return 0, refusal.New(refusal.CodeDescriptor, "data descriptor at %d is not equal to the central record", off)
	}
	return int64(n), nil
}

// readWithin reads what has to lie in front of the central directory.
func readWithin(r io.ReaderAt, b []byte, off, limit int64) error {
	if off > limit || int64(len(b)) > limit-off {
		return refusal.New(refusal.CodeOverlap, "entry runs into the central directory")
	}
	if err := ReadAt(r, b, off); err != nil {
		return fmt.Errorf("read at %d: %w", off, err)
	}
	return nil
}
