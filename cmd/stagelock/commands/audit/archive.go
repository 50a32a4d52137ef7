package audit

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/retention"
	"github.com/stagelock/stagelock/gateway/node"
)

func (sh shell) archiveCommand() *cli.Command {
	return &cli.Command{
		Name: "archive", Usage: "move the oldest files of the audit log to another folder",
		Description: "Whole files are moved, oldest first; the one that is being written stays. A signed anchor says up " +
			"to where,\nso that verify accepts what stays. What was moved is listed and verified with --data FOLDER.\n" +
			"A gateway may run meanwhile. Run it as the gateway's user: it signs with the gateway's key.",
		Action: sh.auditArchive,
		Flags: auditFlags(
			&cli.StringFlag{Name: "to", Usage: "folder to move to; it is made if it is not there"},
			&cli.StringFlag{Name: "before",
				Usage: "move files whose records are all older than this: 2024-03-01, 2024-03-01T12:00:00Z, or 90d ago"},
			&cli.StringFlag{Name: "keep", Usage: "move files so that about this much stays, such as 10GiB"},
			&cli.StringSliceFlag{Name: "key",
				Usage: "file with a public key that may have signed; else the one in the data folder"},
		),
	}
}

func (sh shell) auditArchive(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	if c.String("to") == "" {
		return flags.Misused(c, "archive needs --to")
	}
	if c.String("before") == "" && c.String("keep") == "" {
		return flags.Misused(c, "archive needs --before or --keep, or both")
	}
	if shared, err := sh.sharing(c); err != nil || shared != nil {
		if err == nil {
			err = &term.DataError{Msg: "the audit log lies in the database that the gateways share, which nothing is moved from",
				Cure: "back the database up; name a data folder with --data to archive the log in it"}
		}
		return err
	}
	cfg, err := sh.archiveConfig(c)
	if err != nil {
		return err
	}
	done, err := retention.Archive(c.Context, cfg)
	var bad *retention.BadLogError
	switch {
	case errors.As(err, &bad):
		return &term.DataError{Msg: "nothing was archived: " + bad.Error(),
			Cure: "see stagelock audit verify; keep the whole log as it is until that is understood"}
	case err != nil:
		return &term.OutputError{Err: err}
	}
	return sh.showArchived(c.String("to"), done)
}

func (sh shell) archiveConfig(c *cli.Context) (cfg retention.Config, err error) {
	if cfg.Before, err = moment(c.String("before"), sh.Now()); err != nil {
		return cfg, flags.Misused(c, "--before: %v", err)
	}
	if keep := c.String("keep"); keep != "" {
		if cfg.Keep, err = flags.ParseAmount(keep); err != nil {
			return cfg, flags.Misused(c, "--keep: %v", err)
		}
	}
	data, err := flags.Data(sh.Shell, c)
	if err != nil {
		return cfg, err
	}
	if _, err := os.Stat(data.Audit()); err != nil {
		return cfg, &term.DataError{Msg: "there is no audit log: " + err.Error(),
			Cure: "name the gateway's data folder with --data, or its file with --config"}
	}
	if cfg.Key, err = signingKey(data); err != nil {
		return cfg, err
	}
	if cfg.Trust, err = sh.trust(c, data); err != nil {
		return cfg, err
	}
	cfg.From, cfg.To, cfg.Now = data.AuditPlace(), node.DataDir(c.String("to")).AuditPlace(), sh.Now
	cfg.Node, err = os.Hostname()
	return cfg, err
}

// signingKey reads the gateway's key, and makes none.
func signingKey(data node.DataDir) (ed25519.PrivateKey, error) {
	_, err := os.Stat(data.AuditKey())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &term.DataError{Msg: "the key that signs the audit log is not there: " + data.AuditKey(),
			Cure: "name the gateway's data folder with --data; if the key is lost, restart the gateway: it makes a new " +
				"one, and the old public key is named to verify with --key"}
	}
	key, err := chain.LoadKey(data.AuditKey())
	if err != nil {
		return nil, &term.DataError{Msg: fmt.Sprint(err), Cure: "run this as the gateway's user"}
	}
	return key, nil
}

func (sh shell) showArchived(to string, done retention.Archived) error {
	if sh.JSON {
		return sh.Print(done)
	}
	if len(done.Files) == 0 {
		return sh.Printf("Nothing is due: %s stay.\n", term.Size(done.Kept))
	}
	return sh.Printf("Moved records %d to %d, %s in %s, to %s; %s stay.\n", done.First, done.Last, term.Size(done.Bytes),
		term.Count(len(done.Files), "file"), to, term.Size(done.Kept))
}
