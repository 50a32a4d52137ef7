package settings

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/conf/settings/suggest"
)

// document turns a YAML text into a layer. It reports whether the text was YAML at all.
type document struct {
	Layer
	schema *Schema
	file   string
	report func(Problem)
}

func (d *document) read(text []byte) bool {
	var docs []yaml.Node
	if err := yaml.Load(text, &docs, yaml.WithAllDocuments()); err != nil {
		d.syntax(err)
		return false
	}
	if len(docs) == 0 {
		return true
	}
	if len(docs) > 1 {
		d.report(origin.At(d.at(&docs[1]), "", "is a second document", "keep one document in the file"))
	}
	root := &docs[0]
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		root = root.Content[0]
	}
	d.section(root, d.schema.kids, "")
	return true
}

// syntax reports what the YAML reader stumbled over, each with its line.
func (d *document) syntax(err error) {
	const cure = "indent with spaces, put a blank after each colon, quote texts that begin with a special character"
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		for _, e := range many.Errors {
			d.report(Problem{File: d.file, Line: e.Mark.Line, Msg: notYAML(e.Message), Cure: cure})
		}
		return
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		d.report(Problem{File: d.file, Line: one.Mark.Line, Msg: notYAML(one.Message), Cure: cure})
		return
	}
	d.report(Problem{File: d.file, Msg: notYAML(err.Error()), Cure: cure})
}

// notYAML says what the reader said, without the text that it repeats: a secret may begin with a star.
func notYAML(message string) string {
	if strings.Contains(message, "unknown anchor") {
		message = "what begins with a star is an alias, and its anchor is nowhere"
	}
	return "is not YAML: " + message
}

func (d *document) at(n *yaml.Node) Origin {
	return Origin{Source: origin.File, Name: d.file, Line: n.Line}
}

// wrong reports a node that is not of the kind that its place wants. It does not repeat the text.
func (d *document) wrong(n *yaml.Node, path, msg, cure string) {
	d.report(origin.At(d.at(n), path, msg, cure))
}

func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// section reads a mapping whose keys are kids.
func (d *document) section(n *yaml.Node, kids []*setting, path string) {
	if null(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.wrong(n, path, "is not a section with keys", "write one of its keys in each line, as key: value, deeper than the section's own")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		s, at := find(kids, key.Value), origin.Join(path, key.Value)
		if s == nil && key.Kind == yaml.ScalarNode && d.moved(key, value, at) {
			continue
		}
		if key.Kind != yaml.ScalarNode || s == nil {
			d.unknown(key, kids, path)
			continue
		}
		if line, twice := seen[s.name]; twice {
			d.wrong(key, at, "stands twice, first in line "+strconv.Itoa(line), "keep one of the two")
			continue
		}
		seen[s.name] = key.Line
		d.places[at] = d.at(key)
		d.value(value, s, at)
	}
}

// unknown reports a key that is none of kids. Where a secret belongs, {secret} makes a key of it: a key is
// repeated there only if it is nearly one of kids, and elsewhere if it can be a name.
func (d *document) unknown(key *yaml.Node, kids []*setting, path string) {
	cure, near := suggest.Nearest(key.Value, names(kids))
	told := isName.MatchString(key.Value) && (near || !slices.ContainsFunc(kids, (*setting).secret))
	if !told {
		d.wrong(key, path, "has a key that is not known", cure)
		return
	}
	d.wrong(key, origin.Join(path, key.Value), "is not known", cure)
}

// isName matches what a setting could be called.
var isName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,39}$`)

// moved reads a section or setting that stands where it once belonged, so that what is in it is
// checked too, and reports its new place.
func (d *document) moved(key, value *yaml.Node, path string) bool {
	at, s := byFormer(d.schema.kids, "", path)
	if s == nil {
		return false
	}
	d.wrong(key, path, "has moved to "+at, "write it there, in the section "+origin.Parent(at)+":")
	if _, written := d.places[at]; !written {
		d.places[at] = d.at(key)
		d.value(value, s, at)
	}
	return true
}

// value reads what stands behind a key.
func (d *document) value(n *yaml.Node, s *setting, path string) {
	switch {
	case n.Kind == yaml.AliasNode:
		d.wrong(n, path, "is an alias", "write the value out: what is effective is read off the line that says it")
	case s.sections():
		d.sections(n, s, path)
	case !s.leaf():
		d.section(n, s.kids, path)
	case null(n), n.Kind == yaml.ScalarNode && n.Value == "" && s.emptyUnset():
	case n.Kind == yaml.ScalarNode:
		d.Put(path, d.at(n), n.Value)
	case s.many && n.Kind == yaml.SequenceNode:
		d.list(n, path)
	case s.many:
		d.wrong(n, path, "is not a list", "write it as [a, b] or as lines that begin with a dash")
	default:
		d.wrong(n, path, "is not a single value", "write it as "+s.name+": value")
	}
}

func (d *document) sections(n *yaml.Node, s *setting, path string) {
	if null(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.wrong(n, path, "is not a list", "begin each entry with a dash")
		return
	}
	for i, kid := range n.Content {
		d.places[origin.Entry(path, i)] = d.at(kid)
		d.section(kid, s.kids, origin.Entry(path, i))
	}
}

func (d *document) list(n *yaml.Node, path string) {
	g := Given{Origin: d.at(n)}
	for i, kid := range n.Content {
		if kid.Kind != yaml.ScalarNode || null(kid) {
			d.wrong(kid, origin.Entry(path, i), "is not a single value", "write one text in each entry")
			continue
		}
		g.Items = append(g.Items, Item{kid.Value, d.at(kid)})
	}
	d.leaves[path] = g
}
