package conf

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/stagelock/stagelock/conf/kentico"
	"github.com/stagelock/stagelock/conf/section"
	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// readSecrets fills in the secrets that stand in files. Of value and file, the one with the higher
// precedence counts.
func (l *loader) readSecrets() {
	l.readPostgresURL()
	l.readClusterKey()
	l.eachKey(func(path string, k *Key) { l.fillIn(path, &k.Value, &k.File) })
	l.config.Kentico.EachPassword("kentico", func(path string, p *kentico.Password) { l.fillIn(path, &p.Value, &p.File) })
}

// fillIn reads a secret from its file, unless a value counts more.
func (l *loader) fillIn(path string, secret *Secret, name *Path) {
	value, file := l.Rank(join(path, "value")), l.Rank(join(path, "file"))
	if file < 0 || value > file {
		*name = ""
	}
	if *name == "" {
		return
	}
	if value == file && secret.IsSet() {
		l.Report(l.config.Problem(join(path, "file"), "stands beside a value", "keep one of the two"))
		return
	}
	*secret = l.readSecret(join(path, "file"), string(*name))
	l.config.origins.Set(join(path, "value"), Origin{Source: origin.File, Name: string(*name), Line: 1})
}

// readPostgresURL fills in the database's URL if it stands in a file.
func (l *loader) readPostgresURL() {
	const value, file = "cluster.postgres.url.value", "cluster.postgres.url.file"
	u := &l.config.Cluster.Postgres.URL
	switch {
	case u.File == "" || l.Rank(value) > l.Rank(file):
		u.File = ""
	case l.Rank(value) == l.Rank(file) && u.Value.IsSet():
		l.Report(l.config.Problem(file, "stands beside a value", "keep one of the two"))
	case strings.Contains(string(u.File), ":/"): // of the URL, whose slashes a path does not keep
		l.Report(l.config.Problem(file, "is a URL and not the name of a file", "write the URL into a file that only the gateway's user can read, and name that"))
		u.File = ""
	default:
		u.Value = l.readSecret(file, string(u.File))
		l.config.origins.Set(value, Origin{Source: origin.File, Name: string(u.File), Line: 1})
	}
}

// clusterKeySize is the length of a key that gateways share. They have two while one takes the place of the
// other.
const clusterKeySize, maxClusterKeys = 32, 2

// readClusterKey reads the key that gateways share.
func (l *loader) readClusterKey() {
	const path = "cluster.key_file"
	name := string(l.config.Cluster.KeyFile)
	if name == "" {
		return
	}
	s := l.readSecret(path, name)
	if !s.IsSet() {
		return
	}
	var keys [][]byte
	for _, line := range strings.Fields(s.Reveal()) {
		key, err := hex.DecodeString(line)
		if err != nil || len(key) != clusterKeySize {
			l.Report(l.config.Problem(path, "does not hold 64 hexadecimal digits",
				"make one with stagelock cluster key --out FILE, and copy it to every gateway"))
			return
		}
		keys = append(keys, key)
	}
	if len(keys) > maxClusterKeys {
		l.Report(l.config.Problem(path, fmt.Sprintf("holds %d keys", len(keys)),
			"keep the one that seals, first, and the one before or behind it"))
		return
	}
	l.config.clusterKeys = keys
}

// readSecret reads one secret and checks what a file can get wrong.
func (l *loader) readSecret(path, name string) Secret {
	data, err := l.ReadFile(name)
	if err != nil {
		l.Unreadable(l.config.Origin(path), path, name, err)
		return Secret{}
	}
	if l.WorldReadable(name) {
		l.Report(l.config.Problem(path, "may be read by every user of this machine", "chmod 600 "+name))
	}
	s := scalar.NewSecret(strings.TrimRight(string(data), "\r\n"))
	if !s.IsSet() {
		l.Report(l.config.Problem(path, "is empty", "write the secret into "+name))
	}
	return s
}

// eachKey calls f for every key of the Config and its path.
func (l *loader) eachKey(f func(path string, k *Key)) {
	f("engine.upstream.secret", &l.config.Engine.Upstream.Secret)
	for i := range l.config.Peers {
		s := &l.config.Peers[i].Secret
		path := join(entry("peers", i), "secret")
		f(path, &s.Key)
		f(join(path, "previous"), &s.Previous)
	}
}

// readAuthorities reads whom to trust for the engine's certificate; badAuthorities tells what is wrong
// with it.
func (l *loader) readAuthorities() {
	u := &l.config.Engine.Upstream
	if u.CA != "" {
		text, _ := l.ReadFile(string(u.CA))
		u.Trust(text)
	}
	l.config.Kentico.EachTarget("kentico", func(_ string, t *kentico.Target) {
		if t.CA != "" {
			pem, _ := l.ReadFile(string(t.CA)) // checkKentico tells
			t.Trust(pem)
		}
	})
}

// badAuthorities tells what keeps the file of the engine's authority from being used.
func badAuthorities(l *loader, c *Config) []finding {
	u := &c.Engine.Upstream
	if u.CA == "" {
		return nil
	}
	if _, err := l.ReadFile(string(u.CA)); err != nil {
		return []finding{{"engine.upstream.ca", "cannot be read: " + err.Error()}}
	}
	if len(u.Authorities()) == 0 {
		return []finding{{"engine.upstream.ca", "holds no certificate"}}
	}
	return nil
}

// Certificates returns those that a PEM file holds.
func Certificates(text []byte) []*x509.Certificate { return section.Certificates(text) }

// Roots returns whom to trust beside the system's authorities: nil if the PEM file holds none.
func Roots(text []byte) *x509.CertPool { return section.Roots(text) }
