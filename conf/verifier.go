package conf

import (
	"path/filepath"
	"slices"
	"strings"
)

// tunnelPath is what the engine's verifier has to look at.
const tunnelPath = "/api/liferay/do"

// The names of the verifier's configuration: the module's from 7.0 to 7.2, the portal's own after
// that.
const (
	verifierPID    = "com.liferay.portal.security.auth.verifier.internal.tunnel.configuration.TunnelAuthVerifierConfiguration"
	verifierOldPID = "com.liferay.portal.security.auth.verifier.tunnel.module.configuration.TunnelAuthVerifierConfiguration"
)

// osgiKeys are the keys of the verifier's configuration.
var osgiKeys = []engineKey{
	{"enabled", "engine.liferay.enabled", javaBool},
	{"hostsAllowed", verifierHosts, commas},
	{"urlsIncludes", "engine.liferay.urls_includes", commas},
	{"urlsExcludes", "engine.liferay.urls_excludes", commas},
	{"serviceAccessPolicyName", "engine.liferay.service_access_policy", single},
}

// verifier is one factory configuration.
type verifier struct {
	layer
	file Origin
}

func (v verifier) enabled() bool {
	g, found := v.leaves["engine.liferay.enabled"]
	return !found || g.items[0].text == "true"
}

func (e *engineFiles) readVerifiers() []verifier {
	var all []verifier
	e.eachFile("engine.liferay.osgi", func(it item, path, name string) {
		data, err := e.read(name)
		if err != nil {
			e.unreadable(it.origin, path, name, err)
			return
		}
		e.checkPID(it.origin, path, name)
		values, wrong := parseVerifier(name, data)
		for _, w := range wrong {
			e.report(Problem{File: name, Line: w.line, Msg: w.msg, Cure: `write key="value", or key=["a","b"] for several`})
		}
		all = append(all, e.verifier(name, values))
	})
	return all
}

// parseVerifier reads a .cfg file as properties and everything else as Felix writes it.
func parseVerifier(name string, data []byte) ([]osgiValue, []lineError) {
	if filepath.Ext(name) != ".cfg" {
		return parseOSGi(data)
	}
	props, wrong := parseProperties(data)
	var all []osgiValue
	for _, p := range props {
		all = append(all, osgiValue{key: p.key, kind: 'T', texts: []osgiText{{p.value, p.line}}, line: p.line})
	}
	return all, wrong
}

// checkPID warns of a file that Liferay would not read under its name.
func (e *engineFiles) checkPID(o Origin, path, name string) {
	pid := base(name)
	if i := strings.IndexAny(pid, "-~"); i >= 0 {
		pid = pid[:i] // what follows names one of several factory configurations
	}
	line := "7.4"
	if g, found := e.top("engine.line"); found && len(g.items) == 1 {
		line = g.items[0].text
	}
	old := slices.Contains([]string{"7.0", "7.1", "7.2"}, line)
	switch {
	case line == "6.2":
		e.report(at(o, path, "is nothing that Liferay 6.2 reads", "use auth.verifier.TunnelingServletAuthVerifier in portal-ext.properties").asWarning())
	case pid == verifierPID && old:
		e.report(at(o, path, "is named as from 7.3 on, and line is "+line, "name it "+verifierOldPID+".config").asWarning())
	case pid == verifierOldPID && !old:
		e.report(at(o, path, "is named as up to 7.2, and line is "+line, "name it "+verifierPID+".config").asWarning())
	case !strings.HasSuffix("."+pid, ".TunnelAuthVerifierConfiguration"):
		e.report(at(o, path, "is not named as the tunnel verifier's configuration: Liferay takes it for another's",
			"name it "+verifierPID+".config").asWarning())
	}
}

// verifier turns the known keys of one file into leaves.
func (e *engineFiles) verifier(name string, values []osgiValue) verifier {
	v := verifier{newLayer(), Origin{LiferayFile, name, 1}}
	for _, value := range values {
		for _, k := range osgiKeys {
			if k.name != value.key {
				continue
			}
			g := given{origin: Origin{LiferayFile, name, value.line}}
			for _, t := range value.texts {
				for _, text := range k.read(t.text) {
					g.items = append(g.items, item{text, Origin{LiferayFile, name, t.line}})
				}
			}
			if len(g.items) > 0 {
				v.leaves[k.path] = g
			}
		}
	}
	return v
}

// mergeVerifiers adds the configurations that are enabled: a call passes if one of them lets it, so
// lists are joined, and one without hosts lets everybody. They win over the properties, which
// Liferay 7 reads no more.
func (e *engineFiles) mergeVerifiers(y layer, all []verifier) {
	enabled := slices.DeleteFunc(slices.Clone(all), func(v verifier) bool { return !v.enabled() })
	if len(enabled) == 0 {
		if len(all) > 0 {
			y.leaves["engine.liferay.enabled"] = all[0].leaves["engine.liferay.enabled"]
		}
		return
	}
	for _, k := range osgiKeys {
		var g given
		everybody := false
		for _, v := range enabled {
			more, found := v.leaves[k.path]
			everybody = everybody || !found && k.path == verifierHosts
			if !found && k.path == "engine.liferay.urls_includes" {
				more = given{items: []item{{tunnelPath, v.file}}, origin: v.file}
			}
			if g.items = append(g.items, more.items...); len(more.items) > 0 {
				g.origin = more.origin
			}
		}
		if everybody || len(g.items) == 0 {
			continue
		}
		if s := byPath(schema, k.path); s != nil && !s.many {
			g.items = g.items[len(g.items)-1:]
		}
		y.leaves[k.path] = g
	}
}
