package conf

import (
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/kentico"
	"github.com/stagelock/stagelock/conf/settings/origin"
)

// finding is one place that breaks a rule.
type finding struct {
	path   string
	detail string // put in for %s in message and cure
}

// rule is one check of the whole Config. What policy decides about addresses and keys is checked
// there.
type rule struct {
	name    string
	warning bool
	msg     string
	cure    string
	find    func(l *loader, c *Config) []finding
}

// rules are all checks, in the order of the settings.
var rules = slices.Concat(frontRules, clusterRules, tlsRules, peerRules, secretRules, upstreamRules, liferayRules, fileRules, adminRules, syncRules)

// kenticoRules are those that count where the engine is a Kentico: it has no peers, secrets and files of
// Liferay's.
var kenticoRules = slices.DeleteFunc(
	slices.Concat(frontRules, clusterRules, tlsRules, upstreamRules, adminRules, syncRules, forwardRules),
	func(r rule) bool { return r.name == "browser-absent" })

// Kenticos reports whether the engine is a Kentico.
func (c *Config) Kenticos() bool { return c.Engine.Profile == "kentico" }

// checkKentico holds what only a Kentico needs.
func (l *loader) checkKentico() {
	for _, f := range kentico.Check(&l.config.Kentico, "kentico", l.config.Engine.PathContext) {
		p := l.config.Problem(f.Path, f.Msg, f.Cure)
		p.Warning = f.Warning
		l.Report(p)
	}
	l.config.Kentico.EachTarget("kentico", func(path string, t *kentico.Target) {
		if t.CA != "" && len(Certificates(t.Authorities())) == 0 {
			l.Report(l.config.Problem(path+".ca", "cannot be read, or holds no certificate",
				"name the PEM file of the authority that issued the target's certificate"))
		}
	})
	if len(l.config.Peers) > 0 {
		l.Report(l.config.Warn("peers", "are Liferay's, and engine.profile is kentico: nobody looks at them", "describe the other servers in kentico.peers"))
	}
}

// check holds the Config against all rules.
func (l *loader) check() {
	all := rules
	if l.config.Kenticos() {
		all = kenticoRules
		l.checkKentico()
	}
	for _, r := range all {
		for _, f := range r.find(l, l.config) {
			p := l.config.Problem(f.path, fill(r.msg, f.detail), fill(r.cure, f.detail))
			p.Warning = r.warning
			l.Report(p)
		}
	}
}

func fill(text, detail string) string { return strings.ReplaceAll(text, "%s", detail) }

// when returns one finding at path if it holds.
func when(broken bool, path string) []finding {
	if broken {
		return []finding{{path: path}}
	}
	return nil
}

// each returns a finding for every entry of a list that is broken, with what bad says about it.
func each[T any](list []T, path string, bad func(T) (detail string, broken bool)) []finding {
	var all []finding
	for i, v := range list {
		if detail, broken := bad(v); broken {
			all = append(all, finding{entry(path, i), detail})
		}
	}
	return all
}

// repeated returns a finding for every entry that counts and equals an earlier one.
func repeated[T comparable](list []T, path string, counts func(T) bool) []finding {
	seen := map[T]int{}
	var all []finding
	for i, v := range list {
		first, twice := seen[v]
		switch {
		case !counts(v):
		case twice:
			all = append(all, finding{entry(path, i), entry(path, first)})
		default:
			seen[v] = i
		}
	}
	return all
}

// eachPeer returns the findings below every peer's path.
func eachPeer(c *Config, find func(p *Peer, path string) []finding) []finding {
	var all []finding
	for i := range c.Peers {
		all = append(all, find(&c.Peers[i], entry("peers", i))...)
	}
	return all
}

// written reports whether somebody wrote the value at path.
func (c *Config) written(path string) bool { return c.Origin(path).Source != origin.Default }

func join(path, name string) string { return origin.Join(path, name) }

func entry(path string, i int) string { return origin.Entry(path, i) }
