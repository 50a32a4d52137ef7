package conf

import (
	"reflect"
	"strconv"
	"strings"
)

// item is one text that somebody wrote, and where.
type item struct {
	text   string
	origin Origin
}

// given is what one place says about one leaf: one item, or any number for a list.
type given struct {
	items  []item
	origin Origin
}

// layer is what one kind of place says: leaves by path, and where the sections around them stand.
type layer struct {
	leaves map[string]given
	places map[string]Origin
}

func newLayer() layer {
	return layer{leaves: map[string]given{}, places: map[string]Origin{}}
}

// put records texts that share one place.
func (l layer) put(path string, o Origin, texts ...string) {
	g := given{origin: o}
	for _, t := range texts {
		g.items = append(g.items, item{t, o})
	}
	l.leaves[path] = g
}

// loader builds a Config from layers. What is wrong is collected, never returned early.
type loader struct {
	opts     Options
	config   *Config
	layers   []layer // rising precedence
	problems []Problem
}

func (l *loader) report(p Problem) { l.problems = append(l.problems, p) }

// decode fills the Config from the layers.
func (l *loader) decode() {
	l.config.origins = map[string]Origin{}
	for _, y := range l.layers {
		for path, o := range y.places {
			l.config.origins[path] = o
		}
	}
	root := reflect.ValueOf(l.config).Elem()
	l.grow(root)
	walk(root, schema, "", func(path string, s *setting, v reflect.Value) {
		l.leaf(path, s, v)
	})
}

// maxPeers bounds what an index in the name of a variable can ask for.
const maxPeers = 1000

// grow makes the lists of sections as long as the highest index that a layer names.
func (l *loader) grow(root reflect.Value) {
	for _, s := range schema {
		if !s.sections() {
			continue
		}
		named := map[int]Origin{}
		for _, y := range l.layers {
			y.indexes(s.name, named)
		}
		n := 0
		for _, known := named[n]; known && n < maxPeers; _, known = named[n] {
			n++
		}
		for i, o := range named {
			if i >= n {
				l.report(at(o, entry(s.name, i), "is left out: there is no "+entry(s.name, n),
					"number the entries from 0 without a gap, at most "+strconv.Itoa(maxPeers)))
			}
		}
		list := root.FieldByIndex(s.index)
		list.Set(reflect.MakeSlice(list.Type(), n, n))
	}
}

// indexes adds the entries of the list at path that the layer names.
func (y layer) indexes(path string, named map[int]Origin) {
	add := func(at string, o Origin) {
		rest, found := strings.CutPrefix(at, path+"[")
		if !found {
			return
		}
		digits, _, _ := strings.Cut(rest, "]")
		if i, err := strconv.Atoi(digits); err == nil {
			named[i] = o
		}
	}
	for at, o := range y.places {
		add(at, o)
	}
	for at, g := range y.leaves {
		add(at, g.origin)
	}
}

// leaf sets one leaf from the highest layer that has it, else from its default.
func (l *loader) leaf(path string, s *setting, v reflect.Value) {
	g, found := l.top(path)
	if !found {
		for _, t := range s.defaults() {
			g.items = append(g.items, item{text: t})
		}
	}
	l.config.origins[path] = g.origin
	if s.many && (found || len(g.items) > 0) { // a list that nobody wrote stays nil, an empty one does not
		v.Set(reflect.MakeSlice(v.Type(), 0, len(g.items)))
	}
	for i, it := range g.items {
		at := path
		if s.many {
			at = entry(path, i)
			l.config.origins[at] = it.origin
		}
		value := reflect.New(s.typ).Elem()
		if l.value(at, s, it, value); s.many {
			v.Set(reflect.Append(v, value)) // a bad one too: later checks go by index
			continue
		}
		v.Set(value)
	}
}

func (l *loader) top(path string) (given, bool) {
	for i := len(l.layers) - 1; i >= 0; i-- {
		if g, found := l.layers[i].leaves[path]; found {
			return g, true
		}
	}
	return given{}, false
}

// value parses one text and holds it against the choices and bounds of its setting.
func (l *loader) value(path string, s *setting, it item, v reflect.Value) {
	text := it.text
	if choices := s.choices(); len(choices) > 0 {
		chosen, known := choose(choices, text)
		if !known {
			l.report(at(it.origin, path, "is none of "+strings.Join(choices, ", "), s.hint()))
			return
		}
		text = chosen
	}
	parsed, err := parsers[s.typ](text)
	if err != nil {
		l.report(at(it.origin, path, err.Error(), s.hint()))
		return
	}
	v.Set(reflect.ValueOf(parsed))
	if msg := s.outOfBounds(v); msg != "" {
		l.report(at(it.origin, path, msg, s.hint()))
	}
	if s.typ == reflect.TypeFor[Path]() {
		v.SetString(l.resolve(v.String(), it.origin))
	}
}

// choose finds the choice that text names, in any case as Java's cipher names are.
func choose(choices []string, text string) (string, bool) {
	for _, c := range choices {
		if strings.EqualFold(c, text) {
			return c, true
		}
	}
	return "", false
}

// hint is the cure for a value that cannot be: the default, if there is one.
func (s *setting) hint() string {
	if d := s.defaults(); len(d) > 0 {
		return "the default is " + strings.Join(d, ", ")
	}
	return "write a value of that form"
}

// outOfBounds says how v leaves the bounds of its setting; nothing if it does not.
func (s *setting) outOfBounds(v reflect.Value) string {
	low, high := s.tag.Get("min"), s.tag.Get("max")
	switch {
	case low != "" && number(v) < number(s.bound(low)):
		return "is out of bounds: at least " + low
	case high != "" && number(v) > number(s.bound(high)):
		return "is out of bounds: at most " + high
	}
	return ""
}

func (s *setting) bound(text string) reflect.Value {
	v, err := parsers[s.typ](text)
	if err != nil {
		panic("conf: bound of " + s.name + ": " + err.Error())
	}
	return reflect.ValueOf(v)
}

func number(v reflect.Value) float64 {
	if v.CanFloat() {
		return v.Float()
	}
	return float64(v.Int())
}
