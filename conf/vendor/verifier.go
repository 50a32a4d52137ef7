package vendor

import (
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/stagelock/stagelock/conf/format"
	"github.com/stagelock/stagelock/conf/settings"
	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/conf/settings/suggest"
)

// verifierSuffix ends all the names of the verifier's configuration.
const verifierSuffix = "TunnelAuthVerifierConfiguration"

// TunnelPath is what the engine's verifier has to look at.
const TunnelPath = "/api/liferay/do"

// The names of the verifier's configuration: two of a module's from 7.0 to 7.2, by build, and the
// portal's own after that.
const (
	verifierPID      = "com.liferay.portal.security.auth.verifier.internal.tunnel.configuration.TunnelAuthVerifierConfiguration"
	verifierOldPID   = "com.liferay.portal.security.auth.verifier.tunnel.module.configuration.TunnelAuthVerifierConfiguration"
	verifierOlderPID = "com.liferay.portal.security.auth.verifier.internal.tunnel.module.configuration.TunnelAuthVerifierConfiguration"
)

// osgiKeys are the keys of the verifier's configuration.
var osgiKeys = []engineKey{
	{"enabled", "engine.liferay.enabled", javaBool, ""},
	{"hostsAllowed", verifierHosts, settings.Commas, ""},
	{"urlsIncludes", "engine.liferay.urls_includes", settings.Commas, ""},
	{"urlsExcludes", "engine.liferay.urls_excludes", settings.Commas, ""},
	{"serviceAccessPolicyName", "engine.liferay.service_access_policy", single, ""},
}

// verifier is one factory configuration.
type verifier struct {
	settings.Layer
	file settings.Origin
	pid  string
	name string // of the instance
}

func (v verifier) enabled() bool {
	g, found := v.Get("engine.liferay.enabled")
	return !found || g.Items[0].Text == "true"
}

// reads73 reports whether the line has the portal's own reader of configuration files.
func (e *engineFiles) reads73() bool { return e.line == "7.3" || e.line == "7.4" }

func (e *engineFiles) readVerifiers() []verifier {
	var all []verifier
	e.eachFile("engine.liferay.osgi", func(it settings.Item, path, name string) {
		v, err := e.readVerifier(it.Origin, path, name)
		if err != nil {
			e.Unreadable(it.Origin, path, name, err)
			return
		}
		all = append(all, v)
	})
	return all
}

// readVerifier reads the configuration in a file, which o names as the setting at path.
func (e *engineFiles) readVerifier(o settings.Origin, path, name string) (verifier, error) {
	data, err := e.ReadFile(name)
	if err != nil {
		return verifier{}, err
	}
	e.checkName(o, path, name)
	c := e.parse(name, data)
	for _, n := range c.Notes {
		problem := origin.At(at(name, n.Line), "", n.Msg, n.Cure)
		problem.Warning = !n.Fatal
		e.Report(problem)
	}
	pid, instance := splitPID(name)
	v := verifier{settings.NewLayer(), at(name, 1), pid, instance}
	for _, value := range c.Values {
		e.set(v, value, at(name, value.Line))
	}
	return v, nil
}

// parse reads a file with the reader of the line.
func (e *engineFiles) parse(name string, data []byte) *format.OSGi {
	isCfg := strings.HasSuffix(name, ".cfg")
	body := string(format.DecodeUTF8(data))
	switch {
	case format.IsUTF16(data):
		c := &format.OSGi{}
		c.Note(1, true, "is written in UTF-16: the engine reads nothing of the file", "save the file in UTF-8, without a byte order mark")
		return c
	case strings.HasPrefix(body, "\ufeff"):
		c := &format.OSGi{}
		c.Note(1, true, "begins with a byte order mark: the engine reads nothing of the file, or another first key", "save the file without it (in UTF-8, not UTF-8 with BOM)")
		return c
	case !e.reads73():
		return format.ParseFelix(body, isCfg)
	case isCfg:
		return format.ParseCfg(body, e.variable)
	}
	return format.ParseConfig(body, e.variable)
}

// variable looks up what a configuration file refers to.
func (e *engineFiles) variable(name string) (string, bool) {
	if v, found := e.jvm[name]; found {
		return v, true
	}
	if env, ok := strings.CutPrefix(name, "env:"); ok {
		v, found := e.environ[env]
		return v, found
	}
	if strings.HasPrefix(name, liferayPrefix) {
		v, found := e.environ[name]
		return v, found
	}
	return "", false
}

// splitPID takes the name of the instance off a file's name.
func splitPID(name string) (pid, instance string) {
	name = filepath.Base(name)
	pid = strings.TrimSuffix(name, filepath.Ext(name))
	if i := strings.IndexAny(pid, "-~"); i >= 0 {
		return pid[:i], pid[i+1:] // one of several factory configurations
	}
	return pid, ""
}

// checkName warns of a file that Liferay would not read under its name.
func (e *engineFiles) checkName(o settings.Origin, path, name string) {
	pid, _ := splitPID(name)
	ext := filepath.Ext(name)
	right := e.rightPID()
	older := pid == verifierOldPID || pid == verifierOlderPID
	switch {
	case e.line == "6.2":
		e.warn(o, path, "is nothing that Liferay 6.2 reads", "use auth.verifier.TunnelingServletAuthVerifier in portal-ext.properties")
	case ext != ".config" && ext != ".cfg":
		e.warn(o, path, "has a name that Liferay passes over: it reads files that end in .config or .cfg", "name it "+right+"-default.config")
	case pid == verifierPID && !e.reads73():
		e.warn(o, path, "is named as from 7.3 on, and line is "+e.line+": Liferay takes it for another's", "name it "+right+"-default"+ext)
	case older && e.reads73():
		e.warn(o, path, "is named as up to 7.2, and line is "+e.line+": Liferay takes it for another's", "name it "+right+"-default"+ext)
	case pid != verifierPID && !older:
		e.warn(o, path, "is not named as the tunnel verifier's configuration: Liferay takes it for another's", "name it "+right+"-default.config")
	}
}

// set turns a known key into a leaf.
func (e *engineFiles) set(v verifier, value format.Value, o settings.Origin) {
	i := slices.IndexFunc(osgiKeys, func(k engineKey) bool { return k.name == value.Key })
	switch {
	case i < 0:
		e.unknownKey(value.Key, o)
		return
	case value.None:
		return
	}
	k, g := osgiKeys[i], settings.Given{Origin: o}
	for _, t := range value.Texts {
		for _, s := range k.read(t) {
			g.Items = append(g.Items, settings.Item{Text: s, Origin: o})
		}
	}
	if len(g.Items) > 0 {
		v.Set(k.path, g)
	}
}

// frameworkKeys are keys that belong to the framework and not to the verifier.
var frameworkKeys = []string{"service.pid", "service.factoryPid", "service.bundleLocation", "felix.fileinstall.filename", "configuration.cleaner.ignore"}

func (e *engineFiles) unknownKey(key string, o settings.Origin) {
	if slices.Contains(frameworkKeys, key) || strings.HasPrefix(key, ":org.apache") {
		return
	}
	names := make([]string, len(osgiKeys))
	for i, k := range osgiKeys {
		names[i] = k.name
	}
	msg := "has a key that the verifier does not know"
	cure, near := suggest.Nearest(key, names)
	if near { // what is far from all may be a secret that stands in the wrong file
		msg += ": " + key
	}
	e.warn(o, "", msg, cure)
}

// override puts properties configuration.override.PID_key over the configurations of that PID, from
// 7.2 on; one for which there is no file is a configuration of its own.
func (e *engineFiles) override(all []verifier) []verifier {
	var names []string
	for name := range e.found {
		if strings.HasPrefix(name, overridePrefix) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		p := e.found[name]
		pid, key, _ := strings.Cut(strings.TrimPrefix(name, overridePrefix), "_")
		pid, instance := splitPID(pid + ".x")
		if !e.isVerifier(p.origin, pid) {
			continue
		}
		if !e.reads73() && e.line != "7.2" {
			e.warn(p.origin, "", "overrides a configuration, which Liferay reads from 7.2 on, and engine.line is "+e.line+": it has no effect", "write it into the configuration's file")
			continue
		}
		texts, ok, wrong := format.ReadValue(format.Trim(e.text(p)))
		if !ok || wrong != "" {
			e.warn(p.origin, "", "has a value that Liferay does not read: the key is not overridden", `write "value", or B"true"`)
			continue
		}
		i := slices.IndexFunc(all, func(v verifier) bool { return v.pid == pid && v.name == instance })
		if i < 0 {
			i, all = len(all), append(all, verifier{settings.NewLayer(), p.origin, pid, instance})
		}
		e.set(all[i], format.Value{Key: key, Texts: texts}, p.origin)
	}
	return all
}

// isVerifier reports whether a PID is that of the tunnel's verifier, and warns of one that was meant to be or
// that another line has.
func (e *engineFiles) isVerifier(o settings.Origin, pid string) bool {
	small := strings.ToLower(pid)
	switch {
	case !strings.HasSuffix(pid, verifierSuffix) && strings.HasSuffix(small, strings.ToLower(verifierSuffix)) && o.Source == origin.VendorEnv:
		e.warn(o, "", "is not how Liferay spells "+verifierSuffix+": the name of a variable is read in small letters, so it has no effect",
			"write its capitals as "+strings.TrimPrefix(encodeLiferayName(verifierSuffix), liferayPrefix))
	case !strings.HasSuffix(pid, verifierSuffix) && (strings.Contains(small, "tunnelauthverifier") || strings.Contains(small, ".verifier.internal.tunnel")):
		e.warn(o, "", "overrides a configuration that is not the tunnel verifier's: "+pid+" is another's", "did you mean "+e.rightPID()+"?")
	case !strings.HasSuffix(pid, verifierSuffix):
	case (pid == verifierPID) != e.reads73() || pid != verifierPID && pid != verifierOldPID && pid != verifierOlderPID:
		e.warn(o, "", "overrides a configuration that is named otherwise in this line: Liferay takes it for another's", "name it "+e.rightPID())
		return true
	default:
		return true
	}
	return false
}

// rightPID is the name that the line has for the verifier's configuration.
func (e *engineFiles) rightPID() string {
	if e.reads73() {
		return verifierPID
	}
	return verifierOlderPID
}

// text returns what the portal makes of a property as one text.
func (e *engineFiles) text(p engineProperty) string {
	if len(p.texts) > 1 {
		return format.Merge(p.texts, e.line == "6.2")
	}
	return e.resolver(e.merged).Expand(p.texts[0].Text).Text
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
		if g, found := joined(enabled, k); found {
			y.Set(k.path, g)
		}
	}
}

// joined returns what the configurations say of a key together.
func joined(enabled []verifier, k engineKey) (settings.Given, bool) {
	var g settings.Given
	for _, v := range enabled {
		more, found := v.Get(k.path)
		if !found && k.path == verifierHosts {
			return g, false // everybody
		}
		if !found && k.path == "engine.liferay.urls_includes" {
			more = settings.Given{Items: []settings.Item{{Text: TunnelPath, Origin: v.file}}, Origin: v.file}
		}
		if g.Items = append(g.Items, more.Items...); len(more.Items) > 0 {
			g.Origin = more.Origin
		}
	}
	if len(g.Items) == 0 {
		return g, false
	}
	if k.path == "engine.liferay.service_access_policy" || k.path == "engine.liferay.enabled" {
		g.Items = g.Items[len(g.Items)-1:]
	}
	return g, true
}
