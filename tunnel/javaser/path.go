package javaser

import (
	"fmt"
	"strconv"
	"strings"
)

func (d *Decoder) fail(rule Rule, msg string) error { return d.failure(rule, msg) }

func (d *Decoder) failf(rule Rule, format string, args ...any) error {
	return d.failure(rule, fmt.Sprintf(format, args...))
}

func (d *Decoder) failure(rule Rule, msg string) *Error {
	return &Error{Rule: rule, Offset: d.in.Offset(), Path: d.path(), Msg: msg}
}

// path names the place that is being read, from the root on.
func (d *Decoder) path() string {
	var b strings.Builder
	for i, f := range d.stack {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(f.name())
	}
	return b.String()
}

func (f frame) name() string {
	switch v := f.value.(type) {
	case *Object:
		if field, ok := v.Class.fieldAt(f.at); ok {
			return short(v.Class.Name) + "." + field.Name
		}
		if n := -1 - f.at; n > 0 {
			return short(v.Class.Name) + "{" + strconv.Itoa(n-1) + "}"
		}
		return short(v.Class.Name)
	case *Array:
		if f.at >= 0 {
			return short(v.Class.Name) + "[" + strconv.Itoa(f.at) + "]"
		}
		return short(v.Class.Name)
	}
	return "?"
}

// fieldAt returns the i-th field of the whole chain.
func (c *Class) fieldAt(i int) (Field, bool) {
	if i < 0 {
		return Field{}, false
	}
	if c.Super != nil {
		above := c.Super.FieldCount()
		if i < above {
			return c.Super.fieldAt(i)
		}
		i -= above
	}
	if i >= len(c.Fields) {
		return Field{}, false
	}
	return c.Fields[i], true
}

// short returns a class name without its package.
func short(name string) string {
	return name[strings.LastIndexByte(name, '.')+1:]
}
