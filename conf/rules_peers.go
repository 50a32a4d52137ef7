package conf

import (
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/address"
	"github.com/stagelock/stagelock/conf/settings/origin"
)

var peerRules = []rule{
	{"peers-empty", false, "is empty: nobody may publish", "describe at least one peer with a name, sites and a secret",
		func(_ *loader, c *Config) []finding { return when(len(c.Peers) == 0, "peers") }},
	{"peer-name", false, "is not a name of 1 to 64 letters, digits and -._", "give the peer a name such as staging",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding {
				return when(p.Name == "" || len(p.Name) > 64 || !address.OnlyOf(p.Name, "-._"), join(path, "name"))
			})
		}},
	{"peer-twice", false, "is the name of another peer too", "give each peer a name of its own",
		func(_ *loader, c *Config) []finding {
			seen := map[string]bool{"": true} // reported as a bad name
			return eachPeer(c, func(p *Peer, path string) []finding {
				twice := seen[p.Name] && p.Name != ""
				seen[p.Name] = true
				return when(twice, join(path, "name"))
			})
		}},
	{"peer-sites", false, "names no site: the peer could publish nowhere", "list the group ids of its live sites",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding {
				return when(len(p.Sites) == 0, join(path, "sites"))
			})
		}},
	{"peer-any-site", true, "lets the peer publish into every site of live", "list the group ids of its live sites",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding { return when(p.AnySite(), join(path, "sites")) })
		}},
	{"peer-any-login", true, "is not given: the peer may act as any login that live knows, and a captured token works for ever",
		"list the logins of its publishers",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding { return when(p.Logins == nil, join(path, "logins")) })
		}},
	{"peer-no-login", false, "is an empty list: nobody could publish", "list logins, or drop the key for any that live knows",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding {
				return when(p.Logins != nil && len(p.Logins) == 0, join(path, "logins"))
			})
		}},
	{"peer-no-type", false, "is an empty list: nothing could be published", "list types, or drop the key for every type",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding {
				return when(p.Types != nil && len(p.Types) == 0, join(path, "types"))
			})
		}},
	{"peer-login", false, "can be no login: %s", "write the login as the publisher's Liferay sends it",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding {
				return each(p.Logins, join(path, "logins"), badLogin)
			})
		}},
	{"peer-archive", false, "is less than part_max_bytes, which is %s", "raise it, or write 0 for no limit",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding {
				if p.ArchiveMaxBytes == 0 || p.ArchiveMaxBytes >= p.PartMaxBytes {
					return nil
				}
				return []finding{{join(path, "archive_max_bytes"), p.PartMaxBytes.String()}}
			})
		}},
	{"peer-buffer", true, "is less than engine.liferay.buffer_size, which is %s: parts of that size would be refused",
		"raise it to the largest staging.remote.transfer.buffer.size of the senders",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding {
				if p.PartMaxBytes >= c.Engine.Liferay.BufferSize {
					return nil
				}
				return []finding{{join(path, "part_max_bytes"), c.Engine.Liferay.BufferSize.String()}}
			})
		}},
}

// badLogin says why s cannot be the login of a call.
func badLogin(s string) (string, bool) {
	switch {
	case s == "" || s != strings.TrimSpace(s):
		return "it is empty or has blanks around it", true
	case strings.Contains(s, ":"):
		return "a colon ends the login in the header", true
	case len(s) > 254:
		return "it is longer than 254 bytes", true
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "it has a control character", true
	}
	return "", false
}

var secretRules = []rule{
	{"secret-missing", false, "has no secret", "write file: with the name of a file that holds it",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding {
				asked := p.Secret.File != "" // what is wrong with the file was said
				return when(!p.Secret.Value.IsSet() && !asked, join(path, "secret"))
			})
		}},
	{"secret-rotation", false, "is not given while %s has a previous secret: if live still has that one, nothing passes, and nobody says so",
		"write live's own secret there for as long as previous stands",
		func(l *loader, c *Config) []finding {
			i := slices.IndexFunc(c.Peers, func(p Peer) bool { return p.Secret.Previous.Value.IsSet() && !p.Secret.Previous.Same(p.Secret.Key) })
			if i < 0 || !l.shared(upstreamSecret) {
				return nil
			}
			return []finding{{upstreamSecret, entry("peers", i)}}
		}},
	{"secret-previous", true, "is the current secret", "drop the section once every sender has changed over",
		func(_ *loader, c *Config) []finding {
			return eachPeer(c, func(p *Peer, path string) []finding {
				return when(p.Secret.Previous.Value.IsSet() && p.Secret.Previous.Same(p.Secret.Key), join(path, "secret.previous"))
			})
		}},
	{"secret-exposed", true, "stands in a file that every user of this machine may read", "chmod o-r %s, or move it to a file of its own", exposed},
}

// exposed finds the secrets that stand in a YAML file which everybody may read.
func exposed(l *loader, c *Config) []finding {
	if l.File() == "" || !l.WorldReadable(l.File()) {
		return nil
	}
	var all []finding
	l.eachKey(func(path string, k *Key) {
		o := c.Origin(join(path, "value"))
		if k.Value.IsSet() && o.Source == origin.File && o.Name == l.File() && !l.shared(path) {
			all = append(all, finding{join(path, "value"), l.File()})
		}
	})
	return all
}

// shared reports whether the key at path is the upstream's copy of the first peer's.
func (l *loader) shared(path string) bool {
	return path == "engine.upstream.secret" &&
		l.Rank("engine.upstream.secret.value") < 0 && l.Rank("engine.upstream.secret.file") < 0
}
