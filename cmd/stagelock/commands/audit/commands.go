package audit

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// shell is what the commands see of the world.
type shell struct{ *term.Shell }

// Commands returns the commands of this package.
func Commands(sh *term.Shell) []*cli.Command { return []*cli.Command{shell{sh}.auditCommand()} }

// followEvery is how often a log that is followed is looked at.
const followEvery = 500 * time.Millisecond

func auditFlags(more ...cli.Flag) []cli.Flag {
	return append(append(flags.Config(), &cli.StringFlag{Name: "data",
		Usage: "the gateway's data folder; else the one of the configuration"}), more...)
}

// timeFlags say which part of a log is shown.
func timeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "since",
			Usage: "only from this time on, in UTC: 2024-03-01, 2024-03-01T12:00, or 2h or 7d ago"},
		&cli.StringFlag{Name: "until", Usage: "only before this time"},
		&cli.IntFlag{Name: "n", Usage: "only the newest so many"},
	}
}

func (sh shell) auditCommand() *cli.Command {
	return &cli.Command{
		Name: "audit", Usage: "read and verify the audit log",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "show what the gateway let through, what not, and why",
				Action: sh.auditList,
				Flags: auditFlags(append(timeFlags(),
					&cli.StringSliceFlag{Name: "kind",
						Usage: "only events of this kind: verdict, outcome, summary, config, " +
							"start, stop, drain, witness, checkpoint, alarm, damaged, sync.accepted, sync.applied, " +
							"sync.held, sync.resolved, sync.refused, sync.echo"},
					&cli.StringFlag{Name: "verdict", Usage: "only allow, deny or answer"},
					&cli.StringFlag{Name: "peer", Usage: "only of this peer"},
					&cli.StringFlag{Name: "login", Usage: "only of this login"},
					&cli.StringFlag{Name: "reason", Usage: "only with this reason, such as secret.wrong"},
					&cli.StringFlag{Name: "node", Usage: "only of this gateway, where several share a database"},
					&cli.StringFlag{Name: "ref", Usage: "only of the call with this reference"},
					&cli.Int64Flag{Name: "site", Usage: "only of this site"},
					&cli.BoolFlag{Name: "follow", Aliases: []string{"f"},
						Usage: "go on with what is written from now on"},
				)...),
			},
			sh.publishesCommand(), sh.explainCommand(),
			{
				Name:   "verify",
				Usage:  "prove that nothing in the audit log was changed, removed or inserted",
				Action: sh.auditVerify,
				Flags: auditFlags(
					&cli.StringSliceFlag{Name: "key",
						Usage: "file with a public key that may have signed; else the one in " +
							"the data folder"},
					&cli.StringSliceFlag{Name: "checkpoint",
						Usage: "file with a copy of a checkpoint that was kept elsewhere, besides " +
							"the one in the data folder; may be repeated"},
					&cli.StringFlag{Name: "log", Usage: "only the log of this gateway, where several share a database"},
				),
			},
			sh.archiveCommand(),
		},
	}
}
