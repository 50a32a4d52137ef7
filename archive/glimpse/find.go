package glimpse

import (
	"cmp"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
)

// Unseen is a manifest that cannot be read from what was kept.
type Unseen struct{ Why string }

// Error says why.
func (u *Unseen) Error() string { return "the manifest of the archive was not seen: " + u.Why }

func unseen(format string, args ...any) error { return &Unseen{fmt.Sprintf(format, args...)} }

// errGap is a byte that was not kept.
var errGap = errors.New("it was not kept")

// Manifest reads the manifest of the archive that the parts are, from what was kept of them. Errors are
// *Unseen, or what manifest.Read returns.
func Manifest(parts []Sight, lim archive.Limits) (*manifest.Manifest, error) {
	b := assemble(parts)
	dir, err := b.directory()
	if err != nil {
		return nil, err
	}
	rec, err := b.record(dir)
	if err != nil {
		return nil, err
	}
	r, err := b.content(rec, lim)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Read(r, lim)
	switch {
	case err != nil && r.err != nil:
		return nil, unseen("%v", r.err)
	case err != nil:
		return nil, err
	}
	if err := r.check(rec); err != nil {
		return nil, err
	}
	return m, nil
}

// bits are what is kept of an archive.
type bits struct {
	ranges []Range // in offsets of the archive
	size   int64
}

// assemble puts the parts in the order of their names, in which an engine joins them.
func assemble(parts []Sight) *bits {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b Sight) int { return cmp.Compare(a.Name, b.Name) })
	b := &bits{}
	for _, p := range parts {
		for _, r := range p.Ranges {
			b.ranges = append(b.ranges, Range{b.size + r.Off, r.Bytes})
		}
		b.size += p.Size
	}
	b.ranges = merged(b.ranges)
	return b
}

// ReadAt reads what was kept; it returns errGap for anything else.
func (b *bits) ReadAt(p []byte, off int64) (int, error) {
	i, found := slices.BinarySearchFunc(b.ranges, off, func(r Range, off int64) int { return cmp.Compare(r.Off, off) })
	if !found {
		i--
	}
	if i < 0 || off >= b.ranges[i].end() || off < 0 {
		return 0, errGap
	}
	n := copy(p, b.ranges[i].Bytes[off-b.ranges[i].Off:])
	if n < len(p) {
		return n, errGap
	}
	return n, nil
}

// take reads n bytes.
func (b *bits) take(off int64, n int) ([]byte, error) {
	p := make([]byte, n)
	_, err := b.ReadAt(p, off)
	return p, err
}

// directory is where the central directory is.
type directory struct{ from, to int64 }

const (
	endSize     = 22
	locatorSize = 20
	end64Size   = 56
)

// directory finds the central directory by the end record, which must be the last of the archive and
// say exactly where the directory ends: readers differ in what they make of anything else.
func (b *bits) directory() (d directory, err error) {
	at := b.size - endSize
	end, err := b.take(at, endSize)
	if err != nil || string(end[:4]) != "PK\x05\x06" || binary.LittleEndian.Uint16(end[20:]) != 0 {
		return d, unseen("it does not end with the end record of an archive without a comment")
	}
	size, from := int64(binary.LittleEndian.Uint32(end[12:])), int64(binary.LittleEndian.Uint32(end[16:]))
	locator, err := b.take(at-locatorSize, locatorSize)
	if err == nil && string(locator[:4]) == "PK\x06\x07" {
		at -= locatorSize + end64Size
		wide, err := b.take(at, end64Size)
		if err != nil || string(wide[:4]) != "PK\x06\x06" || int64(binary.LittleEndian.Uint64(locator[8:])) != at {
			return d, unseen("its ZIP64 end record is not where it belongs")
		}
		size, from = int64(binary.LittleEndian.Uint64(wide[40:])), int64(binary.LittleEndian.Uint64(wide[48:]))
	}
	d = directory{from, from + size}
	if from < 0 || size < 0 || d.to != at {
		return d, unseen("its central directory does not end before the end record")
	}
	return d, nil
}

// record is what the directory says of the manifest.
type record struct {
	method     uint16
	crc        uint32
	compressed int64
	size       int64
	offset     int64
}

// record finds the one record of the directory that names the manifest.
func (b *bits) record(d directory) (rec record, err error) {
	found := 0
	for _, r := range b.ranges {
		for _, h := range headersIn(r.Bytes, 0) {
			at := r.Off + h.from
			if string(r.Bytes[h.from:h.from+4]) != "PK\x01\x02" || at < d.from || at >= d.to {
				continue
			}
			if found++; found > 1 {
				return rec, unseen("its directory names it twice")
			}
			if rec, err = parseRecord(r.Bytes[h.from:]); err != nil {
				return rec, err
			}
		}
	}
	if found == 0 {
		return rec, unseen("its directory does not name it, or that part did not come through this gateway")
	}
	return rec, nil
}

func parseRecord(b []byte) (rec record, err error) {
	le := binary.LittleEndian
	nameLen, extraLen := int(le.Uint16(b[28:])), int(le.Uint16(b[30:]))
	if len(b) < central+nameLen+extraLen {
		return rec, unseen("its record in the directory is cut")
	}
	name := string(b[central : central+nameLen])
	if name != manifest.Name {
		return rec, unseen("its directory spells its name %q", name)
	}
	rec = record{method: le.Uint16(b[10:]), crc: le.Uint32(b[16:]), compressed: int64(le.Uint32(b[20:])),
		size: int64(le.Uint32(b[24:])), offset: int64(le.Uint32(b[42:]))}
	if le.Uint16(b[8:])&1 != 0 || rec.method != 0 && rec.method != 8 {
		return rec, unseen("it is encrypted or packed in a way that no portal packs")
	}
	return rec, rec.widen(b[central+nameLen : central+nameLen+extraLen])
}

// widen takes the numbers that do not fit the record from its ZIP64 field.
func (rec *record) widen(extra []byte) error {
	const magic = 0xffffffff
	var narrow []*int64
	for _, n := range []*int64{&rec.size, &rec.compressed, &rec.offset} {
		if *n == magic {
			narrow = append(narrow, n)
		}
	}
	for len(narrow) > 0 && len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			break
		}
		field := extra[:n]
		extra = extra[n:]
		for id == 1 && len(narrow) > 0 && len(field) >= 8 {
			*narrow[0] = int64(binary.LittleEndian.Uint64(field))
			narrow, field = narrow[1:], field[8:]
		}
	}
	if len(narrow) > 0 || rec.size < 0 || rec.compressed < 0 || rec.offset < 0 {
		return unseen("its record in the directory is not consistent")
	}
	return nil
}

// content opens the manifest that the record stands for.
func (b *bits) content(rec record, lim archive.Limits) (*checked, error) {
	h, err := b.take(rec.offset, local)
	if err != nil || string(h[:4]) != "PK\x03\x04" {
		return nil, unseen("it begins at byte %d, in a part that did not come through this gateway, "+
			"or under another name", rec.offset)
	}
	nameLen, extraLen := int64(binary.LittleEndian.Uint16(h[26:])), int64(binary.LittleEndian.Uint16(h[28:]))
	name, err := b.take(rec.offset+local, int(nameLen))
	if err != nil || string(name) != manifest.Name {
		return nil, unseen("its own header has another name than its record in the directory")
	}
	if rec.size > lim.Manifest {
		return nil, unseen("it has %d bytes, more than %d", rec.size, lim.Manifest)
	}
	from := rec.offset + local + nameLen + extraLen
	c := &checked{crc: crc32.NewIEEE()}
	packed := &watched{io.NewSectionReader(b, from, rec.compressed), c}
	c.r = packed
	if rec.method == 8 {
		c.r = flate.NewReader(packed)
	}
	return c, nil
}

// watched remembers that what it reads was not kept.
type watched struct {
	io.Reader
	c *checked
}

// Read reads.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if errors.Is(err, errGap) {
		if n > 0 {
			return n, nil // what is there is given first
		}
		w.c.err = fmt.Errorf("it is longer than what is kept of it, or goes on in a part that did not come "+
			"through this gateway: %w", err)
	}
	return n, err
}

// checked reads the manifest and sums it up.
type checked struct {
	r   io.Reader
	n   int64
	crc interface {
		io.Writer
		Sum32() uint32
	}
	err error // why there is no more
}

// Read reads the manifest.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	_, _ = c.crc.Write(p[:n]) // a hash takes everything
	return n, err
}

// check reads the rest and holds all of it to the record.
func (c *checked) check(rec record) error {
	rest, err := io.Copy(io.Discard, c)
	switch {
	case c.err != nil:
		return unseen("%v", c.err)
	case err != nil:
		return unseen("%v", err)
	case c.n != rec.size || c.crc.Sum32() != rec.crc:
		return unseen("its content is not what its record in the directory declares (%d bytes more)", rest)
	}
	return nil
}
