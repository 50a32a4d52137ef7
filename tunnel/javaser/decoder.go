package javaser

import (
	"encoding/binary"
	"errors"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/room"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// Decoder reads one stream, or after Again another one. It belongs to one goroutine.
type Decoder struct {
	// Bulk gets the content of the one byte array that may stream: held is everything kept so far,
	// size the bytes that the array claims, and c must be read to its end. A nil Bulk refuses such
	// arrays; an array of no bytes is kept.
	Bulk func(held []byte, size int64, c *source.Content) error
	// Resets allows heartbeats between the header and the object.
	Resets bool
	// Common has texts by themselves that many streams carry: they are shared in place of being
	// copied. Only ASCII without NUL, which is the same in a stream and in Go, belongs here.
	Common map[string]string

	in      *source.Input
	lim     Limits
	handles []any // *Class or Value; nil for a class that is being described, and for a type
	types   []typeName
	classes []string // described so far
	stack   []frame
	fields  []graph.Field // of the descriptors by form that are being read
	weight  int64
	depth   int
	bulked  bool // there was a bulk array

	objects room.Slab[graph.Object]
	arrays  room.Slab[graph.Array]
	strings room.Slab[graph.String]
	values  room.Slab[graph.FieldValue]
	places  room.Slab[graph.Value]
	pieces  room.Bytes
	recent  *room.Texts
	first   struct { // room for small streams, so that they need no allocation of their own
		handles [40]any
		types   [12]typeName
		classes [16]string
		stack   [8]frame
		sealed  graph.Extent
	}
	sealed bool // so does the extent
	secret bool // what is read is kept no longer than the stream
}

// typeName is a signature that was written in full, and its handle.
type typeName struct {
	at  int
	sig string
}

// frame is a place on the way from the root, for paths in errors and for Bulk.
type frame struct {
	value graph.Value
	at    int // field or element, -1 in the note
}

// NewDecoder returns a Decoder of in.
func NewDecoder(in *source.Input, lim Limits) *Decoder {
	d := &Decoder{recent: room.NewTexts()}
	d.begin(in, lim)
	return d
}

func (d *Decoder) begin(in *source.Input, lim Limits) {
	d.in, d.lim = in, lim
	d.handles, d.types = d.first.handles[:0], d.first.types[:0]
	d.classes, d.stack = d.first.classes[:0], d.first.stack[:0]
}

// Again makes the decoder one of in, in the room of what it read before: none of those values may be used
// any more.
func (d *Decoder) Again(in *source.Input, lim Limits) {
	if d.in == nil { // nothing was read since
		d.begin(in, lim)
		return
	}
	objects, arrays, strings, values, places, recent := d.objects, d.arrays, d.strings, d.values, d.places, d.recent
	objects.Again()
	arrays.Again()
	strings.Again()
	values.Again()
	places.Again()
	pieces := d.pieces
	pieces.Again()
	*d = Decoder{objects: objects, arrays: arrays, strings: strings, values: values, places: places, pieces: pieces, recent: recent}
	d.begin(in, lim)
}

// Decode reads the header and the one object that may stand in root, and makes sure that nothing
// follows. Its errors are *Error, *source.NoRoom, or what Bulk returned.
func (d *Decoder) Decode(root *graph.Slot) (graph.Value, error) {
	if err := d.header(); err != nil {
		return nil, err
	}
	v, err := d.value(root)
	if err != nil {
		return nil, err
	}
	if err := d.in.End(); err != nil {
		if errors.Is(err, source.ErrTrailing) {
			return nil, d.fail(RuleTrailing, "bytes after the object")
		}
		return nil, d.broken(err)
	}
	return v, nil
}

// Open returns the values that are being read, the root first. Only inside Bulk, or after an error,
// is that of use: fields and elements that were read before are in place.
func (d *Decoder) Open() []graph.Value {
	vs := make([]graph.Value, len(d.stack))
	for i, f := range d.stack {
		vs[i] = f.value
	}
	return vs
}

// costs are the bytes of memory that a value takes, by its tag, besides its text, fields and elements: itself, its
// handle, its place where it stands, and the slack of what grows.
var costs = [256]int64{
	graph.TagNull: 32, graph.TagReference: 32, graph.TagString: 96, graph.TagLongString: 96,
	graph.TagObject: 192, graph.TagArray: 256,
}

func (d *Decoder) header() error {
	b, err := d.in.Take(4)
	if err != nil {
		return d.broken(err)
	}
	if binary.BigEndian.Uint16(b) != graph.Magic || binary.BigEndian.Uint16(b[2:]) != graph.Version {
		return d.fail(RuleHeader, "not a Java object stream of version 5")
	}
	for d.Resets {
		if err := d.in.Need(1); err != nil {
			return d.broken(err)
		}
		if d.in.Next() != graph.TagReset {
			return nil
		}
		d.in.Skip()
	}
	return nil
}

// value reads one value into a place.
func (d *Decoder) value(slot *graph.Slot) (graph.Value, error) {
	tag, err := d.u8()
	if err != nil {
		return nil, err
	}
	if d.weight++; d.weight > d.lim.Weight {
		return nil, d.fail(RuleWeight, "too many values")
	}
	if err := d.in.Spend(costs[tag]); err != nil {
		return nil, err
	}
	switch tag {
	case graph.TagNull:
		return d.null(slot)
	case graph.TagReference:
		return d.reference(slot)
	case graph.TagString, graph.TagLongString:
		return d.text(slot, tag)
	case graph.TagObject:
		return d.nested(slot, (*Decoder).object)
	case graph.TagArray:
		return d.nested(slot, (*Decoder).array)
	}
	return nil, d.failf(RuleTag, "type code %#02x", tag)
}

func (d *Decoder) null(slot *graph.Slot) (graph.Value, error) {
	if !slot.Null && !slot.Sealed {
		return nil, d.fail(RuleSlot, "null may not stand here")
	}
	return nil, nil
}

func (d *Decoder) nested(slot *graph.Slot, read func(*Decoder, *graph.Slot) (graph.Value, error)) (graph.Value, error) {
	if d.depth++; d.depth > d.lim.Depth {
		return nil, d.fail(RuleDepth, "objects nested too deep")
	}
	v, err := read(d, slot)
	d.depth--
	return v, err
}

func (d *Decoder) reference(slot *graph.Slot) (graph.Value, error) {
	if slot.Sealed {
		return nil, d.fail(RuleSealed, "a reference may not stand here")
	}
	i, err := d.handle()
	if err != nil {
		return nil, err
	}
	switch v := d.handles[i].(type) {
	case *graph.String:
		if !slot.String {
			return nil, d.fail(RuleSlot, "a string may not stand here")
		}
		if v.Sealed != nil {
			return nil, d.fail(RuleSealed, "refers to a value that is cut out on the way")
		}
		return v, nil
	case *graph.Object:
		return v, d.refer(slot, v, &v.Mark)
	case *graph.Array:
		return v, d.refer(slot, v, &v.Mark)
	}
	return nil, d.fail(RuleHandle, "refers to something that is no value")
}

// refer checks that a value read elsewhere may stand in slot too.
func (d *Decoder) refer(slot *graph.Slot, v graph.Value, m *graph.Mark) error {
	if m.Weight == graph.Unfinished {
		top := len(d.stack) - 1
		if slot.Anything || slot.Cycle && top >= 0 && d.stack[top].value == v {
			return nil
		}
		return d.fail(RuleHandle, "refers to an object that is not finished")
	}
	if !slot.Admits(m.Shape) {
		return d.failf(RuleSlot, "a reference to %s may not stand here", m.Shape.Name())
	}
	if d.weight += m.Weight; d.weight > d.lim.Weight {
		return d.fail(RuleWeight, "shared containers expand too far")
	}
	return nil
}

func (d *Decoder) text(slot *graph.Slot, tag byte) (graph.Value, error) {
	if !slot.String && !slot.Sealed {
		return nil, d.fail(RuleSlot, "a string may not stand here")
	}
	from := d.in.Offset() - 1
	d.secret = slot.Sealed
	text, err := d.chars(tag)
	d.secret = false
	if err != nil {
		return nil, err
	}
	s := d.strings.One()
	s.Text = text
	if slot.Sealed {
		s.Sealed = d.extent()
		*s.Sealed = graph.Extent{From: from, To: d.in.Offset()}
	}
	return s, d.assign(s)
}

func (d *Decoder) extent() *graph.Extent {
	if d.sealed {
		return &graph.Extent{}
	}
	d.sealed = true
	return &d.first.sealed
}

// chars reads the length and the characters of a string.
func (d *Decoder) chars(tag byte) (string, error) {
	if tag == graph.TagString {
		return d.utf()
	}
	n, err := d.u64()
	if err != nil {
		return "", err
	}
	if n <= graph.MaxShortString || n > uint64(max(0, d.lim.Held)) {
		return "", d.failf(RuleLength, "long string of %d bytes", n)
	}
	return d.decoded(int(n))
}
