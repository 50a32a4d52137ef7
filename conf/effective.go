package conf

import (
	"reflect"
	"strings"
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

// Effective returns every setting in the order in which Reference shows them.
func (c *Config) Effective() []Setting {
	var all []Setting
	walk(reflect.ValueOf(c).Elem(), schema, "", func(path string, s *setting, v reflect.Value) {
		all = append(all, Setting{Path: path, Value: showLeaf(s, v), Origin: c.origins[path]})
	})
	return all
}

func showLeaf(s *setting, v reflect.Value) string {
	if !s.many {
		return show(v.Interface())
	}
	texts := make([]string, v.Len())
	for i := range texts {
		texts[i] = show(v.Index(i).Interface())
	}
	return strings.Join(texts, ",")
}

// NeedsRestart returns the paths whose new value only counts after a restart.
func NeedsRestart(old, next *Config) []string {
	before := map[string]string{}
	old.eachRestart(func(path, value string) { before[path] = value })
	var changed []string
	next.eachRestart(func(path, value string) {
		if before[path] != value {
			changed = append(changed, path)
		}
	})
	return changed
}

// eachRestart calls f for every setting that is read at start only.
func (c *Config) eachRestart(f func(path, value string)) {
	walk(reflect.ValueOf(c).Elem(), schema, "", func(path string, s *setting, v reflect.Value) {
		if s.restart {
			f(path, showLeaf(s, v))
		}
	})
}
