package conf

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
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
	{"tunnel.servlet.hosts.allowed", filterHosts, commas},
	{"tunnel.servlet.https.required", "engine.liferay.https_required", javaBool},
	{"staging.remote.transfer.buffer.size", "engine.liferay.buffer_size", single},
	{"auth.verifier.TunnelingServletAuthVerifier.hosts.allowed", verifierHosts, commas},
	{"auth.verifier.TunnelingServletAuthVerifier.urls.includes", "engine.liferay.urls_includes", commas},
	{"auth.verifier.TunnelingServletAuthVerifier.urls.excludes", "engine.liferay.urls_excludes", commas},
	{"auth.verifier.TunnelAuthVerifier.hosts.allowed", verifierHosts, commas},
	{"auth.verifier.TunnelAuthVerifier.urls.includes", "engine.liferay.urls_includes", commas},
	{"auth.verifier.TunnelAuthVerifier.urls.excludes", "engine.liferay.urls_excludes", commas},
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
	*loader
	home  string
	found map[string]engineProperty
	open  []string // the files being read, for includes in a circle
}

// engineProperty is a property and where it stands.
type engineProperty struct {
	value  string
	origin Origin
	pieces []int
}

// fromLiferay reads what the layers so far name under liferay, and Liferay's own variables.
func (l *loader) fromLiferay(env []string) layer {
	e := &engineFiles{loader: l, found: map[string]engineProperty{}}
	if g, found := l.top("engine.liferay.home"); found && len(g.items) == 1 {
		e.home = l.resolve(g.items[0].text, g.origin)
	}
	e.eachFile("engine.liferay.portal_ext", func(it item, path, name string) { e.portalExt(it.origin, path, name) })
	e.variables(env)
	y := newLayer()
	e.portalLayer(y)
	e.mergeVerifiers(y, e.readVerifiers())
	e.mergeHosts(y)
	e.spreadSecret(y)
	return y
}

func (e *engineFiles) eachFile(path string, f func(it item, path, name string)) {
	g, _ := e.top(path)
	for i, it := range g.items {
		f(it, entry(path, i), e.resolve(it.text, it.origin))
	}
}

// maxIncludes bounds how deep files include each other.
const maxIncludes = 16

// portalExt reads one file, then those that it includes, which override it.
func (e *engineFiles) portalExt(named Origin, path, name string) {
	if slices.Contains(e.open, name) || len(e.open) == maxIncludes {
		e.report(at(named, path, "is included in a circle or too deep: "+name, "drop the include"))
		return
	}
	data, err := e.read(name)
	if err != nil && len(e.open) > 0 && errors.Is(err, fs.ErrNotExist) {
		e.report(at(named, path, "includes a file that does not exist: "+name,
			"Liferay passes over it without a word; drop the include or make the file").asWarning())
		return
	}
	if err != nil {
		e.unreadable(named, path, name, err)
		return
	}
	props, wrong := parseProperties(data)
	for _, w := range wrong {
		e.report(Problem{File: name, Line: w.line, Msg: w.msg, Cure: `write a backslash as \\ and a character as \u and four hexadecimal digits`})
	}
	e.open = append(e.open, name)
	defer func() { e.open = e.open[:len(e.open)-1] }()
	var includes []property
	for _, p := range props {
		if p.key == "include-and-override" {
			includes = append(includes, p)
			continue
		}
		e.found[p.key] = engineProperty{p.value, Origin{LiferayFile, name, p.line}, p.pieces}
	}
	e.exposed(name, props)
	for _, p := range includes {
		e.include(p, name)
	}
}

// exposed warns of a secret in a file that everybody may read.
func (e *engineFiles) exposed(name string, props []property) {
	for _, p := range props {
		if p.key == sharedSecret && p.value != "" && e.worldReadable(name) {
			e.report(at(Origin{LiferayFile, name, p.line}, "", "holds a secret and may be read by every user of this machine",
				"chmod o-r "+name).asWarning())
			return
		}
	}
}

func (e *engineFiles) include(p property, name string) {
	o := Origin{LiferayFile, name, p.line}
	for _, target := range commas(p.value) {
		target, ok := e.expand(target, o, p.key)
		if ok {
			e.portalExt(o, p.key, e.resolve(target, o))
		}
	}
}

// sharedSecret is the one property whose value must not get into a text.
const sharedSecret = "tunneling.servlet.shared.secret"

// expand puts in what ${name} stands for: liferay.home, or another property of the files but the
// secret.
func (e *engineFiles) expand(text string, o Origin, key string) (string, bool) {
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
		if len(text) > maxFile {
			break
		}
	}
	e.report(at(o, key, "refers to itself", "write the value out"))
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
func (e *engineFiles) unresolved(name string, o Origin, key string) {
	msg, cure := "refers to ${"+name+"}, which nothing here resolves", "write the value out"
	switch {
	case key == sharedSecret:
		msg = "has a ${ that refers to nothing here"
	case name == "liferay.home":
		cure = "say what it is in engine.liferay.home of the gateway's file"
	}
	e.report(at(o, key, msg, cure))
}

// variables lets Liferay's variables override the properties of the files.
func (e *engineFiles) variables(env []string) {
	for _, pair := range slices.Sorted(slices.Values(env)) {
		variable, value, _ := strings.Cut(pair, "=")
		name, ours := decodeLiferayName(variable)
		if !ours {
			continue
		}
		o := Origin{Source: LiferayEnv, Name: variable}
		for _, k := range portalKeys {
			switch {
			case name == k.name:
				e.found[name] = engineProperty{value: value, origin: o}
			case squash(strings.TrimPrefix(variable, liferayPrefix)) == squash(k.name):
				e.report(at(o, "", "is not how Liferay spells "+k.name+": it is not read",
					"name it "+encodeLiferayName(k.name)).asWarning())
			}
		}
	}
}

// squash drops what a name written by hand most often gets wrong.
func squash(name string) string {
	return strings.NewReplacer(".", "", "_", "").Replace(strings.ToLower(name))
}

// portalLayer turns the properties that are known into leaves.
func (e *engineFiles) portalLayer(y layer) {
	for _, k := range portalKeys {
		p, found := e.found[k.name]
		if !found {
			continue
		}
		value, ok := e.expand(p.value, p.origin, k.name)
		if !ok {
			continue
		}
		y.put(k.path, p.origin, k.read(value)...)
		if g := y.leaves[k.path]; len(g.items) == len(p.pieces) {
			for i, line := range p.pieces {
				g.items[i].origin.Line = line
			}
		}
	}
	if g, found := y.leaves["engine.upstream.secret.value"]; found && g.items[0].text == "" {
		delete(y.leaves, "engine.upstream.secret.value") // Liferay takes an empty secret for none
	}
}

// spreadSecret gives Liferay's secret to every peer that has none of its own. The parts of a secret
// stay together: whoever names a value or a file takes neither hex nor algorithm from Liferay.
func (e *engineFiles) spreadSecret(y layer) {
	peers := map[int]Origin{}
	for _, other := range e.layers {
		other.indexes("peers", peers)
	}
	for i := range peers {
		path := join(entry("peers", i), "secret")
		if e.rank(join(path, "value")) >= 0 || e.rank(join(path, "file")) >= 0 {
			continue
		}
		for _, part := range []string{"value", "hex", "algorithm"} {
			if g, found := y.leaves[join("engine.upstream.secret", part)]; found {
				y.leaves[join(path, part)] = g
			}
		}
	}
	if e.rank("engine.upstream.secret.value") >= 0 || e.rank("engine.upstream.secret.file") >= 0 {
		for _, part := range []string{"value", "hex", "algorithm"} {
			delete(y.leaves, join("engine.upstream.secret", part))
		}
	}
}

// base returns a file's name without folder and extension.
func base(name string) string {
	name = filepath.Base(name)
	return strings.TrimSuffix(name, filepath.Ext(name))
}
