package javaser

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
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
	case *graph.Object:
		if field, ok := v.Class.FieldAt(f.at); ok {
			return short(v.Class.Name) + "." + field.Name
		}
		if n := -1 - f.at; n > 0 {
			return short(v.Class.Name) + "{" + strconv.Itoa(n-1) + "}"
		}
		return short(v.Class.Name)
	case *graph.Array:
		if f.at >= 0 {
			return short(v.Class.Name) + "[" + strconv.Itoa(f.at) + "]"
		}
		return short(v.Class.Name)
	}
	return "?"
}

// short returns a class name without its package.
func short(name string) string {
	return name[strings.LastIndexByte(name, '.')+1:]
}
