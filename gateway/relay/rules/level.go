package rules

import (
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/policy/levels"
	"github.com/stagelock/stagelock/tunnel"
)

// Level holds what the staging engine says of its patch level against what the nodes of the live one said
// last. Said is what both say, for the log; found, which may be nil, is what is wrong with it, and lets
// whether the policy takes it all the same.
func (p *Policy) Level(here levels.Level) (said map[string]string, found *tunnel.Problem, lets bool) {
	relation, live := levels.Farthest(here, p.Engine.Pool.Says())
	said = map[string]string{"staging_level": here.String(), "live_level": live.String()}
	reason := problems.ReasonUnequal
	switch relation {
	case levels.Equal:
		return said, nil, true
	case levels.Unknown:
		reason = problems.ReasonUnknownLevel
	case levels.Unequal:
	}
	found = problems.New(tunnel.Refused, reason,
		"the staging engine is "+here.String()+" and the live engine is "+live.String(), nil)
	return said, found, p.PatchLevel.Lets(relation)
}
