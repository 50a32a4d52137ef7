package javaser

import (
	"slices"
	"strings"
)

// openFields reads the n fields of a class whose form alone is known. They are valid until the
// descriptor is finished.
func (d *Decoder) openFields(c *Class, n int, shape *Shape) ([]Field, error) {
	if n > d.lim.Fields {
		return nil, d.failf(RuleLimit, "%s has %d fields", c.Name, n)
	}
	if c.Flags != FlagSerializable && !shape.Open.any {
		return nil, d.failf(RuleShape, "%s writes data of its own", c.Name)
	}
	from := len(d.fields)
	for range n {
		f, err := d.field()
		if err != nil {
			return nil, err
		}
		d.fields = append(d.fields, f)
	}
	fields := d.fields[from:]
	if !shape.Open.accepts(fields, d.lim.Fields) {
		return nil, d.failf(RuleShape, "the fields of %s are not of the form that is known", c.Name)
	}
	return fields, nil
}

func (d *Decoder) field() (Field, error) {
	typ, err := d.u8()
	if err != nil {
		return Field{}, err
	}
	name, err := d.utf()
	if err != nil {
		return Field{}, err
	}
	f := Field{Type: typ, Name: name}
	if name == "" {
		return f, d.fail(RuleShape, "a field without a name")
	}
	if f.Primitive() {
		if width[typ] == 0 {
			err = d.failf(RuleShape, "field %s is of type %#02x", clip(name), typ)
		}
		return f, err
	}
	f.Sig, err = d.signature("")
	if err == nil && !signatureOf(typ, f.Sig) {
		err = d.failf(RuleShape, "field %s is of type %c %q", clip(name), typ, clip(f.Sig))
	}
	return f, err
}

// accepts says whether fields are in the form: the order of Java's writer, no name twice, those
// that are required.
func (o *Open) accepts(fields []Field, most int) bool {
	if o.any {
		return true
	}
	if o.MaxFields > 0 {
		most = o.MaxFields
	}
	if len(fields) > most {
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

// signatureOf says whether sig is one that a field with that type code has.
func signatureOf(typ byte, sig string) bool {
	element := strings.TrimLeft(sig, "[")
	if (typ == '[') == (element == sig) {
		return false
	}
	if len(element) == 1 {
		return width[element[0]] > 0
	}
	name, isClass := strings.CutPrefix(element, "L")
	name, closed := strings.CutSuffix(name, ";")
	return isClass && closed && name != "" && !strings.ContainsAny(name, ";[.")
}
