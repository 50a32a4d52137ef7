package conf

import "path/filepath"

var fileRules = []rule{
	{"writable", true, "may be changed by every user of this machine: %s", "chmod o-w it", writable},
}

// place is a file or folder that only the gateway's operators may change, and the setting that names
// it.
type place struct{ path, name string }

// writable finds files that everybody may change, or put others in the place of.
func writable(l *loader, c *Config) []finding {
	places := []place{{"data", string(c.Data)}, {"tls.certificate", string(c.TLS.Certificate)}, {"tls.key", string(c.TLS.Key)},
		{"cluster.key_file", string(c.Cluster.KeyFile)}, {"audit.key_file", string(c.Audit.KeyFile)},
		{"engine.upstream.ca", string(c.Engine.Upstream.CA)}}
	if l.File() != "" {
		places = append(places, place{"", l.File()})
	}
	l.eachKey(func(path string, k *Key) {
		if !l.shared(path) {
			places = append(places, place{join(path, "file"), string(k.File)})
		}
	})
	for i, p := range c.Engine.Liferay.PortalExt {
		places = append(places, place{entry("engine.liferay.portal_ext", i), string(p)})
	}
	for i, p := range c.Engine.Liferay.OSGi {
		places = append(places, place{entry("engine.liferay.osgi", i), string(p)})
	}
	var all []finding
	seen := map[string]bool{"": true}
	for _, p := range places {
		for _, name := range []string{p.name, filepath.Dir(p.name)} {
			if p.name == "" || seen[name] {
				continue
			}
			seen[name] = true
			if l.WorldWritable(name) {
				all = append(all, finding{p.path, name})
			}
		}
	}
	return all
}
