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
		Subcommands: []*cli.Command{s.topologyCommand()},
	}}
}
