package vendor

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/settings"
)

// Two lists of hosts that Liferay asks one after the other; they become hosts.allow.
const (
	filterHosts   = "hosts.allow (filter)"
	verifierHosts = "hosts.allow (verifier)"
)

// engineKey says which setting a key of Liferay's becomes.
type engineKey struct {
	name string
	path string
	read func(string) []string
}

// portalKeys are the properties of Liferay that are read. This table, osgiKeys and the rules in
// doc.go are all there is to know about the merge.
var portalKeys = []engineKey{
	{sharedSecret, "engine.upstream.secret.value", single},
	{"tunneling.servlet.shared.secret.hex", "engine.upstream.secret.hex", javaBool},
	{"tunneling.servlet.encryption.algorithm", "engine.upstream.secret.algorithm", single},
	{"tunnel.servlet.hosts.allowed", filterHosts, settings.Commas},
	{"tunnel.servlet.https.required", "engine.liferay.https_required", javaBool},
	{"staging.remote.transfer.buffer.size", "engine.liferay.buffer_size", single},
	{"auth.verifier.TunnelingServletAuthVerifier.hosts.allowed", verifierHosts, settings.Commas},
	{"auth.verifier.TunnelingServletAuthVerifier.urls.includes", "engine.liferay.urls_includes", settings.Commas},
	{"auth.verifier.TunnelingServletAuthVerifier.urls.excludes", "engine.liferay.urls_excludes", settings.Commas},
	{"auth.verifier.TunnelAuthVerifier.hosts.allowed", verifierHosts, settings.Commas},
	{"auth.verifier.TunnelAuthVerifier.urls.includes", "engine.liferay.urls_includes", settings.Commas},
	{"auth.verifier.TunnelAuthVerifier.urls.excludes", "engine.liferay.urls_excludes", settings.Commas},
}

func single(s string) []string { return []string{s} }

// javaBool reads a boolean as Liferay does: what is not one of these words is false.
func javaBool(s string) []string {
	if slices.Contains([]string{"true", "t", "y", "on", "1"}, strings.ToLower(strings.TrimSpace(s))) {
		return []string{"true"}
	}
	return []string{"false"}
}

// engineFiles reads Liferay's files into one layer.
type engineFiles struct {
	*settings.Loader
	home  string
	found map[string]engineProperty
	open  []string // the files being read, for includes in a circle
}

// engineProperty is a property and where it stands.
type engineProperty struct {
	value  string
	origin settings.Origin
	pieces []int
}

// at returns a place in one of Liferay's files.
func at(name string, line int) settings.Origin {
	return settings.Origin{Source: settings.VendorFile, Name: name, Line: line}
}

// given returns what y gives for the leaf at path; the zero Given for nothing.
func given(y settings.Layer, path string) settings.Given {
	g, _ := y.Get(path)
	return g
}

// Read reads the files that the layers of l name under engine.liferay, and Liferay's own variables.
// What is wrong with them is reported to l.
func Read(l *settings.Loader, env []string) settings.Layer {
	e := &engineFiles{Loader: l, found: map[string]engineProperty{}}
	if g, found := l.Top("engine.liferay.home"); found && len(g.Items) == 1 {
		e.home = l.Resolve(g.Items[0].Text, g.Origin)
	}
	e.eachFile("engine.liferay.portal_ext", func(it settings.Item, path, name string) { e.portalExt(it.Origin, path, name) })
	e.variables(env)
	y := settings.NewLayer()
	e.portalLayer(y)
	e.mergeVerifiers(y, e.readVerifiers())
	e.mergeHosts(y)
	return y
}

func (e *engineFiles) eachFile(path string, f func(it settings.Item, path, name string)) {
	g, _ := e.Top(path)
	for i, it := range g.Items {
		f(it, settings.Entry(path, i), e.Resolve(it.Text, it.Origin))
	}
}

// maxIncludes bounds how deep files include each other.
const maxIncludes = 16

// portalExt reads one file, then those that it includes, which override it.
func (e *engineFiles) portalExt(named settings.Origin, path, name string) {
	if slices.Contains(e.open, name) || len(e.open) == maxIncludes {
		e.Report(settings.At(named, path, "is included in a circle or too deep: "+name, "drop the include"))
		return
	}
	data, err := e.ReadFile(name)
	if err != nil && len(e.open) > 0 && errors.Is(err, fs.ErrNotExist) {
		e.Report(settings.At(named, path, "includes a file that does not exist: "+name,
			"Liferay passes over it without a word; drop the include or make the file").AsWarning())
		return
	}
	if err != nil {
		e.Unreadable(named, path, name, err)
		return
	}
	props, wrong := parseProperties(data)
	for _, w := range wrong {
		e.Report(settings.Problem{File: name, Line: w.line, Msg: w.msg, Cure: `write a backslash as \\ and a character as \u and four hexadecimal digits`})
	}
	e.open = append(e.open, name)
	defer func() { e.open = e.open[:len(e.open)-1] }()
	var includes []property
	for _, p := range props {
		if p.key == "include-and-override" {
			includes = append(includes, p)
			continue
		}
		e.found[p.key] = engineProperty{p.value, at(name, p.line), p.pieces}
	}
	e.exposed(name, props)
	for _, p := range includes {
		e.include(p, name)
	}
}

// exposed warns of a secret in a file that everybody may read.
func (e *engineFiles) exposed(name string, props []property) {
	for _, p := range props {
		if p.key == sharedSecret && p.value != "" && e.WorldReadable(name) {
			e.Report(settings.At(at(name, p.line), "", "holds a secret and may be read by every user of this machine",
				"chmod o-r "+name).AsWarning())
			return
		}
	}
}

func (e *engineFiles) include(p property, name string) {
	o := at(name, p.line)
	for _, target := range settings.Commas(p.value) {
		target, ok := e.expand(target, o, p.key)
		if ok {
			e.portalExt(o, p.key, e.Resolve(target, o))
		}
	}
}

// sharedSecret is the one property whose value must not get into a text.
const sharedSecret = "tunneling.servlet.shared.secret"

// expand puts in what ${name} stands for: liferay.home, or another property of the files but the
// secret.
func (e *engineFiles) expand(text string, o settings.Origin, key string) (string, bool) {
	for range maxIncludes {
		before, rest, opened := strings.Cut(text, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !opened || !closed {
			return text, true
		}
		value, known := e.lookup(name)
		if !known {
			e.unresolved(name, o, key)
			return "", false
		}
		text = before + value + after
		if len(text) > settings.MaxFile {
			break
		}
	}
	e.Report(settings.At(o, key, "refers to itself", "write the value out"))
	return "", false
}

func (e *engineFiles) lookup(name string) (string, bool) {
	if name == "liferay.home" && e.home != "" {
		return e.home, true
	}
	p, known := e.found[name]
	return p.value, known && name != sharedSecret
}

// unresolved reports a reference to name; within the secret it may be a part of it.
func (e *engineFiles) unresolved(name string, o settings.Origin, key string) {
	msg, cure := "refers to ${"+name+"}, which nothing here resolves", "write the value out"
	switch {
	case key == sharedSecret:
		msg = "has a ${ that refers to nothing here"
	case name == "liferay.home":
		cure = "say what it is in engine.liferay.home of the gateway's file"
	}
	e.Report(settings.At(o, key, msg, cure))
}

// variables lets Liferay's variables override the properties of the files.
func (e *engineFiles) variables(env []string) {
	for _, pair := range slices.Sorted(slices.Values(env)) {
		variable, value, _ := strings.Cut(pair, "=")
		name, ours := decodeLiferayName(variable)
		if !ours {
			continue
		}
		o := settings.Origin{Source: settings.VendorEnv, Name: variable}
		for _, k := range portalKeys {
			switch {
			case name == k.name:
				e.found[name] = engineProperty{value: value, origin: o}
			case squash(strings.TrimPrefix(variable, liferayPrefix)) == squash(k.name):
				e.Report(settings.At(o, "", "is not how Liferay spells "+k.name+": it is not read",
					"name it "+encodeLiferayName(k.name)).AsWarning())
			}
		}
	}
}

// squash drops what a name written by hand most often gets wrong.
func squash(name string) string {
	return strings.NewReplacer(".", "", "_", "").Replace(strings.ToLower(name))
}

// portalLayer turns the properties that are known into leaves.
func (e *engineFiles) portalLayer(y settings.Layer) {
	for _, k := range portalKeys {
		p, found := e.found[k.name]
		if !found {
			continue
		}
		value, ok := e.expand(p.value, p.origin, k.name)
		if !ok {
			continue
		}
		y.Put(k.path, p.origin, k.read(value)...)
		if g := given(y, k.path); len(g.Items) == len(p.pieces) {
			for i, line := range p.pieces {
				g.Items[i].Origin.Line = line
			}
		}
	}
	if g, found := y.Get("engine.upstream.secret.value"); found && g.Items[0].Text == "" {
		y.Delete("engine.upstream.secret.value") // Liferay takes an empty secret for none
	}
}

// base returns a file's name without folder and extension.
func base(name string) string {
	name = filepath.Base(name)
	return strings.TrimSuffix(name, filepath.Ext(name))
}
