package conf

import (
	"github.com/stagelock/stagelock/conf/address"

	"net/netip"
	"path/filepath"
	"slices"
)

// socketName is how long the path of a Unix socket may be on every system; some of it is needed while
// it is made.
const socketName = 103 - len("/.s0123456789/s")

// adminRules look at who could reach the admin listener.
var adminRules = []rule{
	{"admin-open", false, "can be reached from other machines, and admin.allow is empty: nobody could ask",
		"list who may, such as the address of Prometheus, or write 127.0.0.1 in place of that address",
		func(_ *loader, c *Config) []finding {
			return each(c.Admin.Listen, "admin.listen", func(e Endpoint) (string, bool) {
				return "", (e.Socket != "" || e.Addr.IsValid()) && !e.Loopback() && len(c.Admin.Allow) == 0
			})
		}},
	{"admin-twice", false, "is the same as %s", "drop one of the two",
		func(_ *loader, c *Config) []finding {
			return repeated(c.Admin.Listen, "admin.listen", func(e Endpoint) bool { return e.Addr.Port() != 0 || e.Socket != "" })
		}},
	{"admin-public", false, "is where publishers connect", "give the admin listener a port of its own",
		func(_ *loader, c *Config) []finding {
			return each(c.Admin.Listen, "admin.listen", func(e Endpoint) (string, bool) {
				return "", e.Addr.Port() != 0 && slices.ContainsFunc(c.Listen, func(l netip.AddrPort) bool { return meet(l, e.Addr) })
			})
		}},
	{"admin-allow", true, "does nothing: admin.listen has loopback addresses and sockets only", "drop it, or add an address that others reach to admin.listen",
		func(_ *loader, c *Config) []finding {
			return when(len(c.Admin.Allow) > 0 && !slices.ContainsFunc(c.Admin.Listen, func(e Endpoint) bool { return !e.Loopback() }), "admin.allow")
		}},
	{"admin-long", true, "lies in a folder with a path that is too long for a Unix socket: stagelock status and reload will not work",
		"write unix: and a shorter path, such as unix:/run/stagelock/admin.sock",
		func(_ *loader, c *Config) []finding {
			return each(c.Admin.Listen, "admin.listen", func(e Endpoint) (string, bool) {
				return "", e.Socket != "" && len(filepath.Dir(c.SocketFile(e))) > socketName
			})
		}},
	{"admin-group", true, "does nothing: admin.listen names no socket", "drop it, or add unix:admin.sock to admin.listen",
		func(_ *loader, c *Config) []finding {
			return when(c.Admin.Group != "" && !slices.ContainsFunc(c.Admin.Listen, func(e Endpoint) bool { return e.Socket != "" }), "admin.group")
		}},
	{"admin-names", false, "is not a host: %s", "write it as it stands in a Host header, such as gate-a.example.com",
		func(_ *loader, c *Config) []finding { return each(c.Admin.Names, "admin.names", address.BadHost) }},
}

// SocketFile returns where the socket of e lies.
func (c *Config) SocketFile(e Endpoint) string {
	if filepath.IsAbs(e.Socket) {
		return e.Socket
	}
	return filepath.Join(string(c.Data), e.Socket)
}

// meet reports whether two listeners could not both be bound.
func meet(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && (a.Addr() == b.Addr() || a.Addr().IsUnspecified() || b.Addr().IsUnspecified())
}

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
