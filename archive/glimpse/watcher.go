package glimpse

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/archive/manifest"
)

// Most is how long what stands behind a header may be: the manifest with its header, compressed.
const Most = 8 << 20

// These limit what is kept of one part, whatever it holds.
const (
	contents = 2 * Most  // bytes behind local headers
	records  = 512 << 10 // bytes of what may be the directory
	spans    = 256       // separate pieces of either: no honest part has more than a few
)

const (
	local   = 30 // bytes of a local header before the name
	central = 46 // bytes of a central record before the name
	// spelled is how much longer than the manifest's own a name is that engines take for it.
	spelled = 64
	// edge is what is kept of both ends of a part: a header with the name, and the end records with
	// those of ZIP64.
	edge = central + spelled + int64(len(manifest.Name)) + 98
	// trailer is how much is kept behind the name of a central record: more than any packer writes.
	trailer = 1 << 10
)

var signatures = map[string]int64{"PK\x03\x04": local, "PK\x01\x02": central}

// Watcher sees the content of one part go by, as a Writer.
type Watcher struct {
	name     string
	at       int64  // bytes that went by
	recent   []byte // the last of them, and what a record needs that they cut
	need     int64  // how much of the next part that record needs
	contents pieces // the first of them begins the part
	records  pieces
	notes    notes
}

// span is what is to be kept, in offsets of the part.
type span struct {
	from, to, done int64

	central bool // it may be of the directory
	detour  bool // it is no header, but a name that leads to the manifest
}

// NewWatcher returns the Watcher of a part of that name. open is how much of its begin is kept since
// the part in front of it may go on there: its Sight's Open, or Most if that part was not seen yet.
func NewWatcher(name string, open int64) *Watcher {
	w := &Watcher{name: name, contents: pieces{most: contents}, records: pieces{most: records}}
	w.contents.want(span{to: max(edge, min(open, Most))})
	return w
}

// Write looks at b and keeps what may be needed. It never fails.
func (w *Watcher) Write(b []byte) (int, error) {
	base := w.at - int64(len(w.recent))
	window := slices.Concat(w.recent, b)
	for _, h := range headersIn(window, len(w.recent)) {
		h.from, h.to = base+h.from, base+h.to
		if h.central {
			w.records.want(h)
		} else {
			w.contents.want(h)
		}
	}
	open := w.note(base, window)
	w.contents.keep(base, window)
	w.records.keep(base, window)
	w.at += int64(len(b))
	w.recent = append(w.recent[:0], window[max(0, min(int64(len(window))-edge, int64(open))):]...)
	return len(b), nil
}

// note notes what the records in window say, wants the lists of deletions, and returns where the first one
// begins that the window cuts, its length if none does.
func (w *Watcher) note(base int64, window []byte) (open int) {
	open, w.need = len(window), 0
	for h := range headers(window, len(w.recent)) {
		switch from := base + int64(h.at); {
		case h.lacks > 0:
			open, w.need = min(open, h.at), max(w.need, int64(h.lacks))
		case h.place.Deletions && h.central:
			w.records.want(h.span(from))
		case h.place.Deletions:
			w.contents.want(h.span(from))
		case h.central:
			w.notes.add(h, from)
		}
	}
	return open
}

// pieces are what is kept of a part, and no more than most of it.
type pieces struct {
	wants  []span
	ranges []Range
	kept   int64
	most   int64
	full   bool // something was not kept
}

// want adds a span; one that begins in the last goes on with it.
func (p *pieces) want(s span) {
	if n := len(p.wants) - 1; n >= 0 && p.wants[n].from <= s.from && s.from <= p.wants[n].to {
		p.wants[n].to = max(p.wants[n].to, s.to)
		return
	}
	if len(p.wants) == spans {
		p.full = true
		return
	}
	s.done = s.from
	p.wants = append(p.wants, s)
}

// keep copies what of the spans is in the window and was not copied yet.
func (p *pieces) keep(base int64, window []byte) {
	for i := range p.wants {
		s := &p.wants[i]
		from, to := max(s.done, base), min(s.to, base+int64(len(window)))
		if room := from + p.most - p.kept; to > room {
			to, p.full = room, true
		}
		if from >= to {
			continue
		}
		p.ranges = append(p.ranges, Range{from, bytes.Clone(window[from-base : to-base])})
		p.kept += to - from
		s.done = to
	}
}

// Sight returns what was kept, once the part is complete.
func (w *Watcher) Sight() Sight {
	s := Sight{Name: w.name, Size: w.at, Lost: w.records.full || w.notes.full, Marks: w.notes.marks()}
	tail := Range{w.at - int64(len(w.recent)), bytes.Clone(w.recent)}
	s.Ranges = merged(append(slices.Concat(w.contents.ranges, w.records.ranges), tail))
	for _, want := range slices.Concat(w.contents.wants[1:], w.records.wants) {
		s.Open = max(s.Open, want.to-w.at)
	}
	if open := w.contents.wants[0]; open.to > edge {
		s.Open = max(s.Open, open.to-w.at)
	}
	s.Open = max(s.Open, w.need)
	if mayBegin(w.recent) {
		s.Open = Most
	}
	return s
}

// headersIn returns the spans behind the headers in b that name the manifest, in whatever spelling, and
// the names that lead to it by a detour, as far as they end behind seen.
func headersIn(b []byte, seen int) []span {
	var all []span
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(manifest.Name))
		if i < 0 {
			return all
		}
		name := at + i
		end := name + len(manifest.Name)
		if at = name + 1; end+1 <= seen { // what follows the name tells whether it is a detour
			continue
		}
		for begin := name; begin >= 0 && name-begin <= spelled && isSpelling(b[begin:name]); begin-- {
			all = append(all, headersBefore(b, begin, end)...)
		}
		before := b[max(0, name-spelled):name]
		dots := before[len(bytes.TrimRight(before, `./\`)):]
		if isDetour(dots, b[end:min(end+1, len(b))]) {
			all = append(all, span{from: int64(name - len(dots)), to: int64(end) + 1, central: true, detour: true})
		}
	}
}

// isDetour reports whether a longer name than the manifest's, with those dots and slashes before it and
// that behind it, is the same for a reader that cleans paths: a/../manifest.xml, manifest.xml/b/..
func isDetour(dots, behind []byte) bool {
	return len(dots) == spelled || bytes.Contains(dots, []byte("../")) || bytes.Contains(dots, []byte(`..\`)) ||
		len(behind) > 0 && (behind[0] == '/' || behind[0] == '\\')
}

// headersBefore returns the spans behind the headers whose name is b[begin:end].
func headersBefore(b []byte, begin, end int) []span {
	var all []span
	for signature, length := range signatures {
		from := begin - int(length)
		if from < 0 || string(b[from:from+4]) != signature {
			continue
		}
		at := begin - 4 // of a local header: the lengths of name and extra field
		if length == central {
			at = from + 28
		}
		if int(binary.LittleEndian.Uint16(b[at:])) != end-begin {
			continue
		}
		to := int64(from) + Most
		if length == central { // the record alone
			extra, comment := binary.LittleEndian.Uint16(b[at+2:]), binary.LittleEndian.Uint16(b[at+4:])
			to = int64(end) + min(int64(extra)+int64(comment), trailer)
		}
		all = append(all, span{from: int64(from), to: to, central: length == central})
	}
	return all
}

// isSpelling reports whether b before a name leaves it the same name for a reader that cleans paths.
func isSpelling(b []byte) bool { return len(bytes.Trim(b, `./\`)) == 0 }

// mayBegin reports whether a header that names the manifest may have begun in the last bytes of a part.
func mayBegin(tail []byte) bool {
	for at := 0; ; {
		i := bytes.IndexByte(tail[at:], 'P')
		if i < 0 {
			return false
		}
		rest := tail[at+i:]
		at += i + 1
		for signature, length := range signatures {
			if beginsWith(rest, signature, length) {
				return true
			}
		}
	}
}

// beginsWith reports whether rest can be the first bytes of a header that names the manifest and is cut.
func beginsWith(rest []byte, signature string, length int64) bool {
	if n := min(len(rest), len(signature)); string(rest[:n]) != signature[:n] {
		return false
	}
	if int64(len(rest)) <= length {
		return true
	}
	name := strings.TrimLeft(string(rest[length:]), `./\`)
	return strings.HasPrefix(manifest.Name, name) //nolint:gocritic // the beginning of a name that is cut off
}
