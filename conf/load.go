package conf

import (
	"io/fs"
	"os"
	"slices"
)

// Options says where Load finds what the operator wrote.
type Options struct {
	File  string            // the YAML file; empty for none
	Env   []string          // NAME=value, as os.Environ gives them
	Flags map[string]string // dotted path → value; commas between the entries of a list
	// ReadFile reads the YAML file and every file it names; nil means os.ReadFile.
	ReadFile func(string) ([]byte, error)
	// Stat tells who may read a file; nil means os.Stat, or no check if ReadFile is set.
	Stat func(string) (fs.FileInfo, error)
}

// Load reads everything and returns the Config with all problems at once, sorted by file and line.
// The Config is nil if the file could not be read or is not YAML; it must not be used while
// Fatal(problems).
func Load(o Options) (*Config, []Problem) {
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
		if o.Stat == nil {
			o.Stat = os.Stat
		}
	}
	l := &loader{opts: o, config: &Config{}}
	if o.File != "" {
		l.config.top = Origin{Source: File, Name: o.File, Line: 1}
	}
	file, ok := l.fromFile()
	if !ok {
		return nil, l.problems
	}
	l.layers = []layer{file, l.fromEnv(o.Env), l.fromFlags(o.Flags)}
	l.layers = slices.Insert(l.layers, 0, l.fromLiferay(o.Env))
	l.decode()
	l.readSecrets()
	l.shareSecret()
	l.check()
	Sort(l.problems)
	return l.config, l.problems
}

// fromFile reads the YAML file.
func (l *loader) fromFile() (layer, bool) {
	d := document{layer: newLayer(), file: l.opts.File, report: l.report}
	if l.opts.File == "" {
		return d.layer, true
	}
	text, err := l.read(l.opts.File)
	if err != nil {
		l.unreadable(Origin{Source: File, Name: l.opts.File}, "", l.opts.File, err)
		return d.layer, false
	}
	return d.layer, d.read(text)
}

// shareSecret gives the upstream the secret of the peers where it has none of its own and they all
// have the same.
func (l *loader) shareSecret() {
	up, peers := &l.config.Engine.Upstream.Secret, l.config.Peers
	if up.Value.IsSet() || l.rank("engine.upstream.secret.file") >= 0 {
		return
	}
	for _, part := range []string{"hex", "algorithm"} {
		if path := join("engine.upstream.secret", part); l.rank(path) > 0 {
			l.report(l.config.Problem(path, "stands without a value or file", "write the engine's secret beside it, or drop the section"))
			return
		}
	}
	first := slices.IndexFunc(peers, func(p Peer) bool { return p.Secret.Value.IsSet() })
	if first < 0 {
		return // which is reported for each peer
	}
	for _, p := range peers {
		if p.Secret.Value.IsSet() && !p.Secret.same(peers[first].Secret.Key) {
			l.report(l.config.Problem("engine.upstream.secret", "is not given, and the peers have different secrets",
				"write the live engine's own secret there"))
			return
		}
	}
	*up = peers[first].Secret.Key
	for _, part := range []string{"value", "file", "algorithm", "hex"} {
		l.config.origins[join("engine.upstream.secret", part)] = l.config.origins[join(join(entry("peers", first), "secret"), part)]
	}
}

// same tells whether two keys make the same tokens.
func (k Key) same(o Key) bool {
	return k.Value.Equal(o.Value) && k.Algorithm == o.Algorithm && k.Hex == o.Hex
}
