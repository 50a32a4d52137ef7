package conf

import (
	"bytes"
	"github.com/stagelock/stagelock/conf/address"

	"crypto/tls"
	"net/netip"
	"strconv"
	"strings"
)

var frontRules = []rule{
	{"listen-empty", false, "is empty: nobody could connect", "name at least one address, such as 0.0.0.0:8443",
		func(_ *loader, c *Config) []finding { return when(len(c.Listen) == 0, "listen") }},
	{"listen-twice", false, "is the same as %s", "drop one of the two",
		func(_ *loader, c *Config) []finding {
			// Port 0 takes a free one each time; what was no address has it too.
			return repeated(c.Listen, "listen", func(a netip.AddrPort) bool { return a.Port() != 0 })
		}},
	{"data-empty", false, "is empty", "name a folder for the store",
		func(_ *loader, c *Config) []finding { return when(c.Data == "", "data") }},
	{"names-empty", false, "is empty: no Host would be accepted", "list the names under which publishers know the gateway",
		func(_ *loader, c *Config) []finding { return when(len(c.Names) == 0, "names") }},
	{"names-spelling", false, "is not a host or host:port: %s", "write it as it stands in a Host header, such as live.example.com or live.example.com:8443",
		func(_ *loader, c *Config) []finding { return each(c.Names, "names", address.BadHost) }},
	{"names-twice", true, "is the same as %s", "drop one of the two",
		func(_ *loader, c *Config) []finding {
			return repeated(c.Names, "names", func(string) bool { return true })
		}},
	{"context-no-slash", false, "does not begin with a slash", "write /%s",
		func(_ *loader, c *Config) []finding {
			return contexts(c, func(p string) (string, bool) { return strings.Trim(p, "/"), p[0] != '/' })
		}},
	{"context-slash", false, "ends with a slash", "write %s",
		func(_ *loader, c *Config) []finding {
			return contexts(c, func(p string) (string, bool) {
				rest := strings.Trim(p, "/")
				if rest == "" {
					return `"" for no context`, strings.HasSuffix(p, "/")
				}
				return "/" + rest, strings.HasSuffix(p, "/")
			})
		}},
	{"context-spelling", false, "is not a path that every server reads alike", "use letters, digits and -._~ between single slashes, and no segment . or ..",
		func(_ *loader, c *Config) []finding {
			return contexts(c, func(p string) (string, bool) { return "", !address.PlainPath(strings.Trim(p, "/")) })
		}},
	{"hosts-empty", false, "is empty: nobody may connect", "list the addresses of the publishers, such as 10.1.2.3 or 10.1.2.0/24",
		func(_ *loader, c *Config) []finding { return when(len(c.Hosts.Allow) == 0, "hosts.allow") }},
	{"connections", true, "is more than quota.connections", "one address could take every connection: lower it",
		func(_ *loader, c *Config) []finding {
			return when(c.Quota.ConnectionsPerAddress > c.Quota.Connections, "quota.connections_per_address")
		}},
	{"memory", false, "has no room for one call of limits.envelope and its answer of limits.reply", "write %s or more, or lower these",
		func(_ *loader, c *Config) []finding {
			least := 8 * max(c.Limits.Envelope, c.Limits.Reply)
			if c.Quota.Memory >= least {
				return nil
			}
			return []finding{{"quota.memory", strconv.FormatInt(int64(least)>>20+1, 10) + "MiB"}}
		}},
}

var tlsRules = []rule{
	{"tls-missing", false, "is not given, and tls.source is files", "name the PEM file, or write source: local",
		func(_ *loader, c *Config) []finding {
			files := c.TLS.Source == "files"
			return append(when(files && c.TLS.Certificate == "", "tls.certificate"), when(files && c.TLS.Key == "", "tls.key")...)
		}},
	{"tls-unused", true, "is not used: tls.source is %s", "write source: files, or drop the line",
		func(_ *loader, c *Config) []finding {
			var all []finding
			if c.TLS.Source != "files" {
				all = append(when(c.TLS.Certificate != "", "tls.certificate"), when(c.TLS.Key != "", "tls.key")...)
			}
			for i := range all {
				all[i].detail = c.TLS.Source
			}
			return all
		}},
	{"tls-pair", false, "%s", "name a certificate with its chain and the key that belongs to it, both PEM", tlsPair},
	{"tls-key-exposed", false, "may be read by every user of this machine", "chmod 600 the file",
		func(l *loader, c *Config) []finding {
			return when(c.TLS.Source == "files" && c.TLS.Key != "" && l.WorldReadable(string(c.TLS.Key)), "tls.key")
		}},
	{"acme-root", false, "%s", "name the PEM file of the authority's root",
		func(l *loader, c *Config) []finding {
			if c.TLS.Source != "acme" || c.TLS.ACME.CARoot == "" {
				return nil
			}
			if _, err := l.ReadFile(string(c.TLS.ACME.CARoot)); err != nil {
				return []finding{{"tls.acme.ca_root", "cannot be read: " + err.Error()}}
			}
			return nil
		}},
	{"acme-directory", false, "is not https", "an authority is only spoken to over https",
		func(_ *loader, c *Config) []finding {
			d := c.TLS.ACME.Directory
			return when(c.TLS.Source == "acme" && d != nil && d.Scheme != "https", "tls.acme.directory")
		}},
	{"acme-address", false, "is an address, for which no ACME authority gives a certificate by name", "name a host, or write source: files",
		func(_ *loader, c *Config) []finding {
			return each(c.Names, "names", func(name string) (string, bool) {
				host, _ := address.SplitHost(name)
				_, err := netip.ParseAddr(host)
				return "", c.TLS.Source == "acme" && err == nil
			})
		}},
	{"tls-old-java", true, "is 1.3, which the Java of a 6.2 publisher does not speak", "write min_version: \"1.2\"",
		func(_ *loader, c *Config) []finding {
			return when(c.TLS.MinVersion == "1.3" && c.Engine.Line == "6.2", "tls.min_version")
		}},
}

// tlsPair reads certificate and key and tells what keeps them from being used.
func tlsPair(l *loader, c *Config) []finding {
	if c.TLS.Source != "files" || c.TLS.Certificate == "" || c.TLS.Key == "" {
		return nil
	}
	var all []finding
	read := func(path string, name Path) []byte {
		data, err := l.ReadFile(string(name))
		if err != nil {
			all = append(all, finding{path, "cannot be read: " + err.Error()})
		}
		return data
	}
	certificate, key := read("tls.certificate", c.TLS.Certificate), read("tls.key", c.TLS.Key)
	if all != nil {
		return all
	}
	pem := []byte("-----BEGIN ")
	_, err := tls.X509KeyPair(certificate, key)
	switch {
	case err == nil:
	case !bytes.Contains(certificate, pem):
		all = append(all, finding{"tls.certificate", "is not PEM: convert it with openssl x509 -inform der, or openssl pkcs12 -nodes"})
	case bytes.Contains(key, []byte("ENCRYPTED")):
		all = append(all, finding{"tls.key", "is encrypted with a password, which nobody can type at a start: write it without one, openssl pkey -in KEY -out NEW"})
	default:
		all = append(all, finding{"tls.certificate", "does not make a pair with tls.key: " + strings.TrimPrefix(err.Error(), "tls: ")})
	}
	return all
}

// contexts applies bad to the path contexts that are not empty.
func contexts(c *Config, bad func(string) (string, bool)) []finding {
	var all []finding
	for _, p := range []struct{ path, value string }{
		{"engine.path_context", c.Engine.PathContext}, {"engine.upstream.path_context", c.Engine.Upstream.PathContext},
	} {
		if p.value == "" {
			continue
		}
		if detail, broken := bad(p.value); broken {
			all = append(all, finding{p.path, detail})
		}
	}
	return all
}
