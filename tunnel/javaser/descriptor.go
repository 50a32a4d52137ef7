package javaser

import (
	"slices"
	"strings"
)

// classDesc reads a class descriptor, or a reference to one, and returns it with the shape that slot has for it.
func (d *Decoder) classDesc(slot *Slot) (*Class, *Shape, error) {
	class, shape, err := d.descriptor(0, slot.find)
	if err == nil && class == nil {
		err = d.fail(RuleClass, "no class")
	}
	return class, shape, err
}

// descriptor reads a descriptor of a class that find has a shape for; class is nil for null.
func (d *Decoder) descriptor(level int, find func([]byte) *Shape) (*Class, *Shape, error) {
	if level >= d.lim.Supers {
		return nil, nil, d.fail(RuleDepth, "too many superclasses")
	}
	tag, err := d.u8()
	if err != nil {
		return nil, nil, err
	}
	switch tag {
	case tcNull:
		return nil, nil, nil
	case tcReference:
		return d.knownClass(find)
	case tcClassDesc:
		return d.newClass(level, find)
	}
	return nil, nil, d.failf(RuleTag, "type code %#02x in place of a class", tag)
}

// knownClass reads a reference to a descriptor. Its form was checked when it was read; here only its name and, for a class
// that two places see differently, its layout count.
func (d *Decoder) knownClass(find func([]byte) *Shape) (*Class, *Shape, error) {
	h, err := d.handle()
	if err != nil {
		return nil, nil, err
	}
	if h.class == nil {
		return nil, nil, d.fail(RuleHandle, "refers to something that is no finished class")
	}
	shape := find([]byte(h.class.Name))
	if shape == nil {
		return nil, nil, d.failf(RuleClass, "%s may not stand here", h.class.Name)
	}
	if err := d.fits(h.class, shape); err != nil {
		return nil, nil, err
	}
	return h.class, shape, nil
}

// fits checks a descriptor that was read in another place against shape.
func (d *Decoder) fits(class *Class, shape *Shape) error {
	for class != nil {
		if shape.Open == nil && class.base() != shape.Class {
			return d.failf(RuleShape, "%s has another layout here", class.Name)
		}
		if shape.Open != nil && !shape.Open.accepts(class.Fields, d.lim.Fields) {
			return d.failf(RuleShape, "%s has another form here", class.Name)
		}
		if class.Super == nil {
			break
		}
		above := shape.above([]byte(class.Super.Name))
		if above == nil {
			return d.failf(RuleShape, "%s may not extend %s", class.Name, class.Super.Name)
		}
		class, shape = class.Super, above
	}
	if !shape.rooted() {
		return d.failf(RuleShape, "%s has no superclass", class.Name)
	}
	return nil
}

func (d *Decoder) newClass(level int, find func([]byte) *Shape) (*Class, *Shape, error) {
	n, err := d.u16()
	if err != nil {
		return nil, nil, err
	}
	name, err := d.in.take(int(n))
	if err != nil {
		return nil, nil, d.broken(err)
	}
	shape := find(name)
	if shape == nil {
		return nil, nil, d.failf(RuleClass, "class %q may not stand here", clip(name))
	}
	if err := d.once(shape.name()); err != nil {
		return nil, nil, err
	}
	at := len(d.handles)
	read := Class{Name: shape.name()}
	if err := d.assign(handle{}); err != nil {
		return nil, nil, err
	}
	if err := d.ownPart(&read, shape); err != nil {
		return nil, nil, err
	}
	read.Super, err = d.super(level, shape)
	if err != nil {
		return nil, nil, err
	}
	class, err := d.finish(&read, shape)
	if err != nil {
		return nil, nil, err
	}
	d.handles[at].class = class
	return class, shape, nil
}

// once makes sure that a class is described once in a stream: two descriptions could differ.
func (d *Decoder) once(name string) error {
	if slices.Contains(d.classes, name) {
		return d.failf(RuleTwice, "class %s is described twice", name)
	}
	if len(d.classes) >= d.lim.Classes {
		return d.fail(RuleLimit, "too many classes")
	}
	d.classes = append(d.classes, name)
	return nil
}

// ownPart reads what stands between a descriptor's name and its superclass.
func (d *Decoder) ownPart(c *Class, shape *Shape) error {
	uid, err := d.u64()
	if err != nil {
		return err
	}
	c.UID = int64(uid)
	if c.Flags, err = d.u8(); err != nil {
		return err
	}
	n, err := d.u16()
	if err != nil {
		return err
	}
	if shape.Open != nil {
		err = d.openFields(c, int(n), shape)
	} else {
		err = d.pinnedFields(c, int(n), shape.Class)
	}
	if err != nil {
		return err
	}
	if shape.Open == nil && (c.UID != shape.Class.UID && !shape.AnyUID || c.Flags != shape.Class.Flags) {
		return d.failf(RuleShape, "%s is not of the version or kind that is known", c.Name)
	}
	end, err := d.u8()
	if err == nil && end != tcEndBlock {
		err = d.failf(RuleAnnotation, "%s carries data in its annotation", c.Name)
	}
	return err
}

func (d *Decoder) pinnedFields(c *Class, n int, want *Class) error {
	if n != len(want.Fields) {
		return d.failf(RuleShape, "%s has %d fields in place of %d", want.Name, n, len(want.Fields))
	}
	for _, f := range want.Fields {
		typ, err := d.u8()
		if err != nil {
			return err
		}
		name, err := d.name()
		if err != nil {
			return err
		}
		if typ != f.Type || string(name) != f.Name {
			return d.failf(RuleShape, "%s has a field %c %q in place of %c %s", want.Name, typ, clip(name), f.Type, f.Name)
		}
		if f.Primitive() {
			continue
		}
		sig, err := d.signature(f.Sig)
		if err != nil {
			return err
		}
		if sig != f.Sig {
			return d.failf(RuleShape, "%s.%s is of type %q", want.Name, f.Name, clip([]byte(sig)))
		}
	}
	c.Fields = want.Fields
	return nil
}

func (d *Decoder) openFields(c *Class, n int, shape *Shape) error {
	if n > d.lim.Fields {
		return d.failf(RuleLimit, "%s has %d fields", c.Name, n)
	}
	if c.Flags != FlagSerializable && !shape.Open.any {
		return d.failf(RuleShape, "%s writes data of its own", c.Name)
	}
	for range n {
		f, err := d.field()
		if err != nil {
			return err
		}
		c.Fields = append(c.Fields, f)
	}
	if !shape.Open.accepts(c.Fields, d.lim.Fields) {
		return d.failf(RuleShape, "the fields of %s are not of the form that is known", c.Name)
	}
	return nil
}

func (d *Decoder) field() (Field, error) {
	typ, err := d.u8()
	if err != nil {
		return Field{}, err
	}
	raw, err := d.name()
	if err != nil {
		return Field{}, err
	}
	name, err := decodeText(raw)
	if err != nil || name == "" {
		return Field{}, d.fail(RuleText, "the name of a field")
	}
	f := Field{Type: typ, Name: name}
	if !f.Primitive() {
		f.Sig, err = d.signature("")
	} else if width[typ] == 0 {
		err = d.failf(RuleShape, "field %s is of type %#02x", name, typ)
	}
	if err == nil && !f.Primitive() && !signatureOf(typ, f.Sig) {
		err = d.failf(RuleShape, "field %s is of type %c %q", name, typ, clip([]byte(f.Sig)))
	}
	return f, err
}

func (d *Decoder) name() ([]byte, error) {
	n, err := d.u16()
	if err != nil {
		return nil, err
	}
	b, err := d.in.take(int(n))
	if err != nil {
		return nil, d.broken(err)
	}
	return b, nil
}

// signature reads the type of an object field: Java interns these, so the same type is written once and referred to later.
func (d *Decoder) signature(want string) (string, error) {
	tag, err := d.u8()
	if err != nil {
		return "", err
	}
	if tag == tcReference {
		h, err := d.handle()
		if err != nil {
			return "", err
		}
		if h.sig == "" {
			return "", d.fail(RuleHandle, "refers to something that is no type")
		}
		return h.sig, nil
	}
	if tag != tcString {
		return "", d.failf(RuleTag, "type code %#02x in place of a type", tag)
	}
	raw, err := d.name()
	if err != nil {
		return "", err
	}
	sig := want
	if string(raw) != want {
		if sig, err = decodeText(raw); err != nil || sig == "" {
			return "", d.fail(RuleText, "the type of a field")
		}
	}
	for _, h := range d.handles {
		if h.sig == sig {
			return "", d.failf(RuleTwice, "type %s is written twice", clip([]byte(sig)))
		}
	}
	return sig, d.assign(handle{sig: sig})
}

func (d *Decoder) super(level int, shape *Shape) (*Class, error) {
	super, _, err := d.descriptor(level+1, shape.above)
	if err != nil {
		return nil, err
	}
	if super == nil && !shape.rooted() {
		return nil, d.failf(RuleShape, "%s has no superclass", shape.name())
	}
	return super, nil
}

// finish returns the table's class where nothing differs from it, and makes sure that field names are unique in the chain.
func (d *Decoder) finish(read *Class, shape *Shape) (*Class, error) {
	if shape.Open == nil {
		if read.UID == shape.Class.UID && read.Super == shape.Class.Super {
			return shape.Class, nil
		}
		c := *read
		c.pinned = shape.Class
		return &c, nil
	}
	for super := read.Super; super != nil; super = super.Super {
		for _, f := range read.Fields {
			for _, g := range super.Fields {
				if f.Name == g.Name {
					return nil, d.failf(RuleTwice, "field %s of %s is in %s too", f.Name, read.Name, super.Name)
				}
			}
		}
	}
	c := *read
	return &c, nil
}

// accepts says whether fields are in the form: the order of Java's writer, no name twice, those that are required.
func (o *Open) accepts(fields []Field, max int) bool {
	if o.any {
		return true
	}
	if o.MaxFields > 0 {
		max = o.MaxFields
	}
	if len(fields) > max {
		return false
	}
	for i := 1; i < len(fields); i++ {
		if !inOrder(fields[i-1], fields[i]) {
			return false
		}
	}
	for _, want := range o.Required {
		if !slices.Contains(fields, want) {
			return false
		}
	}
	return true
}

// inOrder says whether b may follow a: primitives first, each group by name.
func inOrder(a, b Field) bool {
	if a.Primitive() != b.Primitive() {
		return a.Primitive()
	}
	return a.Name < b.Name
}

func signatureOf(typ byte, sig string) bool {
	if typ == '[' {
		return len(sig) > 1 && sig[0] == '['
	}
	return len(sig) > 2 && sig[0] == 'L' && strings.IndexByte(sig, ';') == len(sig)-1
}

// clip shortens foreign text for a message.
func clip(b []byte) string {
	if len(b) > 80 {
		b = b[:80]
	}
	return string(b)
}
