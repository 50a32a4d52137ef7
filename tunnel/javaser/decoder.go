package javaser

import (
	"encoding/binary"
	"errors"
	"io"
)

// Decoder reads one stream. It is used once, by one goroutine.
type Decoder struct {
	// Bulk gets the content of a byte array in a slot that allows it: held is everything kept so far, size the bytes that
	// the array claims, and c must be read to its end. A nil Bulk refuses such arrays; an array of no bytes is kept.
	Bulk func(held []byte, size int64, c *Content) error
	// Resets allows heartbeats between the header and the object.
	Resets bool

	in      *Input
	lim     Limits
	handles []handle
	classes []string // described so far
	stack   []frame
	weight  int64
	depth   int
}

// handle is something that can be referred to: one of the three is set, none while a class is being described.
type handle struct {
	class *Class
	sig   string
	value Value
}

// frame is a place on the way from the root, for paths in errors and for Bulk.
type frame struct {
	value Value
	at    int // field or element, -1 in the note
}

// NewDecoder returns a Decoder of in.
func NewDecoder(in *Input, lim Limits) *Decoder {
	return &Decoder{in: in, lim: lim}
}

// Decode reads the header and the one object that may stand in root, and makes sure that nothing follows. Its errors are
// *Error, or what Bulk returned.
func (d *Decoder) Decode(root *Slot) (Value, error) {
	if err := d.header(); err != nil {
		return nil, err
	}
	v, err := d.value(root)
	if err != nil {
		return nil, err
	}
	if err := d.in.end(); err != nil {
		if errors.Is(err, errTrailing) {
			return nil, d.fail(RuleTrailing, "bytes after the object")
		}
		return nil, d.broken(err)
	}
	return v, nil
}

// Open returns the values that are being read, the root first. Only inside Bulk, or after an error, is that of use: fields
// and elements that were read before are in place.
func (d *Decoder) Open() []Value {
	vs := make([]Value, len(d.stack))
	for i, f := range d.stack {
		vs[i] = f.value
	}
	return vs
}

func (d *Decoder) header() error {
	b, err := d.in.take(4)
	if err != nil {
		return d.broken(err)
	}
	if binary.BigEndian.Uint16(b) != magic || binary.BigEndian.Uint16(b[2:]) != version {
		return d.fail(RuleHeader, "not a Java object stream of version 5")
	}
	for d.Resets {
		if err := d.in.need(1); err != nil {
			return d.broken(err)
		}
		if d.in.buf[d.in.pos] != tcReset {
			return nil
		}
		d.in.pos++
	}
	return nil
}

// value reads one value into a place.
func (d *Decoder) value(slot *Slot) (Value, error) {
	tag, err := d.u8()
	if err != nil {
		return nil, err
	}
	if d.weight++; d.weight > d.lim.Weight {
		return nil, d.fail(RuleWeight, "too many values")
	}
	switch tag {
	case tcNull:
		return d.null(slot)
	case tcReference:
		return d.reference(slot)
	case tcString, tcLongString:
		return d.text(slot, tag)
	case tcObject:
		return d.nested(slot, (*Decoder).object)
	case tcArray:
		return d.nested(slot, (*Decoder).array)
	}
	return nil, d.failf(RuleTag, "type code %#02x", tag)
}

func (d *Decoder) null(slot *Slot) (Value, error) {
	if !slot.Null && !slot.Sealed {
		return nil, d.fail(RuleSlot, "null may not stand here")
	}
	return nil, nil
}

func (d *Decoder) nested(slot *Slot, read func(*Decoder, *Slot) (Value, error)) (Value, error) {
	if d.depth++; d.depth > d.lim.Depth {
		return nil, d.fail(RuleDepth, "objects nested too deep")
	}
	v, err := read(d, slot)
	d.depth--
	return v, err
}

func (d *Decoder) reference(slot *Slot) (Value, error) {
	if slot.Sealed {
		return nil, d.fail(RuleSealed, "a reference may not stand here")
	}
	h, err := d.handle()
	if err != nil {
		return nil, err
	}
	switch v := h.value.(type) {
	case *String:
		if !slot.String {
			return nil, d.fail(RuleSlot, "a string may not stand here")
		}
		if v.sealed {
			return nil, d.fail(RuleSealed, "refers to a value that is cut out on the way")
		}
		return v, nil
	case *Object:
		return v, d.refer(slot, v, &v.mark)
	case *Array:
		return v, d.refer(slot, v, &v.mark)
	}
	return nil, d.fail(RuleHandle, "refers to something that is no value")
}

// refer checks that a value read elsewhere may stand in slot too.
func (d *Decoder) refer(slot *Slot, v Value, m *mark) error {
	if !m.done {
		top := len(d.stack) - 1
		if slot.Cycle && top >= 0 && d.stack[top].value == v {
			return nil
		}
		return d.fail(RuleHandle, "refers to an object that is not finished")
	}
	if !slot.admits(m.shape) {
		return d.failf(RuleSlot, "a reference to %s may not stand here", m.shape.name())
	}
	if d.weight += m.weight; d.weight > d.lim.Weight {
		return d.fail(RuleWeight, "shared containers expand too far")
	}
	return nil
}

func (d *Decoder) text(slot *Slot, tag byte) (Value, error) {
	if !slot.String && !slot.Sealed {
		return nil, d.fail(RuleSlot, "a string may not stand here")
	}
	s := &String{pos: d.in.Offset() - 1, sealed: slot.Sealed}
	text, err := d.chars(tag)
	if err != nil {
		return nil, err
	}
	s.Text, s.end = text, d.in.Offset()
	return s, d.assign(handle{value: s})
}

// chars reads the length and the characters of a string.
func (d *Decoder) chars(tag byte) (string, error) {
	var n uint64
	if tag == tcString {
		short, err := d.u16()
		if err != nil {
			return "", err
		}
		n = uint64(short)
	} else {
		long, err := d.u64()
		if err != nil {
			return "", err
		}
		if long <= maxShortString || long > uint64(d.lim.Held) {
			return "", d.failf(RuleLength, "long string of %d bytes", long)
		}
		n = long
	}
	return d.utf(int(n))
}

func (d *Decoder) utf(n int) (string, error) {
	b, err := d.in.take(n)
	if err != nil {
		return "", d.broken(err)
	}
	s, err := decodeText(b)
	if err != nil {
		return "", d.fail(RuleText, err.Error())
	}
	return s, nil
}

func (d *Decoder) object(slot *Slot) (Value, error) {
	class, shape, err := d.classDesc(slot)
	if err != nil {
		return nil, err
	}
	if class.IsArray() {
		return nil, d.fail(RuleClass, "an array class where an object begins")
	}
	o := &Object{Class: class, mark: mark{shape: shape}}
	if err := d.assign(handle{value: o}); err != nil {
		return nil, err
	}
	before := d.weight
	d.stack = append(d.stack, frame{o, -1})
	if shape.Data != BlockData {
		o.Fields = make([]FieldValue, class.FieldCount())
	}
	if err := d.classData(o, class, shape); err != nil {
		return nil, err
	}
	d.stack = d.stack[:len(d.stack)-1]
	o.done, o.weight = true, d.weight-before
	return o, nil
}

// classData reads the fields and the added data of class, its superclass's before.
func (d *Decoder) classData(o *Object, class *Class, shape *Shape) error {
	first := 0
	if class.Super != nil {
		if err := d.classData(o, class.Super, shape.above([]byte(class.Super.Name))); err != nil {
			return err
		}
		first = class.Super.FieldCount()
	}
	if shape.Data == BlockData {
		return d.external(o)
	}
	top := len(d.stack) - 1
	refs := 0
	for i, f := range class.Fields {
		d.stack[top].at = first + i
		if err := d.fieldValue(&o.Fields[first+i], f, shape, &refs); err != nil {
			return err
		}
	}
	d.stack[top].at = -1
	return d.note(o, class, shape)
}

func (d *Decoder) fieldValue(to *FieldValue, f Field, shape *Shape, refs *int) (err error) {
	if f.Primitive() {
		to.Bits, err = d.primitive(f.Type)
		return err
	}
	slot := shape.slot(f, *refs)
	*refs++
	to.Ref, err = d.value(slot)
	return err
}

// primitive reads a primitive value and extends its sign.
func (d *Decoder) primitive(typ byte) (uint64, error) {
	b, err := d.in.take(width[typ])
	if err != nil {
		return 0, d.broken(err)
	}
	switch len(b) {
	case 1:
		if typ == 'Z' && b[0] > 1 {
			return 0, d.fail(RuleLength, "a boolean that is neither 0 nor 1")
		}
		return uint64(int64(int8(b[0]))), nil
	case 2:
		return uint64(int64(int16(binary.BigEndian.Uint16(b)))), nil
	case 4:
		return uint64(int64(int32(binary.BigEndian.Uint32(b)))), nil
	}
	return binary.BigEndian.Uint64(b), nil
}

// width has the bytes of each primitive type.
var width = [256]int{'B': 1, 'Z': 1, 'C': 2, 'S': 2, 'I': 4, 'F': 4, 'J': 8, 'D': 8}

func (d *Decoder) array(slot *Slot) (Value, error) {
	class, shape, err := d.classDesc(slot)
	if err != nil {
		return nil, err
	}
	if !class.IsArray() {
		return nil, d.failf(RuleClass, "%s where an array begins", class.Name)
	}
	n, err := d.u32()
	if err != nil {
		return nil, err
	}
	a := &Array{Class: class, mark: mark{shape: shape}}
	if err := d.assign(handle{value: a}); err != nil {
		return nil, err
	}
	before := d.weight
	d.stack = append(d.stack, frame{a, -1})
	if err := d.elements(a, int64(n), slot); err != nil {
		return nil, err
	}
	d.stack = d.stack[:len(d.stack)-1]
	a.done, a.weight = true, d.weight-before
	return a, nil
}

// elements reads the n elements of a. Nothing is allocated for more than has arrived.
func (d *Decoder) elements(a *Array, n int64, slot *Slot) error {
	if a.Class.Name == "[B" && slot.Bulk && n > 0 {
		return d.bulk(a, n)
	}
	if n > int64(d.lim.Array) {
		return d.failf(RuleLimit, "an array of %d elements", n)
	}
	switch a.Class.Name {
	case "[B":
		b, err := d.in.take(int(n))
		if err != nil {
			return d.broken(err)
		}
		a.Bytes = append([]byte{}, b...)
	case "[I":
		return d.ints(a, int(n))
	case "[J":
		return d.longs(a, int(n))
	default:
		return d.refs(a, int(n))
	}
	return nil
}

func (d *Decoder) bulk(a *Array, n int64) error {
	if d.Bulk == nil || n > d.lim.Bulk {
		return d.failf(RuleLimit, "a byte array of %d bytes", n)
	}
	a.Bulk = n
	return d.in.bulk(n, func(c *Content) error { return d.Bulk(d.in.Held(), n, c) })
}

func (d *Decoder) ints(a *Array, n int) error {
	b, err := d.in.take(4 * n)
	if err != nil {
		return d.broken(err)
	}
	a.Ints = make([]int32, n)
	for i := range a.Ints {
		a.Ints[i] = int32(binary.BigEndian.Uint32(b[4*i:]))
	}
	return nil
}

func (d *Decoder) longs(a *Array, n int) error {
	b, err := d.in.take(8 * n)
	if err != nil {
		return d.broken(err)
	}
	a.Longs = make([]int64, n)
	for i := range a.Longs {
		a.Longs[i] = int64(binary.BigEndian.Uint64(b[8*i:]))
	}
	return nil
}

func (d *Decoder) refs(a *Array, n int) error {
	top := len(d.stack) - 1
	if n <= 16 {
		a.Refs = make([]Value, 0, n)
	}
	for i := range n {
		d.stack[top].at = i
		v, err := d.value(a.shape.Elem)
		if err != nil {
			return err
		}
		a.Refs = append(a.Refs, v)
	}
	return nil
}

// assign gives the next handle to h.
func (d *Decoder) assign(h handle) error {
	if len(d.handles) >= d.lim.Handles {
		return d.fail(RuleLimit, "too many objects")
	}
	d.handles = append(d.handles, h)
	return nil
}

// handle reads a reference and returns what it refers to.
func (d *Decoder) handle() (handle, error) {
	n, err := d.u32()
	if err != nil {
		return handle{}, err
	}
	i := int64(n) - baseHandle
	if i < 0 || i >= int64(len(d.handles)) {
		return handle{}, d.failf(RuleHandle, "handle %#x is not assigned", n)
	}
	return d.handles[i], nil
}

func (d *Decoder) u8() (byte, error) {
	b, err := d.in.take(1)
	if err != nil {
		return 0, d.broken(err)
	}
	return b[0], nil
}

func (d *Decoder) u16() (uint16, error) {
	b, err := d.in.take(2)
	if err != nil {
		return 0, d.broken(err)
	}
	return binary.BigEndian.Uint16(b), nil
}

func (d *Decoder) u32() (uint32, error) {
	b, err := d.in.take(4)
	if err != nil {
		return 0, d.broken(err)
	}
	return binary.BigEndian.Uint32(b), nil
}

func (d *Decoder) u64() (uint64, error) {
	b, err := d.in.take(8)
	if err != nil {
		return 0, d.broken(err)
	}
	return binary.BigEndian.Uint64(b), nil
}

// broken turns the reader's error into one that names the place.
func (d *Decoder) broken(err error) error {
	if errors.Is(err, errHeld) {
		return d.fail(RuleLimit, "more bytes than a call may hold besides its content")
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	e := d.failure(RuleTruncated, "the stream ended too early")
	e.Err = err
	return e
}
