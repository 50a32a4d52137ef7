package vendor

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/conf/format"
	"github.com/stagelock/stagelock/conf/settings"
	"github.com/stagelock/stagelock/conf/settings/origin"
)

// engineFiles reads Liferay's files into one layer.
type engineFiles struct {
	*settings.Loader
	others  []string // properties that are looked for beside portalKeys
	line    string   // version line of the portal
	home    string
	jvm     map[string]string // what the operator says of the JVM's properties
	environ map[string]string
	found   map[string]engineProperty
	top     string   // the portal_ext being read: what its includes name stands beside it
	open    []string // the files being read, for includes in a circle
	files   int      // that were read
}

// engineProperty is a property and where it stands.
type engineProperty struct {
	texts  []format.Text
	origin settings.Origin
}

// at returns a place in one of Liferay's files.
func at(name string, line int) settings.Origin {
	return settings.Origin{Source: origin.VendorFile, Name: name, Line: line}
}

// given returns what y gives for the leaf at path; the zero Given for nothing.
func given(y settings.Layer, path string) settings.Given {
	g, _ := y.Get(path)
	return g
}

// Read reads the files that the layers of l name under engine.liferay, and Liferay's own variables.
// What is wrong with them is reported to l.
func Read(l *settings.Loader, env []string) settings.Layer {
	e := newEngineFiles(l)
	set := variablesOf(env)
	for _, v := range set {
		e.environ[v.Name] = v.Value
	}
	if g, found := l.Top("engine.line"); found && len(g.Items) == 1 {
		e.line = Line(g.Items[0].Text)
	}
	if g, found := l.Top("engine.liferay.home"); found && len(g.Items) == 1 {
		e.home = l.Resolve(g.Items[0].Text, g.Origin)
	}
	variables, _ := l.Top("engine.liferay.variables")
	for _, it := range variables.Items {
		name, value, _ := strings.Cut(it.Text, "=")
		e.jvm[format.Trim(name)] = value
	}
	e.eachFile("engine.liferay.portal_ext", func(it settings.Item, path, name string) { e.portalExt(it.Origin, path, name, false) })
	e.variables(set)
	y := settings.NewLayer()
	e.portalLayer(y)
	e.mergeVerifiers(y, e.override(e.readVerifiers()))
	e.mergeHosts(y)
	return y
}

func newEngineFiles(l *settings.Loader) *engineFiles {
	return &engineFiles{Loader: l, line: "7.4", found: map[string]engineProperty{}, jvm: map[string]string{}, environ: map[string]string{}}
}

func (e *engineFiles) eachFile(path string, f func(it settings.Item, path, name string)) {
	g, _ := e.Top(path)
	for i, it := range g.Items {
		f(it, origin.Entry(path, i), e.Resolve(it.Text, it.Origin))
	}
}

func (e *engineFiles) warn(o settings.Origin, path, msg, cure string) {
	e.Report(origin.At(o, path, msg, cure).AsWarning())
}

// Bounds of what files include: how deep, and how many in all.
const (
	maxIncludes = 16
	maxFiles    = 256
)

// portalExt reads one file, then those that it includes, which override it.
func (e *engineFiles) portalExt(named settings.Origin, path, name string, included bool) {
	if slices.Contains(e.open, name) || len(e.open) == maxIncludes {
		e.Report(origin.At(named, path, "is included in a circle, with which the portal does not start, or too deep: "+name, "drop the include"))
		return
	}
	if !included {
		e.top = name
	}
	if e.files++; e.files > maxFiles {
		if e.files == maxFiles+1 {
			e.Report(origin.At(named, path, "includes more than "+strconv.Itoa(maxFiles)+" files in all: the rest is not read", "drop includes"))
		}
		return
	}
	data, err := e.ReadFile(name)
	if err != nil && included && errors.Is(err, fs.ErrNotExist) {
		e.missingInclude(named, path, name)
		return
	}
	if err != nil {
		e.Unreadable(named, path, name, err)
		return
	}
	if format.IsUTF16(data) {
		e.Report(origin.At(at(name, 1), "", "is written in UTF-16: the portal finds no key in it", "save the file in UTF-8, without a byte order mark"))
		return
	}
	p := format.ParseProperties(data, e.line == "6.2", e.isWanted)
	e.notes(name, p)
	e.open = append(e.open, name)
	defer func() { e.open = e.open[:len(e.open)-1] }()
	e.exposed(name, p)
	for _, q := range p.Entries {
		if q.Key != format.IncludeKey {
			e.found[q.Key] = engineProperty{q.Texts, at(name, q.Lines[0])}
		}
	}
	e.keys(name, p)
	e.include(p, name)
}

// notes reports what the portal does to the lines of a file: always if it concerns the file or a key
// that is read here.
func (e *engineFiles) notes(name string, p *format.Properties) {
	for _, n := range p.Notes {
		if n.Key != "" && !e.isWanted(n.Key) && n.Key != format.IncludeKey && !n.Fatal {
			continue
		}
		path := n.Key
		if !e.isWanted(path) {
			path = ""
		}
		problem := origin.At(at(name, n.Line), path, n.Msg, n.Cure)
		problem.Warning = !n.Fatal
		e.Report(problem)
	}
}

func (k engineKey) readBy(line string) bool { return k.only == "" || k.only == line }

// exposed warns of a secret in a file that everybody may read.
func (e *engineFiles) exposed(name string, p *format.Properties) {
	q, found := p.Find(sharedSecret)
	if found && !(len(q.Texts) == 1 && q.Texts[0].Text == "") && e.WorldReadable(name) {
		e.warn(at(name, q.Lines[0]), "", "holds a secret and may be read by every user of this machine", "chmod o-r "+name)
	}
}

// include reads the files that p includes, the last one last. References are looked for in the file
// itself and among the JVM's properties only, as the portal does, and a name without a folder on the class
// path: beside the first file, wherever the including one stands.
func (e *engineFiles) include(p *format.Properties, name string) {
	q, found := p.Find(format.IncludeKey)
	if !found {
		return
	}
	r := e.resolver(func(key string) (string, bool) {
		own, found := p.Find(key)
		if !found || key == sharedSecret {
			return "", false
		}
		return own.Texts[0].Text, true
	})
	for _, t := range q.Texts {
		o := at(name, t.Line)
		x := r.Expand(t.Text)
		switch {
		case x.Err != nil:
			e.Report(origin.At(o, q.Key, x.Err.Error()+": the portal passes over this whole file", "write the value out"))
		case len(x.Unresolved) > 0:
			e.unresolvedInclude(o, x.Unresolved[0])
		case format.Trim(x.Text) != "":
			if e.line == "6.2" { // later lines take a URL for a file's name
				x.Text = strings.TrimPrefix(x.Text, "file:")
			}
			e.portalExt(o, q.Key, e.Resolve(x.Text, at(e.top, 0)), true)
		}
	}
}

func (e *engineFiles) unresolvedInclude(o settings.Origin, name string) {
	cure := "if the portal's JVM has a property " + name + ", say so in engine.liferay.variables of the gateway's file, as " + name + "=..."
	variable, isEnv := strings.CutPrefix(name, "env:")
	property, isSys := strings.CutPrefix(name, "sys:")
	switch {
	case isEnv:
		cure = "set " + variable + " for the gateway as for the portal"
	case isSys:
		cure = "if the portal's JVM has a property " + property + ", say so in engine.liferay.variables of the gateway's file, as " + property + "=..."
	case name == "liferay.home":
		cure = "say what it is in engine.liferay.home of the gateway's file"
	}
	e.warn(o, format.IncludeKey, "refers to ${"+name+"}, which nothing here resolves: the include is passed over, as the portal does where it does not know it either", cure)
}

// inVendorsJar reports whether the portal finds a file of this name in its own jar.
func inVendorsJar(name string) bool {
	name = filepath.Base(name)
	return name == "portal-developer.properties" || name == "portal-osgi-configuration.properties" ||
		strings.HasSuffix(name, ".properties") && (strings.HasPrefix(name, "portal-legacy-") || strings.HasPrefix(name, "portal-liferay-online"))
}

// missingInclude tells of an include that is not there; none of those that the vendor's jar has
// holds a key that is read here.
func (e *engineFiles) missingInclude(o settings.Origin, path, name string) {
	if !inVendorsJar(name) {
		e.warn(o, path, "includes a file that does not exist: "+name, "the portal passes over it without a word; if it should be there, make it")
	}
}

func (e *engineFiles) resolver(property func(string) (string, bool)) format.Resolver {
	return format.Resolver{
		Property: property,
		JVM: func(name string) (string, bool) {
			v, found := e.jvm[name]
			if !found && name == "liferay.home" && e.home != "" {
				return e.home, true
			}
			return v, found
		},
		Env: func(name string) (string, bool) {
			v, found := e.environ[name]
			return v, found
		},
	}
}

// merged looks a property up in all files; the secret is not told.
func (e *engineFiles) merged(name string) (string, bool) {
	p, found := e.found[name]
	if !found || name == sharedSecret {
		return "", false
	}
	return p.texts[0].Text, true
}

// Variable is one of the environment, and where it is set.
type Variable struct {
	Name, Value string
	Origin      settings.Origin
}

// variablesOf are those of Liferay and others of an environment, as os.Environ gives it, by name.
func variablesOf(env []string) []Variable {
	all := make([]Variable, 0, len(env))
	for _, pair := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(pair, "=")
		all = append(all, Variable{name, value, settings.Origin{Source: origin.VendorEnv, Name: name}})
	}
	return all
}

// variables lets Liferay's variables override the properties of the files; a later one wins.
func (e *engineFiles) variables(set []Variable) {
	for _, v := range set {
		name, ours := decodeLiferayName(v.Name)
		if !ours {
			continue
		}
		pieces := format.Split(v.Value)
		property := engineProperty{format.WithLines(pieces, make([]int, len(pieces))), v.Origin}
		if strings.HasPrefix(name, overridePrefix) || slices.Contains(e.others, name) {
			e.found[name] = property
		}
		i := slices.IndexFunc(portalKeys, func(k engineKey) bool { return k.name == name })
		switch {
		case i < 0:
			e.unknownVariable(v, name)
		case !portalKeys[i].readBy(e.line):
			e.warn(v.Origin, name, "is not read from 7.0 on, and engine.line is "+e.line+": it has no effect", "drop it")
		default:
			e.found[name] = property
		}
	}
}

// portalLayer turns the properties that are known into leaves.
func (e *engineFiles) portalLayer(y settings.Layer) {
	for _, k := range portalKeys {
		p, found := e.found[k.name]
		if !found || !k.readBy(e.line) {
			continue
		}
		e.quoted(k.name, p)
		if k.path == filterHosts || k.path == verifierHosts {
			e.hostsLeaf(y, k, p)
			continue
		}
		e.leaf(y, k, p)
	}
	if g, found := y.Get("engine.upstream.secret.value"); found && g.Items[0].Text == "" {
		y.Delete("engine.upstream.secret.value") // Liferay takes an empty secret for none
	}
}

// leaf reads a single value: the portal puts references in, but not into one with commas.
func (e *engineFiles) leaf(y settings.Layer, k engineKey, p engineProperty) {
	value := format.Merge(p.texts, e.line == "6.2")
	if k.name != sharedSecret && strings.Contains(value, sharedSecret) {
		return // a line that was swallowed, which is told; it may hold the secret
	}
	if len(p.texts) == 1 {
		x := e.resolver(e.merged).Expand(value)
		if x.Err != nil {
			e.Report(origin.At(p.origin, k.name, x.Err.Error()+": the portal does not start", "write the value out"))
			return
		}
		if len(x.Unresolved) > 0 {
			e.unresolved(p.origin, k.name, x.Unresolved[0])
			return
		}
		value = x.Text
	} else if strings.Contains(value, "${") {
		e.warn(p.origin, k.name, "has a comma in it: the portal puts nothing in for ${...} then, the text counts as it stands", "write the value out")
	}
	if k.name == bufferKey && strings.Trim(value, "0123456789") != "" {
		e.warn(p.origin, k.name, "is not a plain number: Liferay takes it for 0", "write the number of bytes, such as 10485760")
	}
	if k.isBool() && !True(value) && !isFalse(value) {
		e.warn(p.origin, k.name, "has a value that the portal takes for false", "write true or false")
	}
	y.Set(k.path, pieces(k.read(value), p))
}

// quoted warns of quotes around a value, which people take over from other files.
func (e *engineFiles) quoted(key string, p engineProperty) {
	first, last := p.texts[0].Text, p.texts[len(p.texts)-1].Text
	if first == "" || last == "" || len(p.texts) == 1 && len(first) == 1 {
		return
	}
	if q := first[0]; (q == '"' || q == '\'') && last[len(last)-1] == q {
		e.warn(p.origin, key, "stands in quotes, which the portal takes for a part of the value", "take the quotes away")
	}
}

// pieces makes a Given of texts that stand in p.
func pieces(texts []string, p engineProperty) settings.Given {
	g := settings.Given{Origin: p.origin}
	for i, t := range texts {
		o := p.origin
		if len(texts) == len(p.texts) && o.Source == origin.VendorFile {
			o.Line = p.texts[i].Line
		}
		g.Items = append(g.Items, settings.Item{Text: t, Origin: o})
	}
	return g
}

// unresolved reports a reference in a value; within the secret it may be a part of it.
func (e *engineFiles) unresolved(o settings.Origin, key, name string) {
	cure := "say what it is in engine.liferay.variables of the gateway's file, as " + name + "=..., or write the value out"
	variable, isEnv := strings.CutPrefix(name, "env:")
	switch {
	case isEnv && key == sharedSecret:
		e.Report(origin.At(o, key, "refers to a variable of the environment that is not set here", "set it for the gateway as for the portal, or name a file with the secret: peers[].secret.file"))
		return
	case key == sharedSecret:
		e.Report(origin.At(o, key, "has a ${ that refers to nothing here", "write the value out, or name a file with the secret: peers[].secret.file"))
		return
	case isEnv:
		cure = "set " + variable + " for the gateway as for the portal, or write the value out"
	case name == "liferay.home":
		cure = "say what it is in engine.liferay.home of the gateway's file"
	}
	e.Report(origin.At(o, key, "refers to ${"+name+"}, which nothing here resolves", cure))
}

// hostsLeaf reads a list of hosts. The last entry does not count if it is empty.
func (e *engineFiles) hostsLeaf(y settings.Layer, k engineKey, p engineProperty) {
	g := settings.Given{Origin: p.origin}
	r := e.resolver(e.merged)
	for _, t := range p.texts {
		o := p.origin
		if o.Source == origin.VendorFile {
			o.Line = t.Line
		}
		x := r.Expand(t.Text)
		switch {
		case x.Err != nil:
			e.Report(origin.At(o, k.name, x.Err.Error()+": the portal does not start", "write the value out"))
			continue
		case len(x.Unresolved) > 0:
			e.warn(o, k.name, "refers to ${"+x.Unresolved[0]+"}, which nothing here resolves: nobody has that address", "write the address out")
			continue
		case len(x.Names) > 0:
			e.warn(o, k.name, "refers to ${"+x.Names[0]+"}: parts of the engine do not resolve references in a list of hosts and take the text as it stands", "write the address out")
		}
		if strings.Contains(x.Text, sharedSecret) {
			continue // a line that was swallowed, which is told; it may hold the secret
		}
		for _, host := range k.read(x.Text) {
			g.Items = append(g.Items, settings.Item{Text: host, Origin: o})
		}
	}
	y.Set(k.path, g)
}
