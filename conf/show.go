package conf

import (
	"slices"

	"github.com/stagelock/stagelock/conf/settings/origin"
)

// referenceHead opens the reference.
const referenceHead = `# Every setting of stagelock. What is commented out shows its default.
#
# Each can also be given by a variable: its path in capitals with _ between the parts, as in STAGELOCK_HOSTS_ALLOW or
# STAGELOCK_PEERS_0_SECRET_FILE; entries of a list with commas. Flags win over variables, variables over this file, this
# file over Liferay's own variables and files, and these over the defaults.
`

// Reference returns a YAML file that shows and explains every setting. It loads as it stands, but
// for the secret file that it names.
func Reference() string { return schema.Reference(referenceHead) }

// Effective returns every setting in the order in which Reference shows them.
func (c *Config) Effective() []Setting { return schema.Effective(c, c.origins) }

// NeedsRestart returns the paths whose new value only counts after a restart.
func NeedsRestart(old, next *Config) []string { return schema.NeedsRestart(old, next) }

// Changes returns the settings that next has different from old. Secrets are compared, and never
// shown.
func Changes(old, next *Config) []Change { return schema.Changes(old, next) }

// Origin returns where the value at path comes from; that of the nearest thing around it if it has
// no place of its own.
func (c *Config) Origin(path string) Origin { return c.origins.Of(path) }

// Written reports whether somebody wrote the value at path; else it is the default.
func (c *Config) Written(path string) bool { return c.Origin(path).Source != origin.Default }

// Problem returns a Problem at the place where the value at path comes from.
func (c *Config) Problem(path, msg, cure string) Problem { return c.origins.Problem(path, msg, cure) }

// Warn is Problem for something that the gateway can live with.
func (c *Config) Warn(path, msg, cure string) Problem { return c.Problem(path, msg, cure).AsWarning() }

// Fatal reports whether ps holds a Problem that is more than a warning.
func Fatal(ps []Problem) bool { return origin.Fatal(ps) }

// Sort orders problems as a reader goes through the files: by file and line, warnings last, then by
// path.
func Sort(ps []Problem) { origin.Sort(ps) }

// Rotated returns what is wrong with the secrets of next for those who publish with the secrets of
// old: a previous secret that is another one than theirs would turn them away unnoticed.
func Rotated(old, next *Config) []Problem {
	var all []Problem
	for i, p := range next.Peers {
		at := slices.IndexFunc(old.Peers, func(o Peer) bool { return o.Name == p.Name })
		if at < 0 || !old.Peers[at].Secret.Value.IsSet() {
			continue
		}
		used := old.Peers[at].Secret
		path := join(entry("peers", i), "secret")
		switch {
		case p.Secret.Take(used.Key):
		case p.Secret.Previous.Value.IsSet() && !(used.Previous.Value.IsSet() && p.Secret.Take(used.Previous)):
			all = append(all, next.Problem(join(path, "previous"), "is not the secret that is in use: who publishes with that one would be turned away",
				"name the file, algorithm and hex flag that the secret had until now, or drop previous"))
		default:
			all = append(all, next.Warn(path, "is another one at once: who publishes with the old one is turned away from now on",
				"write the old one as previous until every staging server has the new one"))
		}
	}
	return all
}
