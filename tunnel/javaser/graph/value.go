package graph

import "slices"

// Value is what stands in one place of a stream: nil for Java's null, *String, *Object, *Array, or
// Block. Two places that hold the same pointer hold the same Java object, and are written as a
// reference.
type Value interface{ isValue() }

// String is a Java string.
type String struct {
	Text   string
	Sealed *Extent // set if it was read from a sealed slot: nothing may refer to it
}

// Extent is where something was read: the stream offsets of its first byte and of the byte behind it.
type Extent struct{ From, To int64 }

// Span returns where a string of a sealed slot was read: the stream offsets of its tag and of the
// byte behind it. Both are 0 for a string that was not read from one.
func (s *String) Span() (from, to int64) {
	if s.Sealed == nil {
		return 0, 0
	}
	return s.Sealed.From, s.Sealed.To
}

// Object is an instance of a serializable or externalizable class.
type Object struct {
	Class  *Class
	Fields []FieldValue // of the whole chain, the root superclass's first, in descriptor order
	Note   []Value      // what the class's writeObject or writeExternal added
	Mark
}

// FieldValue is the value of one field: Bits for a primitive one (sign-extended, or IEEE 754 bits),
// Ref for the others.
type FieldValue struct {
	Bits uint64
	Ref  Value
}

// Array is a Java array. Which of the slices is used follows from Class.
type Array struct {
	Class *Class
	Refs  []Value
	Bytes []byte
	Ints  []int32
	Longs []int64
	Bulk  int64 // bytes of a byte array whose content streamed by instead of being kept
	Mark
}

// Block is primitive data between the objects of a Note.
type Block []byte

func (*String) isValue() {}
func (*Object) isValue() {}
func (*Array) isValue()  {}
func (Block) isValue()   {}

// Mark is what a Decoder remembers of a value that can be referred to.
type Mark struct {
	Shape  *Shape
	Weight int64 // values inside it when every reference is expanded
}

// Unfinished is the weight of a value that is still being read.
const Unfinished = -1

// Class is a class descriptor as it stands in a stream.
type Class struct {
	Name   string
	UID    int64
	Flags  byte
	Fields []Field
	Super  *Class // nil at the root
}

// Field is one field of a descriptor.
type Field struct {
	Type byte   // B C D F I J S Z, L for objects, [ for arrays
	Name string // as in Java
	Sig  string // signature such as Ljava/lang/String; for L and [, else empty
}

// Primitive says whether the field's value stands in Bits.
func (f Field) Primitive() bool { return f.Type != 'L' && f.Type != '[' }

// Like says whether c has the layout of want. The UIDs may differ with anyUID.
func (c *Class) Like(want *Class, anyUID bool) bool {
	return c == want ||
		c.Flags == want.Flags && (anyUID || c.UID == want.UID) && slices.Equal(c.Fields, want.Fields)
}

// IsArray says whether the descriptor is that of an array class.
func (c *Class) IsArray() bool { return len(c.Name) > 0 && c.Name[0] == '[' }

// chain calls fn for c and its superclasses, root first, with the index of the class's first field
// in Object.Fields.
func (c *Class) chain(first int, fn func(c *Class, first int) error) (next int, err error) {
	if c.Super != nil {
		if first, err = c.Super.chain(first, fn); err != nil {
			return first, err
		}
	}
	return first + len(c.Fields), fn(c, first)
}

// Index returns the position in Object.Fields of the named field, or -1. Names are unique over the
// chain.
func (c *Class) Index(name string) int {
	above := 0
	for s := c.Super; s != nil; s = s.Super {
		above += len(s.Fields)
	}
	for ; c != nil; c = c.Super {
		for i := range c.Fields {
			if c.Fields[i].Name == name {
				return above + i
			}
		}
		if c.Super != nil {
			above -= len(c.Super.Fields)
		}
	}
	return -1
}

// FieldCount returns the number of fields of the whole chain.
func (c *Class) FieldCount() int {
	n := 0
	for ; c != nil; c = c.Super {
		n += len(c.Fields)
	}
	return n
}

// Ref returns the object value of the named field, nil if it is null, primitive or not there.
func (o *Object) Ref(name string) Value {
	if i := o.Class.Index(name); i >= 0 && i < len(o.Fields) {
		return o.Fields[i].Ref
	}
	return nil
}

// Bits returns the primitive value of the named field, 0 if there is none.
func (o *Object) Bits(name string) uint64 {
	if i := o.Class.Index(name); i >= 0 && i < len(o.Fields) {
		return o.Fields[i].Bits
	}
	return 0
}

// SetBits sets the primitive value of the named field and says whether there is one.
func (o *Object) SetBits(name string, bits uint64) bool {
	i := o.Class.Index(name)
	if i < 0 || i >= len(o.Fields) {
		return false
	}
	o.Fields[i].Bits = bits
	return true
}

// SetRef sets the object value of the named field and says whether there is one.
func (o *Object) SetRef(name string, v Value) bool {
	i := o.Class.Index(name)
	if i < 0 || i >= len(o.Fields) {
		return false
	}
	o.Fields[i].Ref = v
	return true
}

// Text returns the text of a string value, and false for anything else.
func Text(v Value) (string, bool) {
	if s, ok := v.(*String); ok {
		return s.Text, true
	}
	return "", false
}

// FieldAt returns the i-th field of the whole chain.
func (c *Class) FieldAt(i int) (Field, bool) {
	if i < 0 {
		return Field{}, false
	}
	if c.Super != nil {
		above := c.Super.FieldCount()
		if i < above {
			return c.Super.FieldAt(i)
		}
		i -= above
	}
	if i >= len(c.Fields) {
		return Field{}, false
	}
	return c.Fields[i], true
}
