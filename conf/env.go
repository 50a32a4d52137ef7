package conf

import (
	"maps"
	"slices"
	"strings"
)

// envPrefix begins the name of every variable of ours.
const envPrefix = "STAGELOCK_"

// fromEnv reads the variables of ours: the path in capitals with _ between its parts, an index for
// an entry of a list of sections, commas between the entries of a plain list. An empty variable
// says nothing.
func (l *loader) fromEnv(env []string) layer {
	y := newLayer()
	env = slices.Sorted(slices.Values(env))
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours || value == "" {
			continue
		}
		o := Origin{Source: Env, Name: name}
		path, s := byVariable(schema, "", rest)
		if now := movedVariable(rest); s == nil && now != "" {
			l.report(at(o, "", "has moved: the setting has another name now", "name it "+now))
			continue
		}
		if s == nil {
			// Only a warning: an orchestrator adds names of its own for a service called stagelock.
			l.report(at(o, "", "is no setting of the gateway's", didYouMean(name, variables())).asWarning())
			continue
		}
		y.put(path, o, entries(s, value)...)
	}
	return y
}

// entries splits the value of a variable or flag where the setting is a list.
func entries(s *setting, value string) []string {
	if !s.many {
		return []string{value}
	}
	return commas(value)
}

// commas splits at commas and drops blanks and empty pieces.
func commas(value string) []string {
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
		upper, at := strings.ToUpper(s.name), join(path, s.name)
		if s.leaf() && rest == upper {
			return at, s
		}
		if s.secret() && rest == upper+"_FILE" {
			return join(path, "file"), find(kids, "file")
		}
		deeper, found := strings.CutPrefix(rest, upper+"_")
		if !found || s.leaf() {
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
		at := join(path, s.name)
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
func movedVariable(rest string) string {
	now := ""
	eachMoved(schema, "", func(former, at string) {
		below, found := strings.CutPrefix(rest+"_", strings.ToUpper(former)+"_")
		name := variable(at) + strings.TrimSuffix("_"+below, "_")
		if _, s := byVariable(schema, "", strings.TrimPrefix(name, envPrefix)); found && s != nil {
			now = name
		}
	})
	return now
}

// movedPath returns the path of what once stood at path, or nothing.
func movedPath(path string) string {
	now := ""
	eachMoved(schema, "", func(former, at string) {
		if below, found := strings.CutPrefix(path+".", former+"."); found && byPath(schema, strings.TrimSuffix(at+"."+below, ".")) != nil {
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
func variable(path string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "[", "_", "]", "").Replace(path))
}

// variables lists the names of all variables, with index 0 for entries.
func variables() []string {
	all := paths()
	for i, path := range all {
		all[i] = variable(path)
	}
	return all
}

// fromFlags reads values by their dotted path.
func (l *loader) fromFlags(flags map[string]string) layer {
	y := newLayer()
	for _, path := range slices.Sorted(maps.Keys(flags)) {
		o := Origin{Source: Flag, Name: path}
		s := byPath(schema, path)
		now := movedPath(path)
		switch {
		case s == nil && now != "":
			l.report(at(o, "", "has moved to "+now, "write "+now))
		case s == nil:
			l.report(at(o, "", "is no setting", didYouMean(path, paths())))
		case s.secret():
			l.report(at(o, path, "is a secret, and everybody on this machine can read a command line",
				"name a file that holds it: "+parent(path)+".file"))
		default:
			y.put(path, o, entries(s, flags[path])...)
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

// paths lists the paths of all leaves, with index 0 for entries.
func paths() []string {
	var all []string
	var visit func(kids []*setting, path string)
	visit = func(kids []*setting, path string) {
		for _, s := range kids {
			at := join(path, s.name)
			switch {
			case s.leaf():
				all = append(all, at)
			case s.sections():
				visit(s.kids, entry(at, 0))
			default:
				visit(s.kids, at)
			}
		}
	}
	visit(schema, "")
	return all
}
