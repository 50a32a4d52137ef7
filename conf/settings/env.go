package settings

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/conf/settings/suggest"
)

// fromEnv reads the variables that begin with the prefix: the path in capitals with _ between its parts, an index for
// an entry of a list of sections, commas between the entries of a plain list. An empty variable
// says nothing.
func (l *Loader) fromEnv(env []string) Layer {
	y := NewLayer()
	env = slices.SortedStableFunc(slices.Values(env), func(a, b string) int { // the last one of a name counts
		nameA, _, _ := strings.Cut(a, "=")
		nameB, _, _ := strings.Cut(b, "=")
		return strings.Compare(nameA, nameB)
	})
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, l.schema.prefix)
		if !ours || value == "" {
			continue
		}
		o := Origin{Source: origin.Env, Name: name}
		path, s := byVariable(l.schema.kids, "", rest)
		if now := l.schema.movedVariable(rest); s == nil && now != "" {
			l.Report(origin.At(o, "", "has moved: the setting has another name now", "name it "+now))
			continue
		}
		if s == nil {
			// Only a warning: an orchestrator adds names of its own for a service of that name.
			l.Report(origin.At(o, "", "is the name of no setting", suggest.DidYouMean(name, l.schema.variables())).AsWarning())
			continue
		}
		y.Put(path, o, entries(s, value)...)
	}
	return y
}

// entries splits the value of a variable or flag where the setting is a list.
func entries(s *setting, value string) []string {
	if !s.many {
		return []string{value}
	}
	return Commas(value)
}

// Commas splits at commas and drops blanks and empty pieces.
func Commas(value string) []string {
	var all []string
	for piece := range strings.SplitSeq(value, ",") {
		if piece = strings.TrimSpace(piece); piece != "" {
			all = append(all, piece)
		}
	}
	return all
}

// byVariable finds the leaf that the rest of a variable's name stands for.
func byVariable(kids []*setting, path, rest string) (string, *setting) {
	for _, s := range kids {
		deeper, found := strings.CutPrefix(rest, s.upper)
		if !found {
			continue
		}
		at := origin.Join(path, s.name)
		if s.leaf() && deeper == "" {
			return at, s
		}
		if s.secret() && deeper == "_FILE" {
			return origin.Join(path, "file"), find(kids, "file")
		}
		if deeper, found = strings.CutPrefix(deeper, "_"); !found || s.leaf() {
			continue
		}
		if s.sections() {
			index, below, _ := strings.Cut(deeper, "_")
			if !isIndex(index) {
				continue
			}
			at, deeper = at+"["+index+"]", below
		}
		if at, s := byVariable(s.kids, at, deeper); s != nil {
			return at, s
		}
	}
	return "", nil
}

// eachMoved calls f with the former and the present path of every setting that has moved.
func eachMoved(kids []*setting, path string, f func(former, now string)) {
	for _, s := range kids {
		at := origin.Join(path, s.name)
		if former := s.tag.Get("was"); former != "" {
			f(former, at)
		}
		if !s.many {
			eachMoved(s.kids, at, f)
		}
	}
}

// movedVariable returns the name of the variable for what the rest of a name once stood for, or
// nothing.
func (sc *Schema) movedVariable(rest string) string {
	now := ""
	eachMoved(sc.kids, "", func(former, at string) {
		below, found := strings.CutPrefix(rest+"_", strings.ToUpper(former)+"_")
		name := sc.variable(at) + strings.TrimSuffix("_"+below, "_")
		if _, s := byVariable(sc.kids, "", strings.TrimPrefix(name, sc.prefix)); found && s != nil {
			now = name
		}
	})
	return now
}

// movedPath returns the path of what once stood at path, or nothing.
func (sc *Schema) movedPath(path string) string {
	now := ""
	eachMoved(sc.kids, "", func(former, at string) {
		if below, found := strings.CutPrefix(path+".", former+"."); found && byPath(sc.kids, strings.TrimSuffix(at+"."+below, ".")) != nil {
			now = strings.TrimSuffix(at+"."+below, ".")
		}
	})
	return now
}

// isIndex accepts 0 to 99999 in its one spelling.
func isIndex(s string) bool {
	return s != "" && len(s) < 6 && strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0')
}

// variable returns the name of the variable for a path.
func (sc *Schema) variable(path string) string {
	return sc.prefix + strings.Map(func(r rune) rune {
		switch r {
		case '.', '[':
			return '_'
		case ']':
			return -1
		}
		return unicode.ToUpper(r)
	}, path)
}

// variables lists the names of all variables, with index 0 for entries.
func (sc *Schema) variables() []string {
	all := sc.Paths()
	for i, path := range all {
		all[i] = sc.variable(path)
	}
	return all
}

// fromFlags reads values by their dotted path.
func (l *Loader) fromFlags(flags map[string]string) Layer {
	y := NewLayer()
	for _, path := range slices.Sorted(maps.Keys(flags)) {
		o := Origin{Source: origin.Flag, Name: path}
		s := byPath(l.schema.kids, path)
		now := l.schema.movedPath(path)
		switch {
		case s == nil && now != "":
			l.Report(origin.At(o, "", "has moved to "+now, "write "+now))
		case s == nil:
			l.Report(origin.At(o, "", "is no setting", suggest.DidYouMean(path, l.schema.Paths())))
		case s.secret():
			l.Report(origin.At(o, path, "is a secret, and everybody on this machine can read a command line",
				"name a file that holds it: "+origin.Parent(path)+".file"))
		default:
			y.Put(path, o, entries(s, flags[path])...)
		}
	}
	return y
}

// byPath finds the leaf at a dotted path such as peers[0].name.
func byPath(kids []*setting, path string) *setting {
	key, rest, deeper := strings.Cut(path, ".")
	name, index, indexed := strings.Cut(key, "[")
	s := find(kids, name)
	switch {
	case s == nil, indexed && !(s.sections() && isIndex(strings.TrimSuffix(index, "]")) && strings.HasSuffix(index, "]")):
		return nil
	case s.sections() && !indexed:
		return nil
	case s.leaf() != !deeper:
		return nil
	case s.leaf():
		return s
	}
	return byPath(s.kids, rest)
}

// Paths lists the paths of all leaves, with index 0 for entries.
func (sc *Schema) Paths() []string {
	var all []string
	var visit func(kids []*setting, path string)
	visit = func(kids []*setting, path string) {
		for _, s := range kids {
			at := origin.Join(path, s.name)
			switch {
			case s.leaf():
				all = append(all, at)
			case s.sections():
				visit(s.kids, origin.Entry(at, 0))
			default:
				visit(s.kids, at)
			}
		}
	}
	visit(sc.kids, "")
	return all
}
