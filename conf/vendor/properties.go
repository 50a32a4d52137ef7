package vendor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/format"
	"github.com/stagelock/stagelock/conf/settings"
)

// Portal says where the properties of a portal stand, and what its JVM is started with.
type Portal struct {
	Files     []string          // portal-ext.properties and its like; a later one wins
	OSGi      []string          // configurations of the tunnel's verifier
	Line      string            // version line, or a product's name; empty: 7.4
	Home      string            // what ${liferay.home} stands for; empty: not known
	JVM       map[string]string // the properties of its JVM
	Variables []Variable        // of its environment; a later one wins
}

// Value is a property as the portal uses it, and where it stands.
type Value struct {
	Text   string
	Origin settings.Origin
}

// noSettings is of a reader that needs none.
var noSettings = settings.SchemaOf[struct{}]("")

// Portrait is what the files of a portal say.
type Portrait struct {
	// Properties are those of the tunnel, and the others that were asked for.
	Properties map[string]Value
	// Verified are the hosts of the configurations of the tunnel's verifier that are switched on; one that names
	// none, which lets everybody in, is a Value without text.
	Verified []Value
	// Problems are all that is odd about the files.
	Problems []settings.Problem
}

// Read reads the files of a portal, those that they include and the variables that override them, for the
// properties of the tunnel and for others. It returns an error if one of the files cannot be read; what they
// include may be missing.
func (p Portal) Read(others []string) (Portrait, error) {
	e := p.reader()
	e.others = others
	for _, name := range p.Files {
		if _, err := e.ReadFile(name); err != nil {
			return Portrait{}, fmt.Errorf("%s: %w", name, err)
		}
		e.portalExt(settings.Origin{}, "", name, false)
	}
	e.variables(p.Variables)
	var all []verifier
	for _, name := range p.OSGi {
		v, err := e.readVerifier(at(name, 0), "", name)
		if err != nil {
			return Portrait{}, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, v)
	}
	r := Portrait{Properties: map[string]Value{}}
	for name, q := range e.found {
		if e.isWanted(name) {
			r.Properties[name] = Value{e.joined(q), q.origin}
		}
	}
	for i, v := range e.override(all) {
		hosts := v.hosts()
		if i >= len(all) { // its file was not named, and may have them
			hosts = slices.DeleteFunc(hosts, func(h Value) bool { return h.Text == "" })
		}
		r.Verified = append(r.Verified, hosts...)
	}
	r.Problems = e.Problems()
	return r, nil
}

// hosts are those whose calls the verifier takes.
func (v verifier) hosts() []Value {
	if !v.enabled() {
		return nil
	}
	hosts, found := v.Get(verifierHosts)
	if !found {
		return []Value{{Origin: v.file}} // everybody
	}
	var all []Value
	for _, it := range hosts.Items {
		all = append(all, Value{it.Text, it.Origin})
	}
	return all
}

// reader returns one that has read nothing yet.
func (p Portal) reader() *engineFiles {
	l, _ := noSettings.Read(settings.Sources{})
	e := newEngineFiles(l)
	e.line, e.home = Line(cmp.Or(p.Line, e.line)), p.Home
	for name, value := range p.JVM {
		e.jvm[name] = value
	}
	for _, v := range p.Variables {
		e.environ[v.Name] = v.Value
	}
	return e
}

// joined is what the portal makes of a property: the text with references put in, and the entries of a
// list each for itself.
func (e *engineFiles) joined(p engineProperty) string {
	texts := make([]format.Text, len(p.texts))
	for i, t := range p.texts {
		texts[i] = format.Text{Text: e.resolver(e.merged).Expand(t.Text).Text, Line: t.Line}
	}
	return strings.TrimSpace(format.Merge(texts, e.line == "6.2"))
}
