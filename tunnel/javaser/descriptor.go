package javaser

import (
	"slices"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// classDesc reads a class descriptor, or a reference to one, and returns it with the shape that
// slot has for it.
func (d *Decoder) classDesc(slot *graph.Slot) (*graph.Class, *graph.Shape, error) {
	class, shape, err := d.descriptor(0, slot)
	if err == nil && class == nil {
		err = d.fail(RuleClass, "no class")
	}
	return class, shape, err
}

// place knows the shapes of the classes that may stand in it: a slot, or what is above a class.
type place interface {
	Find(class string) *graph.Shape
}

// above is the place of a shape's superclass.
type above graph.Shape

func (a *above) Find(class string) *graph.Shape { return (*graph.Shape)(a).Above(class) }

// descriptor reads a descriptor of a class that has a shape in that place; class is nil for null.
func (d *Decoder) descriptor(level int, in place) (*graph.Class, *graph.Shape, error) {
	if level >= d.lim.Supers {
		return nil, nil, d.fail(RuleDepth, "too many superclasses")
	}
	tag, err := d.u8()
	if err != nil {
		return nil, nil, err
	}
	switch tag {
	case graph.TagNull:
		return nil, nil, nil
	case graph.TagReference:
		return d.knownClass(in)
	case graph.TagClassDesc:
		return d.newClass(level, in)
	}
	return nil, nil, d.failf(RuleTag, "type code %#02x in place of a class", tag)
}

// knownClass reads a reference to a descriptor, which may have been read in a place that sees it
// differently.
func (d *Decoder) knownClass(in place) (*graph.Class, *graph.Shape, error) {
	i, err := d.handle()
	if err != nil {
		return nil, nil, err
	}
	class, ok := d.handles[i].(*graph.Class)
	if !ok {
		return nil, nil, d.fail(RuleHandle, "refers to something that is no finished class")
	}
	shape := in.Find(class.Name)
	if shape == nil {
		return nil, nil, d.failf(RuleClass, "%s may not stand here", class.Name)
	}
	if err := d.fits(class, shape); err != nil {
		return nil, nil, err
	}
	return class, shape, nil
}

// fits checks a descriptor that was read in another place against shape.
func (d *Decoder) fits(class *graph.Class, shape *graph.Shape) error {
	for {
		if shape.Open == nil && !class.Like(shape.Class, shape.AnyUID) {
			return d.failf(RuleShape, "%s has another layout here", class.Name)
		}
		if shape.Open != nil && !shape.Open.Accepts(class.Fields, d.lim.Fields) {
			return d.failf(RuleShape, "%s has another form here", class.Name)
		}
		if class.Super == nil {
			break
		}
		up := shape.Above(class.Super.Name)
		if up == nil {
			return d.failf(RuleShape, "%s may not extend %s", class.Name, class.Super.Name)
		}
		class, shape = class.Super, up
	}
	if !shape.Rooted() {
		return d.failf(RuleShape, "%s has no superclass", class.Name)
	}
	return nil
}

func (d *Decoder) newClass(level int, in place) (*graph.Class, *graph.Shape, error) {
	name, err := d.utf()
	if err != nil {
		return nil, nil, err
	}
	shape := in.Find(name)
	if shape == nil {
		return nil, nil, d.failf(RuleClass, "class %q may not stand here", clip(name))
	}
	if err := d.once(shape.Name()); err != nil {
		return nil, nil, err
	}
	at, fields := len(d.handles), len(d.fields)
	read := graph.Class{Name: shape.Name()}
	if err := d.assign(nil); err != nil {
		return nil, nil, err
	}
	if err := d.ownPart(&read, shape); err != nil {
		return nil, nil, err
	}
	if read.Super, err = d.super(level, shape); err != nil {
		return nil, nil, err
	}
	class, err := d.finish(&read, shape)
	if err != nil {
		return nil, nil, err
	}
	d.fields = d.fields[:fields]
	d.handles[at] = class
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
func (d *Decoder) ownPart(c *graph.Class, shape *graph.Shape) error {
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
		c.Fields, err = d.openFields(c, int(n), shape)
	} else {
		c.Fields, err = shape.Class.Fields, d.pinned(c, int(n), shape)
	}
	if err != nil {
		return err
	}
	end, err := d.u8()
	if err == nil && end != graph.TagEndBlock {
		err = d.failf(RuleAnnotation, "%s carries data in its annotation", c.Name)
	}
	return err
}

// pinned compares a descriptor with the one that the table has.
func (d *Decoder) pinned(c *graph.Class, n int, shape *graph.Shape) error {
	want := shape.Class
	if c.UID != want.UID && !shape.AnyUID || c.Flags != want.Flags {
		return d.failf(RuleShape, "%s is not of the version or kind that is known", c.Name)
	}
	if n != len(want.Fields) {
		return d.failf(RuleShape, "%s has %d fields in place of %d", want.Name, n, len(want.Fields))
	}
	for _, f := range want.Fields {
		if err := d.pinnedField(want.Name, f); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) pinnedField(class string, want graph.Field) error {
	typ, err := d.u8()
	if err != nil {
		return err
	}
	name, err := d.raw()
	if err != nil {
		return err
	}
	if typ != want.Type || string(name) != want.Name {
		return d.failf(RuleShape, "%s has a field %c %q in place of %c %s",
			class, typ, clip(string(name)), want.Type, want.Name)
	}
	if want.Primitive() {
		return nil
	}
	sig, err := d.signature(want.Sig)
	if err == nil && sig != want.Sig {
		err = d.failf(RuleShape, "%s.%s is of type %q", class, want.Name, clip(sig))
	}
	return err
}

// signature reads the type of an object field: Java interns these, so the same type is written once
// and referred to later. Where it is the one that is expected, nothing is copied.
func (d *Decoder) signature(want string) (string, error) {
	tag, err := d.u8()
	if err != nil {
		return "", err
	}
	if tag == graph.TagReference {
		return d.knownType()
	}
	if tag != graph.TagString {
		return "", d.failf(RuleTag, "type code %#02x in place of a type", tag)
	}
	raw, err := d.raw()
	if err != nil {
		return "", err
	}
	sig := want
	if string(raw) != want {
		if sig, err = d.shared(raw); err != nil {
			return "", err
		}
	}
	for _, t := range d.types {
		if t.sig == sig {
			return "", d.failf(RuleTwice, "type %s is written twice", clip(sig))
		}
	}
	d.types = append(d.types, typeName{len(d.handles), sig})
	return sig, d.assign(nil)
}

func (d *Decoder) knownType() (string, error) {
	at, err := d.handle()
	if err != nil {
		return "", err
	}
	i, found := slices.BinarySearchFunc(d.types, at, func(t typeName, at int) int { return t.at - at })
	if !found {
		return "", d.fail(RuleHandle, "refers to something that is no type")
	}
	return d.types[i].sig, nil
}

func (d *Decoder) super(level int, shape *graph.Shape) (*graph.Class, error) {
	super, _, err := d.descriptor(level+1, (*above)(shape))
	if err != nil {
		return nil, err
	}
	if super == nil && !shape.Rooted() {
		return nil, d.failf(RuleShape, "%s has no superclass", shape.Name())
	}
	return super, nil
}

// finish returns the descriptor that was read: the table's or a recorded one where nothing differs
// from it, else a copy.
func (d *Decoder) finish(read *graph.Class, shape *graph.Shape) (*graph.Class, error) {
	if shape.Open == nil && read.UID == shape.Class.UID && read.Super == shape.Class.Super {
		return shape.Class, nil
	}
	for _, k := range shape.Known {
		if read.Super == k.Super && k.Like(read, false) {
			return k, nil
		}
	}
	if shape.Open != nil && !shape.Open.Anything {
		if err := d.unique(read); err != nil {
			return nil, err
		}
	}
	own := *read
	own.Fields = slices.Clone(read.Fields)
	return &own, nil
}

// unique makes sure that no field of c has the name of one above it.
func (d *Decoder) unique(c *graph.Class) error {
	for super := c.Super; super != nil; super = super.Super {
		for _, f := range c.Fields {
			if slices.ContainsFunc(super.Fields, func(g graph.Field) bool { return f.Name == g.Name }) {
				return d.failf(RuleTwice, "field %s of %s is in %s too", f.Name, c.Name, super.Name)
			}
		}
	}
	return nil
}

// clip shortens foreign text for a message.
func clip(s string) string { return s[:min(len(s), 80)] }
