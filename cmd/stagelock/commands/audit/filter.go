package audit

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/tunnel"
)

func (sh shell) filter(c *cli.Context) (audit.Filter, error) {
	f := audit.Filter{
		Verdict: audit.Verdict(c.String("verdict")), Peer: c.String("peer"), Login: c.String("login"),
		Reason: tunnel.Reason(c.String("reason")), Ref: c.String("ref"), Node: c.String("node"), Site: c.Int64("site"),
	}
	for _, k := range c.StringSlice("kind") {
		if !slices.Contains(kinds, audit.Kind(k)) {
			return f,
				flags.Misused(c, "--kind %s is not one of verdict, outcome, summary, config, start, stop, "+
					"drain, witness, checkpoint, alarm, damaged, sync.accepted, sync.applied, sync.held, sync.resolved, "+
					"sync.refused, sync.echo", k)
		}
		f.Kinds = append(f.Kinds, audit.Kind(k))
	}
	if f.Verdict != "" && f.Verdict != audit.Allow && f.Verdict != audit.Deny && f.Verdict != audit.Answer {
		return f, flags.Misused(c, "--verdict %s is not one of allow, deny, answer", f.Verdict)
	}
	if c.Int("n") < 0 {
		return f, flags.Misused(c, "-n: invalid value \"%d\"", c.Int("n"))
	}
	var err error
	if f.Since, err = flags.Moment(c.String("since"), sh.Now()); err != nil {
		return f, flags.Misused(c, "--since: %v", err)
	}
	if f.Until, err = flags.Moment(c.String("until"), sh.Now()); err != nil {
		return f, flags.Misused(c, "--until: %v", err)
	}
	return f, nil
}

var kinds = []audit.Kind{
	audit.KindVerdict, audit.KindOutcome, audit.KindSummary, audit.KindConfig, audit.KindStart,
	audit.KindStop, audit.KindDrain, audit.KindWitness,
	audit.KindCheckpoint, audit.KindAlarm, audit.KindDamaged,
	audit.KindSyncAccepted, audit.KindSyncApplied, audit.KindSyncHeld, audit.KindSyncResolved, audit.KindSyncRefused,
	audit.KindSyncEcho,
}
