package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// What a Loader tells of where something was written.
type (
	// Origin is where a value comes from.
	Origin = origin.Origin
	// Origins knows where the values of one decoded struct come from.
	Origins = origin.Origins
	// Problem is one thing that is wrong with what the operator wrote, and what to do about it.
	Problem = origin.Problem
)

// Sources says where a Loader finds what the operator wrote.
type Sources struct {
	File  string            // the YAML file; empty for none
	Env   []string          // NAME=value, as os.Environ gives them
	Flags map[string]string // dotted path → value; commas between the entries of a list
	// ReadFile reads the YAML file and every file it names; nil means the file system, of which only
	// regular files of a bounded size are read.
	ReadFile func(string) ([]byte, error)
	// Stat tells who may read a file; nil means os.Stat, or no check if ReadFile is set.
	Stat func(string) (fs.FileInfo, error)
}

// Loader builds a value from layers. What is wrong is collected, never returned early.
type Loader struct {
	schema   *Schema
	sources  Sources
	layers   []Layer // rising precedence
	origins  Origins
	problems []Problem
}

// Read reads file, variables and flags. It reports whether the file could be read and is YAML.
func (s *Schema) Read(src Sources) (*Loader, bool) {
	if src.ReadFile == nil {
		src.ReadFile = readRegular
		if src.Stat == nil {
			src.Stat = os.Stat
		}
	}
	l := &Loader{schema: s, sources: src, origins: origin.New(Origin{})}
	if src.File != "" {
		l.origins = origin.New(Origin{Source: origin.File, Name: src.File, Line: 1})
	}
	file, ok := l.fromFile()
	if ok {
		l.layers = []Layer{file, l.fromEnv(src.Env), l.fromFlags(src.Flags)}
	}
	return l, ok
}

// fromFile reads the YAML file.
func (l *Loader) fromFile() (Layer, bool) {
	d := document{Layer: NewLayer(), schema: l.schema, file: l.sources.File, report: l.Report}
	if d.file == "" {
		return d.Layer, true
	}
	text, err := l.ReadFile(d.file)
	if err != nil {
		l.Unreadable(Origin{Source: origin.File, Name: d.file}, "", d.file, err)
		return d.Layer, false
	}
	return d.Layer, d.read(text)
}

// Below puts a layer under those that are there.
func (l *Loader) Below(y Layer) { l.layers = append([]Layer{y}, l.layers...) }

// Report adds a problem.
func (l *Loader) Report(p Problem) { l.problems = append(l.problems, p) }

// Problems returns what was reported so far, in the order of Sort.
func (l *Loader) Problems() []Problem {
	origin.Sort(l.problems)
	return l.problems
}

// File returns the name of the YAML file.
func (l *Loader) File() string { return l.sources.File }

// Top returns what the highest layer that has the leaf at path says.
func (l *Loader) Top(path string) (Given, bool) {
	if i := l.Rank(path); i >= 0 {
		return l.layers[i].Get(path)
	}
	return Given{}, false
}

// Rank returns the index of the highest layer that has the leaf at path, -1 if none has.
func (l *Loader) Rank(path string) int {
	for i := len(l.layers) - 1; i >= 0; i-- {
		if _, found := l.layers[i].Get(path); found {
			return i
		}
	}
	return -1
}

// Rewrite changes the text that counts for the leaf at path, where one is given.
func (l *Loader) Rewrite(path string, f func(string) string) {
	g, found := l.Top(path)
	if !found {
		return
	}
	items := slices.Clone(g.Items)
	for i := range items {
		items[i].Text = f(items[i].Text)
	}
	l.layers[l.Rank(path)].Set(path, Given{items, g.Origin})
}

// Indexes returns the entries of the list of sections at path that some layer names.
func (l *Loader) Indexes(path string) map[int]Origin {
	named := map[int]Origin{}
	for _, y := range l.layers {
		y.indexes(path, named)
	}
	return named
}

// Resolve takes a relative path that stands in a file from that file's folder.
func (l *Loader) Resolve(path string, o Origin) string {
	if path == "" || filepath.IsAbs(path) || (o.Source != origin.File && o.Source != origin.VendorFile) {
		return path
	}
	return filepath.Join(filepath.Dir(o.Name), path)
}

// Decode fills the struct that into points to, which is of the schema's type, from the layers, and
// returns where its values come from.
func (l *Loader) Decode(into any) Origins {
	for _, y := range l.layers {
		for path, o := range y.places {
			l.origins.Set(path, o)
		}
	}
	root := reflect.ValueOf(into).Elem()
	l.grow(root, l.schema.kids, "")
	walk(root, l.schema.kids, "", func(path string, s *setting, v reflect.Value) {
		l.leaf(path, s, v)
	})
	return l.origins
}

// maxEntries bounds what an index in the name of a variable can ask for.
const maxEntries = 1000

// grow makes the lists of sections in the section at path as long as the highest index that a layer
// names.
func (l *Loader) grow(section reflect.Value, kids []*setting, path string) {
	for _, s := range kids {
		at := origin.Join(path, s.name)
		switch {
		case s.sections():
			list, n := section.FieldByIndex(s.index), l.count(at)
			list.Set(reflect.MakeSlice(list.Type(), n, n))
		case !s.leaf():
			l.grow(section.FieldByIndex(s.index), s.kids, at)
		}
	}
}

// count returns how many entries a list of sections has, and reports those behind a gap.
func (l *Loader) count(path string) int {
	named := l.Indexes(path)
	n := 0
	for _, known := named[n]; known && n < maxEntries; _, known = named[n] {
		n++
	}
	for i, o := range named {
		if i >= n {
			l.Report(origin.At(o, origin.Entry(path, i), "is left out: there is no "+origin.Entry(path, n),
				"number the entries from 0 without a gap, at most "+strconv.Itoa(maxEntries)))
		}
	}
	return n
}

// leaf sets one leaf from the highest layer that has it, else from its default.
func (l *Loader) leaf(path string, s *setting, v reflect.Value) {
	g, found := l.Top(path)
	if !found {
		for _, t := range s.defaults() {
			g.Items = append(g.Items, Item{Text: t})
		}
	}
	l.origins.Set(path, g.Origin)
	if s.many && (found || len(g.Items) > 0) { // a list that nobody wrote stays nil, an empty one does not
		v.Set(reflect.MakeSlice(v.Type(), 0, len(g.Items)))
	}
	for i, it := range g.Items {
		at := path
		if s.many {
			at = origin.Entry(path, i)
			l.origins.Set(at, it.Origin)
		}
		value := reflect.New(s.typ).Elem()
		if l.value(at, s, it, value); s.many {
			v.Set(reflect.Append(v, value)) // a bad one too: later checks go by index
			continue
		}
		v.Set(value)
	}
}

// value parses one text and holds it against the choices and bounds of its setting.
func (l *Loader) value(path string, s *setting, it Item, v reflect.Value) {
	text := it.Text
	if choices := s.choices(); len(choices) > 0 {
		chosen, known := choose(choices, text)
		if !known {
			l.Report(origin.At(it.Origin, path, "is none of "+strings.Join(choices, ", "), s.hint()))
			return
		}
		text = chosen
	}
	parsed, err := scalar.Parse(s.typ, text)
	if err != nil {
		cure := s.hint()
		if mend := (*scalar.Mend)(nil); errors.As(err, &mend) && mend.Cure != "" {
			cure = mend.Cure
		}
		l.Report(origin.At(it.Origin, path, err.Error(), cure))
		return
	}
	v.Set(parsed)
	if msg := s.outOfBounds(v); msg != "" {
		l.Report(origin.At(it.Origin, path, msg, s.hint()))
	}
	if s.typ == reflect.TypeFor[scalar.Path]() {
		v.SetString(l.Resolve(v.String(), it.Origin))
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
	if cure := s.tag.Get("cure"); cure != "" {
		return cure
	}
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
	v, err := scalar.Parse(s.typ, text)
	if err != nil {
		panic("settings: bound of " + s.name + ": " + err.Error())
	}
	return v
}

func number(v reflect.Value) float64 {
	if v.CanFloat() {
		return v.Float()
	}
	return float64(v.Int())
}
