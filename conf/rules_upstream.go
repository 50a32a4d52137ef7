package conf

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/address"
	"github.com/stagelock/stagelock/conf/settings/origin"
	"github.com/stagelock/stagelock/conf/vendor"
)

var upstreamRules = []rule{
	{"nodes-empty", false, "is empty: there is nothing to forward to", "name the engine's base URL, such as http://127.0.0.1:8080",
		func(_ *loader, c *Config) []finding {
			return when(len(c.Engine.Upstream.Nodes) == 0, "engine.upstream.nodes")
		}},
	{"node-url", false, "has more than scheme, host and port", "keep those; a path goes to engine.upstream.path_context",
		func(_ *loader, c *Config) []finding {
			return nodes(c, func(u *url.URL) bool {
				return strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != ""
			})
		}},
	{"node-twice", false, "is the same as an earlier node", "drop one of the two",
		func(_ *loader, c *Config) []finding {
			seen := map[string]bool{}
			return nodes(c, func(u *url.URL) bool {
				twice := seen[address.NodeAddress(u)]
				seen[address.NodeAddress(u)] = true
				return twice
			})
		}},
	{"node-loop", false, "is the gateway itself", "name the engine's address, or let the gateway listen elsewhere",
		func(_ *loader, c *Config) []finding { return nodes(c, c.loops) }},
	{"node-plain", true, "is reached over the network without TLS: tokens and content can be read on the way",
		"use https, or a network that only the gateway and the engine share",
		func(_ *loader, c *Config) []finding {
			return nodes(c, func(u *url.URL) bool { return u.Scheme == "http" && !address.Loopback(u.Hostname()) })
		}},
	{"node-https", false, "is http, and Liferay requires https: it would answer with a redirect, which a publisher takes for success",
		"write https, or set tunnel.servlet.https.required=false and keep the engine's port away from others",
		func(_ *loader, c *Config) []finding {
			return nodes(c, func(u *url.URL) bool { return c.Engine.Liferay.HTTPSRequired && u.Scheme == "http" })
		}},
	{"upstream-ca", false, "%s", "name the PEM file of the authority that issued the engine's certificate; it begins with -----BEGIN CERTIFICATE-----", badAuthorities},
	{"upstream-ca-unused", true, "is not used: no node is https", "write https in engine.upstream.nodes, or drop the line",
		func(_ *loader, c *Config) []finding {
			return append(when(c.Engine.Upstream.CA != "" && !c.secureNodes(), "engine.upstream.ca"),
				when(c.Engine.Upstream.ServerName != "" && !c.secureNodes(), "engine.upstream.server_name")...)
		}},
	{"upstream-server-name", false, "is not the name of a host: %s", "write the name that the engine's certificate is for, without a port",
		func(_ *loader, c *Config) []finding {
			name := c.Engine.Upstream.ServerName
			if name == "" {
				return nil
			}
			detail, broken := address.BadHost(name)
			if _, port := address.SplitHost(name); port != "" && !broken {
				detail, broken = "it has a port", true
			}
			if broken {
				return []finding{{"engine.upstream.server_name", detail}}
			}
			return nil
		}},
	{"virtual-host", false, "is not a host or host:port: %s", "write it as it should stand in the Host header",
		func(_ *loader, c *Config) []finding {
			return virtual(c, func(v VirtualHost) (string, bool) {
				if v.Host == "" {
					return "it is empty", true
				}
				return address.BadHost(v.Host)
			}, "host")
		}},
	{"virtual-sites", false, "is empty: no call would get this Host", "list the group ids of the sites of that instance",
		func(_ *loader, c *Config) []finding {
			return virtual(c, func(v VirtualHost) (string, bool) { return "", len(v.Sites) == 0 }, "sites")
		}},
	{"virtual-any", false, "has the word any, which is what engine.upstream.host is for", "list ids, or write the host into engine.upstream.host",
		func(_ *loader, c *Config) []finding {
			return virtual(c, func(v VirtualHost) (string, bool) { return "", slices.Contains(v.Sites, AnySite) }, "sites")
		}},
	{"virtual-twice", false, "names site %s, which an earlier instance has", "drop it from one of the two",
		func(_ *loader, c *Config) []finding {
			seen := map[Site]bool{}
			return virtual(c, func(v VirtualHost) (string, bool) {
				for _, s := range v.Sites {
					if seen[s] {
						return s.String(), true
					}
					seen[s] = true
				}
				return "", false
			}, "sites")
		}},
	{"upstream-host", false, "is not a host or host:port: %s", "write it as it should stand in the Host header",
		func(_ *loader, c *Config) []finding {
			if c.Engine.Upstream.Host == "" {
				return nil
			}
			if detail, broken := address.BadHost(c.Engine.Upstream.Host); broken {
				return []finding{{"engine.upstream.host", detail}}
			}
			return nil
		}},
	{"browser-absent", true, "is not given: links to the live sites are what the engine says, and none where that is an address of its nodes",
		"write the address under which browsers see them, such as https://www.example.com",
		func(_ *loader, c *Config) []finding {
			return when(c.Engine.BrowserURL == nil && len(c.Engine.Upstream.Nodes) > 0 && !c.written("engine.browser_url"), "engine.browser_url") // a bad one was reported
		}},
	{"browser-url", false, "has more than scheme, host, port and path", "keep those: what follows belongs to each link",
		func(_ *loader, c *Config) []finding {
			u := c.Engine.BrowserURL
			return when(u != nil && (u.RawQuery != "" || u.ForceQuery || u.Fragment != ""), "engine.browser_url")
		}},
	{"browser-path", false, "has a path that not every server reads alike", "use letters, digits and -._~ between single slashes, and no segment . or ..",
		func(_ *loader, c *Config) []finding {
			u := c.Engine.BrowserURL
			return when(u != nil && !address.PlainPath(strings.Trim(u.EscapedPath(), "/")), "engine.browser_url")
		}},
	{"browser-inner", true, "is an address of this machine or of the engine itself, which browsers elsewhere do not reach", "write the address that browsers use",
		func(_ *loader, c *Config) []finding {
			u := c.Engine.BrowserURL
			return when(u != nil && (address.Loopback(u.Hostname()) || c.isNode(u)), "engine.browser_url")
		}},
	{"browser-gateway", true, "is the gateway itself, which answers browsers with 404", "write the address under which browsers see the live sites",
		func(_ *loader, c *Config) []finding {
			u := c.Engine.BrowserURL
			return when(u != nil && c.loops(u), "engine.browser_url")
		}},
	{"health-path", false, "is not a path", "begin it with a slash and use letters, digits and -._~/",
		func(_ *loader, c *Config) []finding {
			p := c.Engine.Upstream.Health.Path
			return when(!strings.HasPrefix(p, "/") || !address.OnlyOf(p, "-._~/"), "engine.upstream.health.path")
		}},
	{"health-timeout", true, "is longer than the interval: checks would overlap", "make it shorter than engine.upstream.health.interval",
		func(_ *loader, c *Config) []finding {
			return when(c.Engine.Upstream.Health.Timeout > c.Engine.Upstream.Health.Interval, "engine.upstream.health.timeout")
		}},
}

// nodes returns a finding for every node that is broken.
func nodes(c *Config, broken func(*url.URL) bool) []finding {
	return each(c.Engine.Upstream.Nodes, "engine.upstream.nodes", func(u *url.URL) (string, bool) {
		return "", u != nil && broken(u)
	})
}

// virtual returns a finding at a setting of every virtual instance that is broken.
func virtual(c *Config, bad func(VirtualHost) (string, bool), setting string) []finding {
	all := each(c.Engine.Upstream.Hosts, "engine.upstream.hosts", bad)
	for i := range all {
		all[i].path = join(all[i].path, setting)
	}
	return all
}

// secureNodes reports whether a node is reached by TLS.
func (c *Config) secureNodes() bool {
	return slices.ContainsFunc(c.Engine.Upstream.Nodes, func(u *url.URL) bool { return u != nil && u.Scheme == "https" })
}

// isNode reports whether u is one of the engine's nodes.
func (c *Config) isNode(u *url.URL) bool {
	return slices.ContainsFunc(c.Engine.Upstream.Nodes, func(n *url.URL) bool {
		return n != nil && address.NodeAddress(n) == address.NodeAddress(u)
	})
}

// loops reports whether a node is one of the gateway's own listeners, as far as the text alone says
// so.
func (c *Config) loops(u *url.URL) bool {
	a, err := netip.ParseAddr(u.Hostname())
	return slices.ContainsFunc(c.Listen, func(listen netip.AddrPort) bool {
		if !listen.IsValid() || address.NodePort(u) != address.PortOf(listen) {
			return false
		}
		own := err == nil && a.Unmap() == listen.Addr().Unmap()
		here := address.Loopback(u.Hostname()) && (listen.Addr().IsUnspecified() || listen.Addr().IsLoopback() && err != nil)
		return own || here || slices.ContainsFunc(c.Names, func(name string) bool {
			host, _ := address.SplitHost(name)
			return host == strings.ToLower(u.Hostname()) && !address.Loopback(host)
		})
	})
}

var liferayRules = []rule{
	{"https-off", true, "is false: the engine takes calls without TLS from whoever reaches it",
		"let nothing but the gateway reach the engine's port",
		func(_ *loader, c *Config) []finding {
			return when(!c.Engine.Liferay.HTTPSRequired && c.written("engine.liferay.https_required"), "engine.liferay.https_required")
		}},
	{"verifier-off", false, "is false: the engine would refuse every call", `write enabled=B"true"`,
		func(_ *loader, c *Config) []finding { return when(!c.Engine.Liferay.Enabled, "engine.liferay.enabled") }},
	{"verifier-path", false, "does not cover " + vendor.TunnelPath + ": the engine would not look at the token", "add " + vendor.TunnelPath,
		func(_ *loader, c *Config) []finding {
			return when(!matchesTunnel(c.Engine.Liferay.URLsIncludes), "engine.liferay.urls_includes")
		}},
	{"verifier-excluded", false, "takes " + vendor.TunnelPath + " out: the engine would not look at the token", "drop the entry",
		func(_ *loader, c *Config) []finding {
			return each(c.Engine.Liferay.URLsExcludes, "engine.liferay.urls_excludes", func(p string) (string, bool) {
				return "", matchesTunnel([]string{p})
			})
		}},
	{"verifier-policy", true, "is not SYSTEM_USER_PASSWORD, the policy that permits publishing",
		"write SYSTEM_USER_PASSWORD in capitals, unless live has a policy of this name",
		func(_ *loader, c *Config) []finding {
			return when(c.Engine.Liferay.ServiceAccessPolicy != "SYSTEM_USER_PASSWORD", "engine.liferay.service_access_policy")
		}},
	{"variables", false, "is not written as name=value", "write the name of the JVM's property, an equals sign and its value",
		func(_ *loader, c *Config) []finding {
			return each(c.Engine.Liferay.Variables, "engine.liferay.variables", func(s string) (string, bool) {
				name, _, found := strings.Cut(s, "=")
				return "", !found || strings.TrimSpace(name) == ""
			})
		}},
	{"hosts-local", true, "comes from Liferay's files and names this machine only: nobody else may publish", "list the staging servers in hosts.allow of the gateway's file",
		func(l *loader, c *Config) []finding {
			return when(len(c.Hosts.Allow) > 0 && l.Rank("hosts.allow") == vendorLayer && !slices.ContainsFunc(c.Hosts.Allow, elsewhere), "hosts.allow")
		}},
	{"hosts-prefix", true, "is a prefix, which Liferay does not read before 7.3: the gateway admits it, Liferay does not",
		"write hosts.allow in the gateway's file",
		func(_ *loader, c *Config) []finding {
			var all []finding
			for i, host := range c.Hosts.Allow {
				path := entry("hosts.allow", i)
				src := c.Origin(path).Source
				if strings.Contains(host, "/") && exactHosts[c.Engine.Line] && (src == origin.VendorFile || src == origin.VendorEnv) {
					all = append(all, finding{path: path})
				}
			}
			return all
		}},
}

// elsewhere reports whether an entry of hosts.allow is more than this machine.
func elsewhere(host string) bool {
	if p, err := netip.ParsePrefix(host); err == nil {
		host = p.Masked().Addr().String() // a prefix around all loopback addresses begins with another
	}
	a, err := netip.ParseAddr(host)
	return host != "SERVER_IP" && (err != nil || !a.Unmap().IsLoopback())
}

// exactHosts are the lines whose host lists know no prefixes.
var exactHosts = map[string]bool{"6.2": true, "7.0": true, "7.1": true, "7.2": true}

// matchesTunnel reports whether one of Liferay's URL patterns covers the tunnel: the path itself, or
// a beginning with a star.
func matchesTunnel(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		start, star := strings.CutSuffix(p, "*")
		//nolint:gocritic // the pattern is the prefix, the constant is what it covers
		return p == vendor.TunnelPath || star && strings.HasPrefix(vendor.TunnelPath, start)
	})
}
