package vendor

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/settings"
)

// TunnelPath is what the engine's verifier has to look at.
const TunnelPath = "/api/liferay/do"

// The names of the verifier's configuration: the module's from 7.0 to 7.2, the portal's own after
// that.
const (
	verifierPID    = "com.liferay.portal.security.auth.verifier.internal.tunnel.configuration.TunnelAuthVerifierConfiguration"
	verifierOldPID = "com.liferay.portal.security.auth.verifier.tunnel.module.configuration.TunnelAuthVerifierConfiguration"
)

// osgiKeys are the keys of the verifier's configuration.
var osgiKeys = []engineKey{
	{"enabled", "engine.liferay.enabled", javaBool},
	{"hostsAllowed", verifierHosts, settings.Commas},
	{"urlsIncludes", "engine.liferay.urls_includes", settings.Commas},
	{"urlsExcludes", "engine.liferay.urls_excludes", settings.Commas},
	{"serviceAccessPolicyName", "engine.liferay.service_access_policy", single},
}

// verifier is one factory configuration.
type verifier struct {
	settings.Layer
	file settings.Origin
}

func (v verifier) enabled() bool {
	g, found := v.Get("engine.liferay.enabled")
	return !found || g.Items[0].Text == "true"
}

func (e *engineFiles) readVerifiers() []verifier {
	var all []verifier
	e.eachFile("engine.liferay.osgi", func(it settings.Item, path, name string) {
		data, err := e.ReadFile(name)
		if err != nil {
			e.Unreadable(it.Origin, path, name, err)
			return
		}
		e.checkPID(it.Origin, path, name)
		values, wrong := parseVerifier(name, data)
		for _, w := range wrong {
			e.Report(settings.Problem{File: name, Line: w.line, Msg: w.msg, Cure: `write key="value", or key=["a","b"] for several`})
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
func (e *engineFiles) checkPID(o settings.Origin, path, name string) {
	pid := base(name)
	if i := strings.IndexAny(pid, "-~"); i >= 0 {
		pid = pid[:i] // what follows names one of several factory configurations
	}
	line := "7.4"
	if g, found := e.Top("engine.line"); found && len(g.Items) == 1 {
		line = g.Items[0].Text
	}
	old := slices.Contains([]string{"7.0", "7.1", "7.2"}, line)
	switch {
	case line == "6.2":
		e.Report(settings.At(o, path, "is nothing that Liferay 6.2 reads", "use auth.verifier.TunnelingServletAuthVerifier in portal-ext.properties").AsWarning())
	case pid == verifierPID && old:
		e.Report(settings.At(o, path, "is named as from 7.3 on, and line is "+line, "name it "+verifierOldPID+".config").AsWarning())
	case pid == verifierOldPID && !old:
		e.Report(settings.At(o, path, "is named as up to 7.2, and line is "+line, "name it "+verifierPID+".config").AsWarning())
	case !strings.HasSuffix("."+pid, ".TunnelAuthVerifierConfiguration"):
		e.Report(settings.At(o, path, "is not named as the tunnel verifier's configuration: Liferay takes it for another's",
			"name it "+verifierPID+".config").AsWarning())
	}
}

// verifier turns the known keys of one file into leaves.
func (e *engineFiles) verifier(name string, values []osgiValue) verifier {
	v := verifier{settings.NewLayer(), at(name, 1)}
	for _, value := range values {
		for _, k := range osgiKeys {
			if k.name != value.key {
				continue
			}
			g := settings.Given{Origin: at(name, value.line)}
			for _, t := range value.texts {
				for _, text := range k.read(t.text) {
					g.Items = append(g.Items, settings.Item{Text: text, Origin: at(name, t.line)})
				}
			}
			if len(g.Items) > 0 {
				v.Set(k.path, g)
			}
		}
	}
	return v
}

// mergeVerifiers adds the configurations that are enabled: a call passes if one of them lets it, so
// lists are joined, and one without hosts lets everybody. They win over the properties, which
// Liferay 7 reads no more.
func (e *engineFiles) mergeVerifiers(y settings.Layer, all []verifier) {
	enabled := slices.DeleteFunc(slices.Clone(all), func(v verifier) bool { return !v.enabled() })
	if len(enabled) == 0 {
		if len(all) > 0 {
			y.Set("engine.liferay.enabled", given(all[0].Layer, "engine.liferay.enabled"))
		}
		return
	}
	for _, k := range osgiKeys {
		var g settings.Given
		everybody := false
		for _, v := range enabled {
			more, found := v.Get(k.path)
			everybody = everybody || !found && k.path == verifierHosts
			if !found && k.path == "engine.liferay.urls_includes" {
				more = settings.Given{Items: []settings.Item{{Text: TunnelPath, Origin: v.file}}, Origin: v.file}
			}
			if g.Items = append(g.Items, more.Items...); len(more.Items) > 0 {
				g.Origin = more.Origin
			}
		}
		if everybody || len(g.Items) == 0 {
			continue
		}
		if k.path == "engine.liferay.service_access_policy" || k.path == "engine.liferay.enabled" {
			g.Items = g.Items[len(g.Items)-1:]
		}
		y.Set(k.path, g)
	}
}
