package settings

import (
	"reflect"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// setting describes one key: a leaf with a value or a list of values, a section with keys of its
// own, or a list of sections.
type setting struct {
	name    string
	upper   string // the name as variables have it
	index   []int  // of the field, from the struct around it
	typ     reflect.Type
	kids    []*setting // of a section, or of one entry of a list of sections
	many    bool       // a list
	restart bool
	tag     reflect.StructTag
}

// Schema is the tree of all settings of a struct type. It may be used concurrently.
type Schema struct {
	kids   []*setting
	prefix string // of the names of variables
}

// SchemaOf reads the tags of T. The names of variables begin with prefix. A tag that describes
// nothing possible is a programmer's mistake and panics.
func SchemaOf[T any](prefix string) *Schema {
	s := &Schema{describe(reflect.TypeFor[T](), nil), prefix}
	s.mustDescribe(s.kids, "")
	return s
}

// mustDescribe panics for a setting without a sentence about it, with a default that cannot be, or
// with a variable that does not lead back to it.
func (sc *Schema) mustDescribe(kids []*setting, path string) {
	for _, s := range kids {
		at := origin.Join(path, s.name)
		if s.sections() {
			at = origin.Entry(at, 0)
		}
		if !strings.HasSuffix(s.tag.Get("doc"), ".") || strings.Trim(s.name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			panic("settings: " + at + " has no sentence about it, or an odd name")
		}
		if !s.leaf() {
			sc.mustDescribe(s.kids, at)
			continue
		}
		if flaw := s.flaw(); flaw != "" {
			panic("settings: " + at + ": " + flaw)
		}
		if got, found := byVariable(sc.kids, "", strings.TrimPrefix(sc.variable(at), sc.prefix)); found != s || got != at {
			panic("settings: " + at + ": another setting has the same variable: " + got)
		}
	}
}

// flaw says what is wrong with the tag of a leaf.
func (s *setting) flaw() string {
	for _, bound := range []string{s.tag.Get("min"), s.tag.Get("max")} {
		if bound != "" {
			s.bound(bound)
		}
	}
	for _, d := range s.defaults() {
		v, err := scalar.Parse(s.typ, d)
		if err != nil {
			return "default " + d + ": " + err.Error()
		}
		if msg := s.outOfBounds(v); msg != "" {
			return "default " + d + " " + msg
		}
		if choices := s.choices(); len(choices) > 0 && !slices.Contains(choices, d) {
			return "default " + d + " is no choice"
		}
	}
	return ""
}

func describe(t reflect.Type, at []int) []*setting {
	var all []*setting
	for i := range t.NumField() {
		f := t.Field(i)
		index := slices.Concat(at, []int{i})
		if f.Anonymous {
			all = append(all, describe(f.Type, index)...)
			continue
		}
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		s := &setting{name: name, upper: strings.ToUpper(name), index: index, typ: f.Type, tag: f.Tag, restart: f.Tag.Get("restart") == "true"}
		if !scalar.Is(f.Type) && f.Type.Kind() == reflect.Slice {
			s.many, s.typ = true, f.Type.Elem()
		}
		if !scalar.Is(s.typ) {
			s.kids = describe(s.typ, nil)
		}
		all = append(all, s)
	}
	return all
}

func (s *setting) leaf() bool     { return s.kids == nil }
func (s *setting) sections() bool { return s.many && !s.leaf() }
func (s *setting) secret() bool   { return s.typ == reflect.TypeFor[scalar.Secret]() }

// emptyUnset reports whether an empty text says nothing.
func (s *setting) emptyUnset() bool { return s.tag.Get("empty") == "unset" }

// defaults returns the values that stand where nobody wrote any.
func (s *setting) defaults() []string {
	if d := s.tag.Get("default"); d != "" {
		return strings.Split(d, ",")
	}
	return nil
}

// choices returns the texts that a setting may have; none if it is free.
func (s *setting) choices() []string { return strings.Fields(s.tag.Get("oneof")) }

func find(kids []*setting, name string) *setting {
	for _, s := range kids {
		if s.name == name {
			return s
		}
	}
	return nil
}

// byFormer finds the setting whose former place was path, and its place now.
func byFormer(kids []*setting, path, former string) (string, *setting) {
	for _, s := range kids {
		at := origin.Join(path, s.name)
		if s.tag.Get("was") == former {
			return at, s
		}
		if s.many {
			continue // no entry of a list has moved
		}
		if at, s := byFormer(s.kids, at, former); s != nil {
			return at, s
		}
	}
	return "", nil
}

func names(kids []*setting) []string {
	all := make([]string, len(kids))
	for i, s := range kids {
		all[i] = s.name
	}
	return all
}

// walk calls f for every leaf of a Config, or of a section at path, in the order of the
// declaration.
func walk(v reflect.Value, kids []*setting, path string, f func(path string, s *setting, v reflect.Value)) {
	for _, s := range kids {
		at, here := origin.Join(path, s.name), v.FieldByIndex(s.index)
		switch {
		case s.leaf():
			f(at, s, here)
		case s.sections():
			for i := range here.Len() {
				walk(here.Index(i), s.kids, origin.Entry(at, i), f)
			}
		default:
			walk(here, s.kids, at, f)
		}
	}
}
