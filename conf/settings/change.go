package settings

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// Change is a setting that two values of a struct have different.
type Change struct {
	Path string
	// Old and New are the values as one would write them; of a secret they are masked. An entry of a
	// list of sections that only one of the two has is one change: Old or New is empty, and the other
	// says what the entry begins with.
	Old, New string
	Secret   bool
}

// String returns the change in one line, in which no secret stands.
func (c Change) String() string {
	if c.Secret {
		return c.Path + ": changed"
	}
	return c.Path + ": " + cmp.Or(c.Old, "nothing") + " → " + cmp.Or(c.New, "nothing")
}

// leafOf is a leaf as Changes compares it.
type leafOf struct {
	shown, raw string
	secret     bool
}

// Changes returns what next has different from old, both of which point to the schema's struct, by
// path. Secrets are compared, and never shown.
func (s *Schema) Changes(old, next any) []Change {
	before, after := s.leaves(old), s.leaves(next)
	found := map[string]Change{}
	note := func(path string, a, b leafOf) {
		entry := lonely(path, before, after)
		c := Change{Path: path, Old: a.shown, New: b.shown, Secret: a.secret || b.secret}
		if entry != "" {
			if _, known := found[entry]; known {
				return
			}
			c.Path = entry
		}
		found[c.Path] = c
	}
	for _, path := range s.paths(old) {
		if a, b := before[path], after[path]; a != b {
			note(path, a, b)
		}
	}
	for _, path := range s.paths(next) {
		if _, known := before[path]; !known {
			note(path, leafOf{}, after[path])
		}
	}
	all := make([]Change, 0, len(found))
	for _, c := range found {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// lonely returns the entry of a list of sections around path that only one side has; empty if both
// have it, or there is none.
func lonely(path string, before, after map[string]leafOf) string {
	end := strings.LastIndexByte(path, ']')
	if end < 0 {
		return ""
	}
	has := func(side map[string]leafOf) bool { _, ok := side[path]; return ok }
	if has(before) && has(after) {
		return ""
	}
	return path[:end+1]
}

// paths returns the paths of all leaves, in the order of the declaration.
func (s *Schema) paths(v any) []string {
	var all []string
	walk(reflect.ValueOf(v).Elem(), s.kids, "", func(path string, _ *setting, _ reflect.Value) { all = append(all, path) })
	return all
}

// leaves returns all leaves by path.
func (s *Schema) leaves(v any) map[string]leafOf {
	all := map[string]leafOf{}
	walk(reflect.ValueOf(v).Elem(), s.kids, "", func(path string, s *setting, v reflect.Value) {
		l := leafOf{shown: showLeaf(s, v), secret: s.secret()}
		l.raw = l.shown
		if secret, ok := v.Interface().(scalar.Secret); ok {
			l.raw = secret.Reveal()
		}
		all[path] = l
	})
	return all
}
