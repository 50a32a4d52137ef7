package glimpse

import (
	"bytes"
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
	"github.com/stagelock/stagelock/archive/record"
)

// Unseen is what cannot be read from what was kept: What of the archive, or its manifest.
type Unseen struct{ What, Why string }

// What may be unseen beside the manifest.
const (
	Entries   = "what the archive holds"
	Deletions = "what the archive has deleted"
)

// Error says why.
func (u *Unseen) Error() string {
	return cmp.Or(u.What, "the manifest of the archive") + " was not seen: " + u.Why
}

func unseen(format string, args ...any) error { return &Unseen{Why: fmt.Sprintf(format, args...)} }

// errGap is a byte that was not kept.
var errGap = errors.New("it was not kept")

// manifest reads the one manifest of the archive.
func (b *bits) manifest(dir record.End, lim archive.Limits) (*manifest.Manifest, error) {
	rec, err := b.record(dir)
	if err != nil {
		return nil, err
	}
	r, err := b.content(rec, dir, lim)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Read(r, lim)
	return m, r.ended(rec, err)
}

// bits are what is kept of an archive.
type bits struct {
	ranges []Range // in offsets of the archive
	marks  []Mark
	lost   []span // parts of which more should have been kept
	blind  string // a part in which nobody looked for marks
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
		for _, m := range p.Marks {
			b.marks = append(b.marks, Mark{m.What, b.size + m.Off})
		}
		if p.Blind {
			b.blind = p.Name
		}
		if p.Lost {
			b.lost = append(b.lost, span{from: b.size, to: b.size + p.Size})
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

const endSize = 22 // bytes of an end record

// directory finds the central directory by the end record, which must be the last of the archive and
// have no comment: readers differ in what they make of anything else.
func (b *bits) directory() (record.End, error) {
	end, err := b.take(b.size-endSize, endSize)
	if err != nil || string(end[:4]) != "PK\x05\x06" || binary.LittleEndian.Uint16(end[20:]) != 0 {
		return record.End{}, unseen("it does not end with the end record of an archive without a comment")
	}
	dir, err := record.ReadEnd(b, b.size)
	if err != nil {
		return record.End{}, unseen("its end says where its directory is in a way that is not read here: %v", err)
	}
	return dir, nil
}

// record finds the one record of the directory that names the manifest.
func (b *bits) record(dir record.End) (c *record.Central, err error) {
	within := func(at int64) bool { return at >= dir.Offset && at < dir.Offset+dir.Size }
	for _, l := range b.lost {
		if l.from < dir.Offset+dir.Size && l.to > dir.Offset {
			return nil, unseen("more in the part of its directory is called by its name than is kept")
		}
	}
	for _, r := range b.ranges {
		for _, h := range headersIn(r.Bytes, 0) {
			switch {
			case !h.central || !within(r.Off+h.from):
				continue
			case h.detour:
				return nil, unseen("its directory has a name that leads to it by a detour")
			case c != nil:
				return nil, unseen("its directory names it twice")
			}
			if c, err = parseRecord(r.Bytes[h.from:]); err != nil {
				return nil, err
			}
			if c.Name != manifest.Name {
				return nil, unseen("its directory spells its name %q", c.Name)
			}
		}
	}
	if c == nil {
		return nil, unseen("its directory does not name it, or that part did not come through this gateway")
	}
	return c, nil
}

func parseRecord(b []byte) (*record.Central, error) {
	c, err := record.ReadCentral(bytes.NewReader(b), make([]byte, record.LenCentral))
	switch {
	case err != nil:
		return nil, unseen("its record in the directory is not one: %v", err)
	case c.Flags&record.FlagEncrypted != 0 || c.Method != record.Stored && c.Method != record.Deflated:
		return nil, unseen("it is encrypted or packed in a way that no portal packs")
	}
	return c, nil
}

// content opens the entry that the record stands for.
func (b *bits) content(rec *record.Central, dir record.End, lim archive.Limits) (*checked, error) {
	from, _, err := rec.CheckLocal(b, rec.Offset, dir.Offset)
	switch {
	case errors.Is(err, errGap):
		return nil, unseen("it begins at byte %d, in a part that did not come through this gateway, "+
			"or under another name", rec.Offset)
	case err != nil:
		return nil, unseen("it begins at byte %d: %v", rec.Offset, err)
	case rec.Full > lim.Manifest:
		return nil, unseen("it has %d bytes, more than %d", rec.Full, lim.Manifest)
	}
	c := &checked{crc: crc32.NewIEEE()}
	packed := &watched{io.NewSectionReader(b, from, rec.Packed), c}
	c.r = packed
	if rec.Method == record.Deflated {
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

// checked reads an entry and sums it up.
type checked struct {
	r   io.Reader
	n   int64
	crc interface {
		io.Writer
		Sum32() uint32
	}
	err error // why there is no more
}

// Read reads the entry.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	_, _ = c.crc.Write(p[:n]) // a hash takes everything
	return n, err
}

// ended returns why what was read must not be believed: what reading it broke with, or the rest of it.
func (c *checked) ended(rec *record.Central, err error) error {
	switch {
	case err != nil && c.err != nil:
		return unseen("%v", c.err)
	case err != nil:
		return err
	}
	return c.check(rec)
}

// check reads the rest and holds all of it to the record.
func (c *checked) check(rec *record.Central) error {
	rest, err := io.Copy(io.Discard, c)
	switch {
	case c.err != nil:
		return unseen("%v", c.err)
	case err != nil:
		return unseen("%v", err)
	case c.n != rec.Full || c.crc.Sum32() != rec.Crc:
		return unseen("its content is not what its record in the directory declares (%d bytes more)", rest)
	}
	return nil
}
