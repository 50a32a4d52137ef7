package conf

import (
	"slices"
)

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
		case p.Secret.has(used.Key):
		case p.Secret.Previous.Value.IsSet() && !(used.Previous.Value.IsSet() && p.Secret.has(used.Previous)):
			all = append(all, next.Problem(join(path, "previous"), "is not the secret that is in use: who publishes with that one would be turned away",
				"name the file, algorithm and hex flag that the secret had until now, or drop previous"))
		default:
			all = append(all, next.Warn(path, "is another one at once: who publishes with the old one is turned away from now on",
				"write the old one as previous until every staging server has the new one"))
		}
	}
	return all
}

// has reports whether tokens of that key are taken.
func (k Keys) has(o Key) bool { return k.same(o) || k.Previous.same(o) }
