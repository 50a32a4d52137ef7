// Package operate has the commands of those who run a gateway: run it, and look at its configuration and its
// health.
package operate

import (
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// shell is what the commands see of the world.
type shell struct{ *term.Shell }

// Commands returns the commands of this package.
func Commands(sh *term.Shell) []*cli.Command {
	s := shell{sh}
	return []*cli.Command{s.runCommand(), s.validateCommand(), s.configCommand(),
		s.healthcheckCommand(), s.statusCommand(), s.reloadCommand(), s.caCommand(), s.policyCommand(), s.storeCommand()}
}
