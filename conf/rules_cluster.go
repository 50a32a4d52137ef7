package conf

import (
	"github.com/stagelock/stagelock/conf/address"

	"net/url"
	"regexp"
	"strings"
)

// schemaName is what needs no quotes in PostgreSQL.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// clusterRules look at what store: postgres needs.
var clusterRules = []rule{
	{"postgres-url", false, "is not given, and store is postgres",
		"write the database's URL into a file that only the gateway's user can read, and name it in cluster.postgres.url.file",
		func(_ *loader, c *Config) []finding {
			return when(c.shared() && c.Cluster.Postgres.URL.File == "" && !c.Cluster.Postgres.URL.Value.IsSet(),
				"cluster.postgres.url.file")
		}},
	{"postgres-scheme", false, "is not a URL of a PostgreSQL database", "write postgres://user:password@host/database?sslmode=verify-full",
		func(_ *loader, c *Config) []finding {
			u, ok := c.postgresURL()
			return when(c.Cluster.Postgres.URL.Value.IsSet() && (!ok || u.Scheme != "postgres" && u.Scheme != "postgresql"),
				"cluster.postgres.url.value")
		}},
	{"postgres-plain", true, "reaches the database over the network without checking who answers: secrets can be read on the way",
		"add sslmode=verify-full and sslrootcert",
		func(_ *loader, c *Config) []finding {
			u, ok := c.postgresURL()
			return when(ok && u.Hostname() != "" && !address.Loopback(u.Hostname()) && u.Query().Get("sslmode") != "verify-full",
				"cluster.postgres.url.value")
		}},
	{"postgres-schema", false, "is not a name that needs no quotes", "use lower-case letters, digits and underscores",
		func(_ *loader, c *Config) []finding {
			return when(!schemaName.MatchString(c.Cluster.Postgres.Schema), "cluster.postgres.schema")
		}},
	{"cluster-name", false, "is empty", "name the cluster, such as live",
		func(_ *loader, c *Config) []finding { return when(c.shared() && c.Cluster.Name == "", "cluster.name") }},
	{"cluster-key", false, "is not given, and store is postgres: gateways could not share certificates and TLS sessions",
		"make one with stagelock cluster key --out FILE, copy it to every gateway, and name it here",
		func(_ *loader, c *Config) []finding {
			return when(c.shared() && c.Cluster.KeyFile == "", "cluster.key_file")
		}},
	{"cluster-node", false, "holds a line break or a quote", "name the gateway in plain letters, such as gate-a",
		func(_ *loader, c *Config) []finding {
			return when(strings.ContainsFunc(c.Cluster.Node, func(r rune) bool { return r < ' ' || r == '"' }), "cluster.node")
		}},
	{"cluster-unused", true, "is given, but store is embedded: nothing is shared", "write store: postgres, or drop it",
		func(_ *loader, c *Config) []finding {
			return when(!c.shared() && c.Cluster.Postgres.URL.Value.IsSet(), "cluster.postgres.url.value")
		}},
}

// shared reports whether several gateways may share the store.
func (c *Config) shared() bool { return c.Store == "postgres" }

// postgresURL returns the database's URL; ok is false if it is not given or none.
func (c *Config) postgresURL() (u *url.URL, ok bool) {
	if !c.Cluster.Postgres.URL.Value.IsSet() {
		return nil, false
	}
	u, err := url.Parse(c.Cluster.Postgres.URL.Value.Reveal())
	return u, err == nil
}
