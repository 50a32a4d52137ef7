package conf

import (
	"slices"

	"github.com/stagelock/stagelock/conf/settings"
	"github.com/stagelock/stagelock/conf/vendor"
)

// schema is the tree of all settings, read from the tags of Config.
var schema = settings.SchemaOf[Config]("STAGELOCK_")

// Options says where Load finds what the operator wrote.
type Options = settings.Sources

// loader makes a Config of what was read.
type loader struct {
	*settings.Loader
	config *Config
}

// Load reads everything and returns the Config with all problems at once, sorted by file and line.
// The Config is nil if the file could not be read or is not YAML; it must not be used while
// Fatal(problems).
func Load(o Options) (*Config, []Problem) {
	read, ok := schema.Read(o)
	if !ok {
		return nil, read.Problems()
	}
	l := &loader{read, &Config{}}
	read.Rewrite("engine.line", vendor.Line)
	liferay := vendor.Read(read, o.Env)
	l.spreadSecret(liferay)
	l.Below(liferay)
	l.config.origins = l.Decode(l.config)
	l.readSecrets()
	l.readAuthorities()
	l.shareSecret()
	l.check()
	return l.config, l.Problems()
}

// Line returns the version line of a product's name or number, such as 2024.Q4; the name itself where none is known.
func Line(name string) string { return vendor.Line(name) }

// vendorLayer is the rank of what Liferay's files say, below all others.
const vendorLayer = 0

// upstreamSecret is the section of the engine's own secret.
const upstreamSecret = "engine.upstream.secret"

// spreadSecret gives Liferay's secret to every peer that has none of its own. The parts of a secret
// stay together: whoever names a value or a file takes neither hex nor algorithm from Liferay.
func (l *loader) spreadSecret(y settings.Layer) {
	own := func(path string) bool { return l.Rank(join(path, "value")) >= 0 || l.Rank(join(path, "file")) >= 0 }
	parts := []string{"value", "hex", "algorithm"}
	for i := range l.Indexes("peers") {
		path := join(entry("peers", i), "secret")
		if own(path) {
			continue
		}
		for _, part := range parts {
			if g, found := y.Get(join(upstreamSecret, part)); found {
				y.Set(join(path, part), g)
			}
		}
	}
	if own(upstreamSecret) {
		for _, part := range parts {
			y.Delete(join(upstreamSecret, part))
		}
	}
}

// shareSecret gives the upstream the secret of the peers where it has none of its own and they all
// have the same.
func (l *loader) shareSecret() {
	if l.config.Kenticos() {
		return
	}
	up, peers := &l.config.Engine.Upstream.Secret, l.config.Peers
	if up.Value.IsSet() || l.Rank("engine.upstream.secret.file") >= 0 {
		return
	}
	for _, part := range []string{"hex", "algorithm"} {
		if path := join(upstreamSecret, part); l.Rank(path) > 0 {
			l.Report(l.config.Problem(path, "stands without a value or file", "write the engine's secret beside it, or drop the section"))
			return
		}
	}
	first := slices.IndexFunc(peers, func(p Peer) bool { return p.Secret.Value.IsSet() })
	if first < 0 {
		return // which is reported for each peer
	}
	for _, p := range peers {
		if p.Secret.Value.IsSet() && !p.Secret.Same(peers[first].Secret.Key) {
			l.Report(l.config.Problem(upstreamSecret, "is not given, and the peers have different secrets",
				"write the live engine's own secret there"))
			return
		}
	}
	*up = peers[first].Secret.Key
	for _, part := range []string{"value", "file", "algorithm", "hex"} {
		l.config.origins.Set(join(upstreamSecret, part), l.config.Origin(join(join(entry("peers", first), "secret"), part)))
	}
}
