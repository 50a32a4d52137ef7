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

// total limits what is kept of one part, whatever it holds.
const total = 2 * Most

const (
	local   = 30 // bytes of a local header before the name
	central = 46 // bytes of a central record before the name
	// spelled is how much longer than the manifest's own a name is that engines take for it.
	spelled = 64
	// edge is what is kept of both ends of a part: a header with the name, and the end records with
	// those of ZIP64.
	edge = central + spelled + int64(len(manifest.Name)) + 98
)

var signatures = map[string]int64{"PK\x03\x04": local, "PK\x01\x02": central}

// Watcher sees the content of one part go by, as a Writer.
type Watcher struct {
	name   string
	at     int64  // bytes that went by
	recent []byte // the last of them
	wants  []span
	ranges []Range
	kept   int64
}

// span is what is to be kept, in offsets of the part.
type span struct{ from, to, done int64 }

// NewWatcher returns the Watcher of a part of that name. open is how much of its begin is kept since
// the part in front of it may go on there: its Sight's Open, or Most if that part was not seen yet.
func NewWatcher(name string, open int64) *Watcher {
	w := &Watcher{name: name}
	w.want(0, max(edge, min(open, Most)))
	return w
}

// Write looks at b and keeps what may be needed. It never fails.
func (w *Watcher) Write(b []byte) (int, error) {
	base := w.at - int64(len(w.recent))
	window := slices.Concat(w.recent, b)
	for _, h := range headersIn(window, len(w.recent)) {
		w.want(base+h.from, base+h.to)
	}
	for i := range w.wants {
		w.keep(&w.wants[i], base, window)
	}
	w.at += int64(len(b))
	w.recent = append(w.recent[:0], window[max(0, int64(len(window))-edge):]...)
	return len(b), nil
}

// spans is how many separate pieces of a part are kept: no honest one has more than a few.
const spans = 256

// want adds a span; one that begins in the last goes on with it.
func (w *Watcher) want(from, to int64) {
	if n := len(w.wants) - 1; n >= 0 && from <= w.wants[n].to {
		w.wants[n].to = max(w.wants[n].to, to)
		return
	}
	if len(w.wants) < spans {
		w.wants = append(w.wants, span{from, to, from})
	}
}

// keep copies what of a span is in the window and was not copied yet.
func (w *Watcher) keep(s *span, base int64, window []byte) {
	from, to := max(s.done, base), min(s.to, base+int64(len(window)))
	if to = min(to, from+total-w.kept); from >= to {
		return
	}
	w.ranges = append(w.ranges, Range{from, bytes.Clone(window[from-base : to-base])})
	w.kept += to - from
	s.done = to
}

// Sight returns what was kept, once the part is complete.
func (w *Watcher) Sight() Sight {
	s := Sight{Name: w.name, Size: w.at}
	tail := Range{w.at - int64(len(w.recent)), bytes.Clone(w.recent)}
	s.Ranges = merged(append(w.ranges, tail))
	for _, want := range w.wants[1:] {
		s.Open = max(s.Open, want.to-w.at)
	}
	if open := w.wants[0]; open.to > edge {
		s.Open = max(s.Open, open.to-w.at)
	}
	if mayBegin(w.recent) {
		s.Open = Most
	}
	return s
}

// headersIn returns the spans behind the headers in b that name the manifest, in whatever spelling, and
// whose name ends behind seen.
func headersIn(b []byte, seen int) []span {
	var all []span
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(manifest.Name))
		if i < 0 {
			return all
		}
		name := at + i
		if at = name + 1; name+len(manifest.Name) <= seen {
			continue
		}
		for begin := name; begin >= 0 && name-begin <= spelled && isSpelling(b[begin:name]); begin-- {
			all = append(all, headersBefore(b, begin, name+len(manifest.Name))...)
		}
	}
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
			to = int64(end) + int64(extra) + int64(comment)
		}
		all = append(all, span{from: int64(from), to: to})
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
