package javaser

import (
	"encoding/binary"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// fieldCost is the memory of a field's value besides what it refers to, with the slack of its chunk.
const fieldCost = 32

func (d *Decoder) object(slot *graph.Slot) (graph.Value, error) {
	class, shape, err := d.classDesc(slot)
	if err != nil {
		return nil, err
	}
	if class.IsArray() {
		return nil, d.fail(RuleClass, "an array class where an object begins")
	}
	o := d.objects.One()
	o.Class, o.Mark = class, graph.Mark{Shape: shape, Weight: graph.Unfinished}
	if err := d.assign(o); err != nil {
		return nil, err
	}
	before := d.weight
	d.stack = append(d.stack, frame{o, -1})
	if shape.Data != graph.BlockData {
		n := class.FieldCount()
		if err := d.in.Spend(int64(n) * fieldCost); err != nil {
			return nil, err
		}
		o.Fields = d.values.Many(n)
	}
	if err := d.classData(o, class, shape); err != nil {
		return nil, err
	}
	d.stack = d.stack[:len(d.stack)-1]
	o.Weight = d.weight - before
	return o, nil
}

// classData reads the fields and the added data of class, its superclass's before.
func (d *Decoder) classData(o *graph.Object, class *graph.Class, shape *graph.Shape) error {
	first := 0
	if class.Super != nil {
		if err := d.classData(o, class.Super, shape.Above(class.Super.Name)); err != nil {
			return err
		}
		first = class.Super.FieldCount()
	}
	if shape.Data == graph.BlockData {
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

func (d *Decoder) fieldValue(to *graph.FieldValue, f graph.Field, shape *graph.Shape, refs *int) (err error) {
	if f.Primitive() {
		to.Bits, err = d.primitive(f.Type)
		return err
	}
	slot := shape.SlotOf(f, *refs)
	*refs++
	to.Ref, err = d.value(slot)
	return err
}

// primitive reads a primitive value and extends its sign.
func (d *Decoder) primitive(typ byte) (uint64, error) {
	b, err := d.in.Take(graph.Width[typ])
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
