package engine

import (
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/staging"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// shell is what the commands see of the world.
type shell struct{ *term.Shell }

// Commands returns the commands of this package.
func Commands(sh *term.Shell) []*cli.Command {
	s := shell{sh}
	return []*cli.Command{s.engineCommand(), s.siteCommand(), s.contentCommand(), s.pageCommand(),
		staging.Command(sh), s.userCommand()}
}

// operator is the account that runs the command, for the engine's ledger.
func (sh shell) operator() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if who := sh.Env(name); who != "" {
			return who
		}
	}
	return "operator"
}
