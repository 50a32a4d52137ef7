package vendor

import (
	"cmp"
	"fmt"
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

// Properties reads the files of a portal, those that they include and the variables that override them,
// and returns the properties of the tunnel and the others that were asked for, with all that is odd about
// them. It returns an error if one of the files cannot be read; what they include may be missing.
func Properties(p Portal, others []string) (map[string]Value, []settings.Problem, error) {
	e := p.reader()
	e.others = others
	for _, name := range p.Files {
		if _, err := e.ReadFile(name); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		e.portalExt(settings.Origin{}, "", name, false)
	}
	e.variables(p.Variables)
	all := map[string]Value{}
	for name, q := range e.found {
		if e.isWanted(name) {
			all[name] = Value{e.joined(q), q.origin}
		}
	}
	return all, e.Problems(), nil
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

// Verified reads the configurations of the tunnel's verifier and returns the hosts of those that are switched
// on, each with its place; of one that names none, which lets everybody in, a Value without text. It returns
// an error if one of the files cannot be read.
func Verified(p Portal) ([]Value, error) {
	e := p.reader()
	var all []Value
	for _, name := range p.OSGi {
		v, err := e.readVerifier(settings.Origin{}, "", name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		hosts, found := v.Get(verifierHosts)
		switch {
		case !v.enabled():
		case !found:
			all = append(all, Value{Origin: v.file})
		}
		for _, it := range hosts.Items {
			if v.enabled() {
				all = append(all, Value{it.Text, it.Origin})
			}
		}
	}
	return all, nil
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
