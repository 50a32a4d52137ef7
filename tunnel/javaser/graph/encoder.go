package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Append appends the stream of root to dst, header included, as Java's writer would write it: the
// first occurrence of everything in full, later ones as references. It fails for a tree with a bulk
// array, see Split, or one that no Decoder made and no class describes.
func Append(dst []byte, root Value) ([]byte, error) {
	e := &encoder{dst: append(dst, Header()...), split: -1}
	if err := e.value(root); err != nil {
		return dst, err
	}
	if e.split >= 0 {
		return dst, errors.New("a stream with bulk content is written in two pieces")
	}
	return e.dst, nil
}

// Split returns the stream of root in two pieces, before and behind the content of its one bulk
// array, which is not kept.
func Split(root Value) (head, tail []byte, err error) {
	e := &encoder{dst: Header(), split: -1}
	if err := e.value(root); err != nil {
		return nil, nil, err
	}
	if e.split < 0 {
		return nil, nil, errors.New("no bulk content to split at")
	}
	return e.dst[:e.split:e.split], e.dst[e.split:], nil
}

type encoder struct {
	dst     []byte
	next    uint32
	values  map[Value]uint32
	classes map[*Class]uint32
	sigs    map[string]uint32
	split   int // where bulk content stands, -1 for none
}

func (e *encoder) value(v Value) error {
	switch v := v.(type) {
	case nil:
		e.dst = append(e.dst, TagNull)
		return nil
	case *String:
		if !e.known(v) {
			e.text(v)
		}
		return nil
	case *Object:
		if e.known(v) {
			return nil
		}
		return e.object(v)
	case *Array:
		if e.known(v) {
			return nil
		}
		return e.array(v)
	case Block:
		e.block(v)
		return nil
	}
	return fmt.Errorf("a value of type %T", v)
}

// known writes a reference if v was written before.
func (e *encoder) known(v Value) bool {
	h, ok := e.values[v]
	if ok {
		e.reference(h)
	}
	return ok
}

func (e *encoder) reference(h uint32) {
	e.dst = binary.BigEndian.AppendUint32(append(e.dst, TagReference), BaseHandle+h)
}

func (e *encoder) assign(v Value) {
	if e.values == nil {
		e.values = map[Value]uint32{}
	}
	e.values[v] = e.next
	e.next++
}

func (e *encoder) text(s *String) {
	n := textLen(s.Text)
	if n <= MaxShortString {
		e.dst = binary.BigEndian.AppendUint16(append(e.dst, TagString), uint16(n))
	} else {
		e.dst = binary.BigEndian.AppendUint64(append(e.dst, TagLongString), uint64(n))
	}
	e.dst = appendText(e.dst, s.Text)
	e.assign(s)
}

// short writes a name: its length in two bytes, and its characters.
func (e *encoder) short(s string) {
	e.dst = binary.BigEndian.AppendUint16(e.dst, uint16(textLen(s)))
	e.dst = appendText(e.dst, s)
}

func (e *encoder) object(o *Object) error {
	if o.Class == nil || o.Class.IsArray() {
		return errors.New("an object without a class")
	}
	e.dst = append(e.dst, TagObject)
	e.class(o.Class)
	e.assign(o)
	if o.Class.Flags&FlagExternal != 0 {
		return e.note(o.Note)
	}
	if len(o.Fields) != o.Class.FieldCount() {
		return fmt.Errorf("%s with %d field values", o.Class.Name, len(o.Fields))
	}
	notes := o.Note
	_, err := o.Class.chain(0, func(c *Class, first int) error {
		for i, f := range c.Fields {
			if err := e.field(f, o.Fields[first+i]); err != nil {
				return err
			}
		}
		if c.Flags&FlagWriteMethod == 0 {
			return nil
		}
		own := notes
		notes = nil
		return e.note(own)
	})
	if err == nil && len(notes) > 0 {
		err = fmt.Errorf("%s has no method that adds data", o.Class.Name)
	}
	return err
}

func (e *encoder) note(values []Value) error {
	for _, v := range values {
		if err := e.value(v); err != nil {
			return err
		}
	}
	e.dst = append(e.dst, TagEndBlock)
	return nil
}

func (e *encoder) field(f Field, v FieldValue) error {
	if !f.Primitive() {
		return e.value(v.Ref)
	}
	switch Width[f.Type] {
	case 1:
		e.dst = append(e.dst, byte(v.Bits))
	case 2:
		e.dst = binary.BigEndian.AppendUint16(e.dst, uint16(v.Bits))
	case 4:
		e.dst = binary.BigEndian.AppendUint32(e.dst, uint32(v.Bits))
	default:
		e.dst = binary.BigEndian.AppendUint64(e.dst, v.Bits)
	}
	return nil
}

func (e *encoder) block(b Block) {
	if len(b) <= MaxShortBlock {
		e.dst = append(e.dst, TagBlockData, byte(len(b)))
	} else {
		e.dst = binary.BigEndian.AppendUint32(append(e.dst, TagBlockLong), uint32(len(b)))
	}
	e.dst = append(e.dst, b...)
}

func (e *encoder) class(c *Class) {
	if c == nil {
		e.dst = append(e.dst, TagNull)
		return
	}
	if h, ok := e.classes[c]; ok {
		e.reference(h)
		return
	}
	e.dst = append(e.dst, TagClassDesc)
	if e.classes == nil {
		e.classes, e.sigs = map[*Class]uint32{}, map[string]uint32{}
	}
	e.classes[c] = e.next
	e.next++
	e.short(c.Name)
	e.dst = binary.BigEndian.AppendUint64(e.dst, uint64(c.UID))
	e.dst = append(e.dst, c.Flags)
	e.dst = binary.BigEndian.AppendUint16(e.dst, uint16(len(c.Fields)))
	for _, f := range c.Fields {
		e.descField(f)
	}
	e.dst = append(e.dst, TagEndBlock)
	e.class(c.Super)
}

func (e *encoder) descField(f Field) {
	e.dst = append(e.dst, f.Type)
	e.short(f.Name)
	if f.Primitive() {
		return
	}
	if h, ok := e.sigs[f.Sig]; ok {
		e.reference(h)
		return
	}
	e.sigs[f.Sig] = e.next
	e.next++
	e.dst = append(e.dst, TagString)
	e.short(f.Sig)
}

func (e *encoder) array(a *Array) error {
	e.dst = append(e.dst, TagArray)
	e.class(a.Class)
	e.assign(a)
	if a.Bulk > 0 {
		if e.split >= 0 {
			return errors.New("a second bulk content")
		}
		e.dst = binary.BigEndian.AppendUint32(e.dst, uint32(a.Bulk))
		e.split = len(e.dst)
		return nil
	}
	e.dst = binary.BigEndian.AppendUint32(e.dst, uint32(len(a.Refs)+len(a.Bytes)+len(a.Ints)+len(a.Longs)))
	e.dst = append(e.dst, a.Bytes...)
	for _, n := range a.Ints {
		e.dst = binary.BigEndian.AppendUint32(e.dst, uint32(n))
	}
	for _, n := range a.Longs {
		e.dst = binary.BigEndian.AppendUint64(e.dst, uint64(n))
	}
	for _, v := range a.Refs {
		if err := e.value(v); err != nil {
			return err
		}
	}
	return nil
}
