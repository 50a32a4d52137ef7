package glimpse

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
)

// Sight is what is kept of one part.
type Sight struct {
	Name string // of the part, by which parts are in order
	Size int64
	// Open is how much of the part behind this one may be needed: something that was kept goes on there.
	Open   int64
	Lost   bool    // more in it is called as the manifest is than was kept
	Ranges []Range // in order, without overlap
	Marks  []Mark  // in the order of what they say, each once
	// Blind says that the one who looked did not look for marks: an earlier version did not.
	Blind bool
}

// Mark is what a record of a directory says that the archive holds.
type Mark struct {
	What string
	Off  int64 // of the last record in the part that says so
}

// Range is a piece of a part.
type Range struct {
	Off   int64 // in the part
	Bytes []byte
}

// Trim returns the sight without what was only kept for the case that the part in front of it goes on
// here: open is how much of this one that needs.
func (s Sight) Trim(open int64) Sight {
	if len(s.Ranges) == 0 || s.Ranges[0].Off > 0 {
		return s
	}
	head := s.Ranges[0].Bytes
	w := NewWatcher(s.Name, open)
	_, _ = w.Write(head) // a Watcher takes everything
	kept := w.Sight()
	if int64(len(head)) < s.Size {
		kept.Open = s.Open
	}
	kept.Lost = kept.Lost || s.Lost
	kept.Size, kept.Ranges = s.Size, merged(append(kept.Ranges, s.Ranges[1:]...))
	kept.Marks, kept.Blind = s.Marks, s.Blind
	return kept
}

// merged returns ranges in order, each byte once.
func merged(all []Range) []Range {
	slices.SortStableFunc(all, func(a, b Range) int { return cmp.Compare(a.Off, b.Off) })
	var out []Range
	for _, r := range all {
		last := len(out) - 1
		if last < 0 || out[last].end() < r.Off {
			out = append(out, Range{r.Off, slices.Clone(r.Bytes)})
			continue
		}
		if more := r.end() - out[last].end(); more > 0 {
			out[last].Bytes = append(out[last].Bytes, r.Bytes[int64(len(r.Bytes))-more:]...)
		}
	}
	return out
}

func (r Range) end() int64 { return r.Off + int64(len(r.Bytes)) }

// ErrSight is returned for bytes that Append did not write.
var ErrSight = errors.New("what was kept of a part cannot be read")

// Append appends the sight to b, without its name. Open stands there as its complement if something is lost.
func (s Sight) Append(b []byte) []byte {
	open := s.Open
	if s.Lost {
		open = ^open
	}
	b = binary.AppendVarint(binary.AppendVarint(b, s.Size), open)
	b = binary.AppendUvarint(b, uint64(len(s.Ranges)))
	for _, r := range s.Ranges {
		b = binary.AppendUvarint(binary.AppendVarint(b, r.Off), uint64(len(r.Bytes)))
		b = append(b, r.Bytes...)
	}
	if s.Blind {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(s.Marks)))
	for _, m := range s.Marks {
		b = binary.AppendUvarint(binary.AppendVarint(b, m.Off), uint64(len(m.What)))
		b = append(b, m.What...)
	}
	return b
}

// Parse reads what Append wrote.
func Parse(name string, b []byte) (Sight, error) {
	s := Sight{Name: name}
	in := reader{b: b}
	s.Size, s.Open = in.varint(), in.varint()
	if s.Lost = s.Open < 0; s.Lost {
		s.Open = ^s.Open
	}
	for range in.count() {
		r := Range{Off: in.varint()}
		if r.Bytes = in.take(in.count()); r.Off < 0 || r.end() > s.Size {
			in.bad = true
		}
		s.Ranges = append(s.Ranges, r)
	}
	if s.Blind = !in.bad && len(in.b) == 0; !s.Blind {
		s.Marks = in.marks(s.Size)
	}
	if in.bad || len(in.b) > 0 || s.Size < 0 {
		return Sight{}, ErrSight
	}
	return s, nil
}

// marks reads the marks of a part of that size.
func (in *reader) marks(size int64) []Mark {
	var all []Mark
	for range in.count() {
		m := Mark{Off: in.varint()}
		if m.What = string(in.take(in.count())); m.Off < 0 || m.Off >= size || m.What == "" {
			in.bad = true
		}
		all = append(all, m)
	}
	return all
}

// reader reads numbers and bytes, and remembers that it could not.
type reader struct {
	b   []byte
	bad bool
}

func (in *reader) varint() int64 {
	v, n := binary.Varint(in.b)
	in.skip(n)
	return v
}

// count reads a number that cannot be larger than what is left.
func (in *reader) count() int {
	v, n := binary.Uvarint(in.b)
	in.skip(n)
	if v > uint64(len(in.b)) {
		in.bad = true
		return 0
	}
	return int(v)
}

func (in *reader) skip(n int) {
	if n <= 0 {
		in.bad, in.b = true, nil
		return
	}
	in.b = in.b[n:]
}

func (in *reader) take(n int) []byte {
	b := in.b[:min(n, len(in.b))]
	in.b = in.b[len(b):]
	return slices.Clone(b)
}
