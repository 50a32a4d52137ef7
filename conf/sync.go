package conf

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// What only a configuration with sync needs is made when it does: each start would pay for it.
var (
	syncKey  = regexp.MustCompile(`^[A-Z2-7]{20}$`)
	syncName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`) })
	syncPath = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[^/\x00-\x1f\x7f]{1,200}(/[a-z][a-z0-9.-]{0,99}(/[^/\x00-\x1f\x7f]+)*)?$`)
	})
	syncKind = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9.-]{0,99}$`) })
)

// systemKinds are kinds, or ends of kinds behind a dot, of objects that say who may do what, or that are code.
var systemKinds = []string{"user", "users", "role", "roles", "usergroup", "permission", "permissions", "setting", "settings", "settingskey",
	"template", "pagetemplate", "transformation", "webpart", "stylesheet", "layout", "workflow", "scheduledtask"}

func badKey(s string) (string, bool) { return s, !syncKey.MatchString(s) }

// syncRules look at sync as a whole.
var syncRules = []rule{
	{"sync-name", false, "is no name: %s", "use letters, digits, _ . and -, such as live",
		func(_ *loader, c *Config) []finding {
			return named(c.Sync.Name != "" && !syncName().MatchString(c.Sync.Name), "sync.name", c.Sync.Name)
		}},
	{"sync-unnamed", false, "are listed, and sync.name is empty", "give this server a name: sync.name",
		func(_ *loader, c *Config) []finding {
			return when(c.Sync.Name == "" && len(c.Sync.Peers) > 0, "sync.peers")
		}},
	{"sync-engine", false, "is needed where sync.name is set", "write where the engine takes commands, as it says when it starts, such as http://127.0.0.1:9000",
		func(_ *loader, c *Config) []finding {
			return when(c.Sync.Name != "" && c.Sync.Engine.URL == nil && !c.Forwards(), "sync.engine.url")
		}},
	{"sync-token", false, "is needed where sync.name is set", "name the file with the engine's token, which lies in its data folder",
		func(_ *loader, c *Config) []finding {
			return when(c.Sync.Name != "" && c.Sync.Engine.TokenFile == "" && !c.Forwards(), "sync.engine.token_file")
		}},
	{"sync-key", false, "is no key: %s", "write the 20 letters and digits that stagelock sync id prints there",
		func(_ *loader, c *Config) []finding {
			return slices.Concat(each(c.Sync.Origins, "sync.origins", badKey), each(c.Sync.Prefer, "sync.prefer", badKey),
				eachSyncPeer(c, "key", func(p SyncPeer) (string, bool) { return badKey(p.Key) }))
		}},
	{"sync-twice", false, "names a server that another peer names too", "drop one of the two",
		func(_ *loader, c *Config) []finding {
			seen := map[string]bool{}
			return eachSyncPeer(c, "key", func(p SyncPeer) (string, bool) {
				twice := seen[p.Key]
				seen[p.Key] = true
				return "", twice
			})
		}},
	{"sync-url", false, "is needed to send changes there", "write https:// with the host and port of its gateway, or direction: from",
		func(_ *loader, c *Config) []finding {
			return eachSyncPeer(c, "url", func(p SyncPeer) (string, bool) {
				return "", p.Direction != "from" && (p.URL == nil || p.URL.Scheme != "https" || p.URL.Host == "")
			})
		}},
	{"sync-kind", false, "is no kind of object: %s", "write kinds in small letters, such as page, article, document, tag",
		func(_ *loader, c *Config) []finding {
			return eachSyncPeer(c, "kinds", func(p SyncPeer) (string, bool) {
				i := slices.IndexFunc(p.Kinds, func(k string) bool { return !syncKind().MatchString(k) })
				return strings.Join(p.Kinds[max(i, 0):], ", "), i >= 0
			})
		}},
	{"sync-kinds", true, "is empty: nothing is exchanged with it", "list kinds, such as [page, article, document]",
		func(_ *loader, c *Config) []finding {
			return eachSyncPeer(c, "kinds", func(p SyncPeer) (string, bool) { return "", len(p.Kinds) == 0 })
		}},
	{"sync-path", false, "is no path: %s", "write a site, site/kind or site/kind/id, as stagelock sync log prints them, without a / at either end",
		func(_ *loader, c *Config) []finding {
			return eachSyncPeer(c, "paths", func(p SyncPeer) (string, bool) {
				i := slices.IndexFunc(p.Paths, func(s string) bool { return !syncPath().MatchString(s) })
				return strings.Join(p.Paths[max(i, 0):], ", "), i >= 0
			})
		}},
	{"sync-approve", true, "lists what is not in kinds: %s", "add it to kinds, or drop it from approve",
		func(_ *loader, c *Config) []finding {
			return eachSyncPeer(c, "approve", func(p SyncPeer) (string, bool) {
				i := slices.IndexFunc(p.Approve, func(k string) bool { return !slices.Contains(p.Kinds, k) })
				return strings.Join(p.Approve[max(i, 0):], ", "), i >= 0
			})
		}},
	{"sync-system", true, "lets it change who may do what here: %s", "list such kinds in approve too, or take them out",
		func(_ *loader, c *Config) []finding {
			return eachSyncPeer(c, "kinds", func(p SyncPeer) (string, bool) {
				open := slices.DeleteFunc(slices.Clone(p.Kinds), func(k string) bool {
					return !slices.Contains(systemKinds, k[strings.LastIndexByte(k, '.')+1:]) || slices.Contains(p.Approve, k)
				})
				return strings.Join(open, ", "), len(open) > 0 && p.Direction != "to"
			})
		}},
	{"sync-prefer", false, "is for conflicts: prefer, which needs it", "list the keys of servers, the first one wins; or write conflicts: hold",
		func(_ *loader, c *Config) []finding {
			return when((c.Sync.Conflicts == "prefer") != (len(c.Sync.Prefer) > 0), "sync.prefer")
		}},
}

// Forwards reports whether the engine is a Kentico whose tasks are kept, and carried by sync.
func (c *Config) Forwards() bool { return c.Kenticos() && c.Kentico.Forward.On() }

const forward = "kentico.experimental_store_and_forward"

// forwardRules are those of a Kentico whose tasks sync carries.
var forwardRules = []rule{
	{"forward-sync", false, "needs sync: nothing would leave the gateway", "write sync.name, and the other servers in sync.peers",
		func(_ *loader, c *Config) []finding {
			return when(c.Forwards() && c.Sync.Name == "", forward+".path_context")
		}},
	{"forward-engine", false, "stands beside " + forward + ": the engine is the Kentico", "drop sync.engine",
		func(_ *loader, c *Config) []finding {
			return when(c.Forwards() && c.Sync.Engine.URL != nil, "sync.engine.url")
		}},
	{"forward-conflicts", false, "is %s: a Kentico cannot compare, so a rule would overwrite what nobody has seen", "write conflicts: hold, on all servers",
		func(_ *loader, c *Config) []finding {
			return named(c.Forwards() && c.Sync.Conflicts != "hold", "sync.conflicts", c.Sync.Conflicts)
		}},
	{"forward-kinds", true, "name nothing of a Kentico's: no task travels to or from this peer",
		"list kinds such as [kentico.document, kentico.media.file, kentico.media.library, kentico.folder]",
		func(_ *loader, c *Config) []finding {
			return eachSyncPeer(c, "kinds", func(p SyncPeer) (string, bool) {
				return "", c.Forwards() && !slices.ContainsFunc(p.Kinds, func(k string) bool { return strings.HasPrefix(k, "kentico.") })
			})
		}},
}

func named(broken bool, path, detail string) []finding {
	if broken {
		return []finding{{path, detail}}
	}
	return nil
}

func eachSyncPeer(c *Config, setting string, bad func(p SyncPeer) (string, bool)) []finding {
	var all []finding
	for i, p := range c.Sync.Peers {
		if detail, broken := bad(p); broken {
			all = append(all, finding{join(entry("sync.peers", i), setting), detail})
		}
	}
	return all
}
