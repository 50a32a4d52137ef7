package javaser

import "encoding/binary"

func (d *Decoder) object(slot *Slot) (Value, error) {
	class, shape, err := d.classDesc(slot)
	if err != nil {
		return nil, err
	}
	if class.IsArray() {
		return nil, d.fail(RuleClass, "an array class where an object begins")
	}
	o := d.objects.one()
	o.Class, o.mark = class, mark{shape: shape, weight: unfinished}
	if err := d.assign(o); err != nil {
		return nil, err
	}
	before := d.weight
	d.stack = append(d.stack, frame{o, -1})
	if shape.Data != BlockData {
		o.Fields = d.values.many(class.FieldCount())
	}
	if err := d.classData(o, class, shape); err != nil {
		return nil, err
	}
	d.stack = d.stack[:len(d.stack)-1]
	o.weight = d.weight - before
	return o, nil
}

// classData reads the fields and the added data of class, its superclass's before.
func (d *Decoder) classData(o *Object, class *Class, shape *Shape) error {
	first := 0
	if class.Super != nil {
		if err := d.classData(o, class.Super, shape.above(class.Super.Name)); err != nil {
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
