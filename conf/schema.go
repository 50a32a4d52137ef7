package conf

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// setting describes one key: a leaf with a value or a list of values, a section with keys of its
// own, or a list of sections.
type setting struct {
	name    string
	index   []int // of the field, from the struct around it
	typ     reflect.Type
	kids    []*setting // of a section, or of one entry of a list of sections
	many    bool       // a list
	restart bool
	tag     reflect.StructTag
}

// schema is the tree of all settings, read from the tags of Config.
var schema = describe(reflect.TypeFor[Config](), nil)

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
		s := &setting{name: name, index: index, typ: f.Type, tag: f.Tag, restart: f.Tag.Get("restart") == "true"}
		if _, leaf := parsers[f.Type]; !leaf && f.Type.Kind() == reflect.Slice {
			s.many, s.typ = true, f.Type.Elem()
		}
		if _, leaf := parsers[s.typ]; !leaf {
			s.kids = describe(s.typ, nil)
		}
		all = append(all, s)
	}
	return all
}

func (s *setting) leaf() bool     { return s.kids == nil }
func (s *setting) sections() bool { return s.many && !s.leaf() }
func (s *setting) secret() bool   { return s.typ == reflect.TypeFor[Secret]() }

// ofSecret tells whether the setting is one of the two that give a secret: an empty one gives none.
func (s *setting) ofSecret() bool { return s.secret() || s.name == "file" }

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
		at := join(path, s.name)
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
		at, here := join(path, s.name), v.FieldByIndex(s.index)
		switch {
		case s.leaf():
			f(at, s, here)
		case s.sections():
			for i := range here.Len() {
				walk(here.Index(i), s.kids, entry(at, i), f)
			}
		default:
			walk(here, s.kids, at, f)
		}
	}
}

// join returns the path of a key in the section at path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// entry returns the path of an entry of the list at path.
func entry(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
