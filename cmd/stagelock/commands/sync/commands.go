package sync

import (
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// exitFindings ends a command that found what somebody should look at, and has said it.
const exitFindings = 1

// shell is what the commands see of the world.
type shell struct{ *term.Shell }

// Commands returns the commands of this package.
func Commands(sh *term.Shell) []*cli.Command {
	s := shell{sh}
	return []*cli.Command{{
		Name: "sync", Usage: "keep the content of several servers alike, with changes travelling both ways",
		Subcommands: []*cli.Command{
			s.idCommand(), s.statusCommand(), s.logCommand(), s.showCommand(), s.conflictsCommand(), s.diffCommand(),
			s.resolveCommand(), s.topologyCommand(), s.retryCommand(), s.dropCommand(), s.holdCommand(), s.compareCommand(),
			s.approvalsCommand(), s.approveCommand(), s.refuseCommand(),
			s.targetCommand("release", "send to a held target again", "%s released.\n", "target"),
			s.targetCommand("baseline", "queue every current version that a target never got", "%s queued.\n", "change"),
		},
	}}
}
