package audit

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/retention"
	"github.com/stagelock/stagelock/gateway/node"
)

func (sh shell) archiveCommand() *cli.Command {
	return &cli.Command{
		Name: "archive", Usage: "move the oldest part of the audit log to another folder",
		Description: "Whole files are moved, oldest first; the one that is being written stays. A signed anchor says up " +
			"to where,\nso that verify accepts what stays. What was moved is listed and verified with --data FOLDER.\n" +
			"Of gateways that share a database the old records of all logs are moved, each to FOLDER/logs/GATEWAY, and the\n" +
			"notes over them to FOLDER/notes; the last record that was moved stays too.\n" +
			"A gateway may run meanwhile. Run it as the gateway's user: it signs with the gateway's key.",
		Action: sh.auditArchive,
		Flags: auditFlags(
			&cli.StringFlag{Name: "to", Usage: "folder to move to; it is made if it is not there"},
			&cli.StringFlag{Name: "before",
				Usage: "move what is older than this: 2024-03-01, 2024-03-01T12:00:00Z, or 90d ago"},
			&cli.StringFlag{Name: "keep", Usage: "move so much that about this much stays, such as 10GiB"},
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
		if err != nil {
			return err
		}
		return sh.archiveShared(c, shared)
	}
	cfg, err := sh.archiveConfig(c)
	if err != nil {
		return err
	}
	done, err := retention.Archive(c.Context, cfg)
	var bad *retention.BadLogError
	switch {
	case errors.As(err, &bad):
		return notArchived(bad)
	case err != nil:
		return &term.OutputError{Err: err}
	}
	return sh.showArchived(c.String("to"), done)
}

// notArchived is the error for a log that is not whole.
func notArchived(bad error) error {
	return &term.DataError{Msg: "nothing was archived: " + bad.Error(),
		Cure: "see stagelock audit verify; keep the whole log as it is until that is understood"}
}

// limits reads what is old, and how much stays.
func (sh shell) limits(c *cli.Context) (before time.Time, keep int64, err error) {
	if before, err = flags.Moment(c.String("before"), sh.Now()); err != nil {
		return before, 0, flags.Misused(c, "--before: %v", err)
	}
	if text := c.String("keep"); text != "" {
		if keep, err = flags.ParseAmount(text); err != nil {
			return before, 0, flags.Misused(c, "--keep: %v", err)
		}
	}
	return before, keep, nil
}

func (sh shell) archiveConfig(c *cli.Context) (cfg retention.Config, err error) {
	if cfg.Before, cfg.Keep, err = sh.limits(c); err != nil {
		return cfg, err
	}
	data, err := flags.Data(sh.Shell, c)
	if err != nil {
		return cfg, err
	}
	if _, err := os.Stat(data.Audit()); err != nil {
		return cfg, &term.DataError{Msg: "there is no audit log: " + err.Error(),
			Cure: "name the gateway's data folder with --data, or its file with --config"}
	}
	if cfg.Key, err = signingKey(data.AuditKey()); err != nil {
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
func signingKey(file string) (ed25519.PrivateKey, error) {
	_, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &term.DataError{Msg: "the key that signs the audit log is not there: " + file,
			Cure: "name the gateway's data folder with --data; if the key is lost, restart the gateway: it makes a new " +
				"one, and the old public key is named to verify with --key"}
	}
	key, err := chain.LoadKey(file)
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
