package glimpse

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/record"
)

const (
	named      = 1 << 10 // bytes of a name that is read; a portal's is shorter
	said       = 1 << 10 // different marks of a part: no honest part has more than some dozens
	deletions  = 1 << 20 // bytes of a list of deletions whose header does not say how long it is
	descriptor = 24      // bytes that may stand behind the content of an entry
)

// What a mark begins with, before what it is of.
const (
	markModel       = "model "
	markApplication = "application "
	markStrange     = "strange "
)

// form is where the fields of a header are.
type form struct {
	length   int // of what is in front of the name
	central  bool
	flagsAt  int
	packedAt int // the size of the content as it is packed, and then the whole
	nameAt   int // the length of the name, and then of the extra field
}

var forms = map[string]form{
	"PK\x03\x04": {length: local, flagsAt: 6, packedAt: 18, nameAt: 26},
	"PK\x01\x02": {length: central, central: true, flagsAt: 8, packedAt: 20, nameAt: 28},
}

// header is what looks like a local header or a record of a directory.
type header struct {
	form

	at    int // in the window
	lacks int // bytes that the window cuts off it
	bytes []byte
	name  string
	place manifest.Place
}

// headers are those in window that were not complete within its first seen bytes, in order.
func headers(window []byte, seen int) iter.Seq[header] {
	return func(yield func(header) bool) {
		for at := 0; ; at++ {
			i := bytes.Index(window[at:], []byte("PK"))
			if i < 0 {
				return
			}
			at += i
			if h, is := headerAt(window, at, seen); is && !yield(h) {
				return
			}
		}
	}
}

// headerAt reads the header that begins there, if one does that was not complete before. A name that is
// too long is not waited for, and tells nothing.
func headerAt(window []byte, at, seen int) (header, bool) {
	rest := window[at:]
	if len(rest) < 4 {
		return header{}, false // a signature that is cut: the last bytes are seen again
	}
	f, is := forms[string(rest[:4])]
	h := header{form: f, at: at, bytes: rest}
	if !is || len(rest) < f.length {
		h.lacks = f.length - len(rest)
		return h, is
	}
	n := int(h.u16(f.nameAt))
	if n > named {
		h.place = manifest.Place{Strange: true}
		return h, at+f.length > seen
	}
	if h.lacks = f.length + n - len(rest); h.lacks > 0 {
		return h, true
	}
	h.lacks, h.name = 0, string(rest[f.length:f.length+n])
	h.place = h.placed()
	return h, at+f.length+n > seen
}

func (h header) u16(at int) uint16 { return binary.LittleEndian.Uint16(h.bytes[at:]) }
func (h header) u32(at int) uint32 { return binary.LittleEndian.Uint32(h.bytes[at:]) }

// placed is what the name tells. A folder has no content; what is only called like one is read by the name
// without the slash.
func (h header) placed() manifest.Place {
	name, folder := strings.CutSuffix(h.name, "/")
	if folder && h.central && h.u32(h.packedAt) <= 2 && h.u32(h.packedAt+4) == 0 {
		return manifest.Place{}
	}
	return manifest.PlaceOf(name)
}

// span is what is to be kept of a list of deletions: its record, or its header with the content.
func (h header) span(from int64) span {
	s := span{from: from, central: h.central}
	s.to = from + int64(h.length) + int64(h.u16(h.nameAt)) + int64(h.u16(h.nameAt+2))
	packed := int64(h.u32(h.packedAt))
	switch {
	case h.central:
		s.to += int64(h.u16(h.nameAt + 4))
	case h.u16(h.flagsAt)&record.FlagDescriptor != 0 || packed > deletions:
		s.to += deletions
	default:
		s.to += packed
	}
	return span{from: s.from, to: s.to + descriptor, central: s.central}
}

// notes are the marks of a part.
type notes struct {
	last map[string]int64 // offset of the last record, by what it says; of all strange ones together
	odd  string           // the name of the last strange one
	full bool             // something was not noted
}

func (n *notes) add(h header, off int64) {
	what := ""
	switch p := h.place; {
	case p.Strange:
		what, n.odd = markStrange, cmp.Or(h.name, "…")
	case p.Model != "":
		what = markModel + p.Model
	case p.Application != "":
		what = markApplication + p.Application
	default:
		return
	}
	if n.last == nil {
		n.last = map[string]int64{}
	}
	if _, known := n.last[what]; !known && len(n.last) == said {
		n.full = true
		return
	}
	n.last[what] = off
}

// marks are the notes, in order.
func (n *notes) marks() []Mark {
	var all []Mark
	for what, off := range n.last {
		if what == markStrange {
			what += n.odd
		}
		all = append(all, Mark{what, off})
	}
	slices.SortFunc(all, func(a, b Mark) int { return cmp.Compare(a.What, b.What) })
	return all
}
