package settings

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// Setting is one effective value and where it comes from; a secret is masked.
type Setting struct {
	Path   string
	Value  string
	Origin Origin
}

// String returns path = value with its origin, for a list that an operator reads.
func (s Setting) String() string {
	return s.Path + " = " + s.Value + "  # " + s.Origin.String()
}

// Effective returns every setting of the struct that v points to, in the order of Reference.
func (s *Schema) Effective(v any, o Origins) []Setting {
	var all []Setting
	walk(reflect.ValueOf(v).Elem(), s.kids, "", func(path string, s *setting, v reflect.Value) {
		all = append(all, Setting{Path: path, Value: showLeaf(s, v), Origin: o.At(path)})
	})
	return all
}

func showLeaf(s *setting, v reflect.Value) string {
	if !s.many {
		return scalar.Show(v.Interface())
	}
	texts := make([]string, v.Len())
	for i := range texts {
		texts[i] = scalar.Show(v.Index(i).Interface())
	}
	return strings.Join(texts, ",")
}

// NeedsRestart returns the paths whose new value only counts after a restart.
func (s *Schema) NeedsRestart(old, next any) []string {
	before := map[string]string{}
	s.eachRestart(old, func(path, value string) { before[path] = value })
	var changed []string
	s.eachRestart(next, func(path, value string) {
		if before[path] != value {
			changed = append(changed, path)
		}
	})
	return changed
}

// eachRestart calls f for every setting that is read at start only.
func (s *Schema) eachRestart(v any, f func(path, value string)) {
	walk(reflect.ValueOf(v).Elem(), s.kids, "", func(path string, s *setting, v reflect.Value) {
		if s.restart {
			f(path, showLeaf(s, v))
		}
	})
}

// Reference returns a YAML file that begins with head and shows and explains every setting.
func (s *Schema) Reference(head string) string {
	var b strings.Builder
	b.WriteString(head)
	reference(&b, s.kids, page{})
	return b.String()
}

// referenceWidth is where explanations wrap.
const referenceWidth = 110

// page is the place of a section in the reference.
type page struct {
	indent string
	first  string // stands in place of the indent before the first key
	off    bool   // the section is commented out as a whole
	sample string // key=value that the section shows
}

func reference(b *strings.Builder, kids []*setting, p page) {
	for i, s := range kids {
		if p.indent == "" {
			b.WriteString("\n")
		}
		explain(b, s, p.indent)
		lead := p.indent
		if i == 0 && p.first != "" {
			lead = p.first
		}
		switch {
		case s.leaf():
			example := s.tag.Get("example")
			if value, found := strings.CutPrefix(p.sample, s.name+"="); found {
				example = value
			}
			b.WriteString(lead + s.line(example, p.off) + "\n")
		case s.sections() && (p.off || !s.spoken()):
			b.WriteString(lead + "#" + s.name + ":\n")
			var kids strings.Builder
			reference(&kids, s.kids, page{indent: "    ", first: "  - "})
			for line := range strings.Lines(kids.String()) {
				b.WriteString(p.indent + "#" + line)
			}
		case s.sections():
			b.WriteString(lead + s.name + ":\n")
			reference(b, s.kids, page{indent: p.indent + "    ", first: p.indent + "  - ", off: p.off})
		default:
			below := page{indent: p.indent + "  ", off: p.off || !s.spoken(), sample: s.tag.Get("example")}
			b.WriteString(lead + hash(below.off) + s.name + ":\n")
			reference(b, s.kids, below)
		}
	}
}

// spoken reports whether a section has a setting without which nothing works.
func (s *setting) spoken() bool {
	if s.tag.Get("example") != "" {
		return true
	}
	for _, kid := range s.kids {
		if kid.spoken() {
			return true
		}
	}
	return false
}

func hash(off bool) string {
	if off {
		return "#"
	}
	return ""
}

// line returns a setting with its example, or commented out with its default.
func (s *setting) line(example string, off bool) string {
	value := example
	if value == "" {
		value, off = strings.Join(s.defaults(), ", "), true
	}
	if s.many {
		value = "[" + quoteAll(value) + "]"
	} else if value == "" || s.typ.Kind() == reflect.String && numeric(value) {
		value = `"` + value + `"` // YAML would read nothing, or a number
	}
	return hash(off) + s.name + ": " + value
}

func numeric(value string) bool {
	_, err := strconv.ParseFloat(value, 64)
	return err == nil
}

func quoteAll(value string) string {
	if value == "" {
		return ""
	}
	return `"` + strings.ReplaceAll(value, ", ", `", "`) + `"`
}

// explain writes what a setting is for and what it may be.
func explain(b *strings.Builder, s *setting, indent string) {
	text := s.tag.Get("doc")
	if choices := s.choices(); len(choices) > 0 {
		text += " One of " + strings.Join(choices, ", ") + "."
	}
	low, high := s.tag.Get("min"), s.tag.Get("max")
	switch {
	case low != "" && high != "":
		text += " From " + low + " to " + high + "."
	case low != "":
		text += " At least " + low + "."
	case high != "":
		text += " At most " + high + "."
	}
	if s.restart {
		text += " Read at start only."
	}
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0, column+1+len(word) > referenceWidth:
			if column > 0 {
				b.WriteString("\n")
			}
			b.WriteString(indent + "# " + word)
			column = len(indent) + 2 + len(word)
		default:
			b.WriteString(" " + word)
			column += 1 + len(word)
		}
	}
	b.WriteString("\n")
}
