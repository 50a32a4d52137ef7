package servers

import (
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/status"
)

// Shown returns what is said of an exchange to those who look at the whole gateway.
func Shown(f exchange.Status) *status.Sync {
	s := &status.Sync{Targets: []status.Target{}, Conflicts: f.Conflicts, Here: f.Here,
		Approvals: f.Approvals, Asked: f.Asked,
		Decided: map[string]int64{"approved": f.Decided.Approved, "refused": f.Decided.Refused}, Changes: f.Changes}
	for _, t := range f.Targets {
		s.Targets = append(s.Targets, status.Target{Name: t.Name, State: t.State, Backlog: t.Backlog, Dead: t.Dead, Tries: t.Tries,
			Oldest: t.Oldest, Last: t.Last})
	}
	if c := f.Contents; c != nil {
		s.Contents = &status.Contents{N: c.N, Bytes: c.Bytes, Removed: c.Removed, Freed: c.Freed, At: c.At}
	}
	return s
}
