package javaser

import (
	"strings"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// openFields reads the n fields of a class whose form alone is known. They are valid until the
// descriptor is finished.
func (d *Decoder) openFields(c *graph.Class, n int, shape *graph.Shape) ([]graph.Field, error) {
	if n > d.lim.Fields {
		return nil, d.failf(RuleLimit, "%s has %d fields", c.Name, n)
	}
	if c.Flags != graph.FlagSerializable && !shape.Open.Anything {
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
	if !shape.Open.Accepts(fields, d.lim.Fields) {
		return nil, d.failf(RuleShape, "the fields of %s are not of the form that is known", c.Name)
	}
	return fields, nil
}

func (d *Decoder) field() (graph.Field, error) {
	typ, err := d.u8()
	if err != nil {
		return graph.Field{}, err
	}
	name, err := d.utf()
	if err != nil {
		return graph.Field{}, err
	}
	f := graph.Field{Type: typ, Name: name}
	if name == "" {
		return f, d.fail(RuleShape, "a field without a name")
	}
	if f.Primitive() {
		if graph.Width[typ] == 0 {
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

// signatureOf says whether sig is one that a field with that type code has.
func signatureOf(typ byte, sig string) bool {
	element := strings.TrimLeft(sig, "[")
	if (typ == '[') == (element == sig) {
		return false
	}
	if len(element) == 1 {
		return graph.Width[element[0]] > 0
	}
	name, isClass := strings.CutPrefix(element, "L")
	name, closed := strings.CutSuffix(name, ";")
	return isClass && closed && name != "" && !strings.ContainsAny(name, ";[.")
}
