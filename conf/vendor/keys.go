package vendor

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/conf/format"
	"github.com/stagelock/stagelock/conf/settings"
	"github.com/stagelock/stagelock/conf/settings/suggest"
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
	only string // the one line that reads it; empty for all
}

// Keys that are spoken of elsewhere.
const (
	sharedSecret   = "tunneling.servlet.shared.secret" // its value must not get into a text
	filterKey      = "tunnel.servlet.hosts.allowed"
	verifierKey62  = "auth.verifier.TunnelingServletAuthVerifier.hosts.allowed"
	bufferKey      = "staging.remote.transfer.buffer.size"
	overridePrefix = "configuration.override."
)

// portalKeys are the properties of Liferay that are read. This table, osgiKeys and the rules in
// doc.go are all there is to know about the merge.
var portalKeys = []engineKey{
	{sharedSecret, "engine.upstream.secret.value", single, ""},
	{"tunneling.servlet.shared.secret.hex", "engine.upstream.secret.hex", javaBool, ""},
	{"tunneling.servlet.encryption.algorithm", "engine.upstream.secret.algorithm", single, ""},
	{filterKey, filterHosts, settings.Commas, ""},
	{"tunnel.servlet.https.required", "engine.liferay.https_required", javaBool, ""},
	{bufferKey, "engine.liferay.buffer_size", single, ""},
	{verifierKey62, verifierHosts, settings.Commas, "6.2"},
	{"auth.verifier.TunnelingServletAuthVerifier.urls.includes", "engine.liferay.urls_includes", settings.Commas, "6.2"},
	{"auth.verifier.TunnelingServletAuthVerifier.urls.excludes", "engine.liferay.urls_excludes", settings.Commas, "6.2"},
}

// otherKeys are those of the same groups that are no settings here.
var otherKeys = []string{"tunneling.servlet.timeout", "tunnel.servlet.hide.exception.data"}

// deadPrefix begins the keys of a verifier that no line reads from properties.
const deadPrefix = "auth.verifier.TunnelAuthVerifier."

func single(s string) []string { return []string{s} }

// True reads a boolean as Liferay does: what is not one of these words is false.
func True(s string) bool {
	return slices.Contains([]string{"true", "t", "y", "on", "1"}, strings.ToLower(format.Trim(s)))
}

func javaBool(s string) []string { return []string{strconv.FormatBool(True(s))} }

// isFalse reports whether somebody who wrote s meant false.
func isFalse(s string) bool {
	return slices.Contains([]string{"", "false", "f", "no", "n", "off", "0"}, strings.ToLower(format.Trim(s)))
}

func (k engineKey) isBool() bool {
	return k.path == "engine.upstream.secret.hex" || k.path == "engine.liferay.https_required"
}

func isPortalKey(name string) bool {
	return slices.ContainsFunc(portalKeys, func(k engineKey) bool { return k.name == name })
}

// isWanted reports whether a key is looked for.
func (e *engineFiles) isWanted(name string) bool {
	return isPortalKey(name) || slices.Contains(e.others, name)
}

// group begins the names of the properties that are read here and of hardly any others.
var group = regexp.MustCompile(`^(tunn?el|staging\.remote\.)`)

// misspelt returns the key that name was probably meant to be, and reports whether name is a key of
// this group at all that Liferay does not know.
func misspelt(name string) (meant string, wrong bool) {
	if strings.HasPrefix(name, "\ufeff") || isPortalKey(name) || slices.Contains(otherKeys, name) {
		return "", false
	}
	small := strings.ToLower(name)
	ours := group.MatchString(small)
	limit := 4
	if ours && !strings.HasPrefix(small, sharedSecret) { // what follows may be the secret
		limit = 9
	}
	best, least := "", limit
	for _, k := range portalKeys {
		if diff := len(name) - len(k.name); diff >= limit || -diff >= limit {
			continue
		}
		d := suggest.Distance(small, strings.ToLower(k.name))
		if squash(name) == squash(k.name) {
			d = 0
		}
		if d < least {
			best, least = k.name, d
		}
	}
	return best, best != "" || ours
}

// squash drops what a name written by hand most often gets wrong.
func squash(name string) string {
	return strings.NewReplacer(".", "", "_", "", "-", "").Replace(strings.ToLower(name))
}
