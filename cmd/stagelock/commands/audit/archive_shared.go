package audit

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/retention"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/store"
)

// archiveShared moves what is old of the logs that gateways share.
func (sh shell) archiveShared(c *cli.Context, conf *conf.Config) error {
	before, keep, err := sh.limits(c)
	if err != nil {
		return err
	}
	key, err := signingKey(node.AuditKey(conf))
	if err != nil {
		return err
	}
	db, err := flags.OpenShared(c.Context, conf)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what was written is on disk
	trust, _, err := sh.sharedTrust(c, conf, db.Values())
	if err != nil {
		return err
	}
	to := c.String("to")
	done, err := retention.ArchiveShared(c.Context, retention.SharedConfig{
		Logs: db.Logs(), Values: db.Values(), Leases: db.Leases(), Owner: uuid.NewString(),
		Place: func(log string) audit.Place { return node.DataDir(folderOf(to, log)).AuditPlace() },
		Notes: filepath.Join(to, "notes"), Bytes: int64(conf.Audit.MaxBytes), Key: key, Trust: trust, Now: sh.Now,
		Before: before, Keep: keep,
	})
	var bad *retention.BadLogsError
	switch {
	case errors.As(err, &bad):
		return notArchived(bad)
	case errors.Is(err, store.ErrStale):
		return &term.AgainError{Msg: err.Error(), Cure: "wait until it is done, and try again"}
	case err != nil:
		return &term.OutputError{Err: err}
	}
	return sh.showArchivedShared(to, done)
}

// folderOf is where what is moved of a log lies. Whatever a gateway is called, that is below to.
func folderOf(to, log string) string {
	name := url.PathEscape(log)
	if strings.HasPrefix(name, ".") {
		name = "%2E" + name[1:]
	}
	return filepath.Join(to, "logs", name)
}

func (sh shell) showArchivedShared(to string, done retention.ArchivedShared) error {
	if sh.JSON {
		return sh.Print(done)
	}
	if len(done.Logs) == 0 && done.Notes == 0 {
		return sh.Printf("Nothing is due: %s stay.\n", term.Size(done.Kept))
	}
	for _, l := range done.Logs {
		if err := sh.Printf("Moved records %d to %d of %s, %s, to %s.\n", l.First, l.Last, term.Plain(l.Log), term.Size(l.Bytes),
			folderOf(to, l.Log)); err != nil {
			return err
		}
	}
	return sh.Printf("Moved %s over all logs to %s; %s stay.\n", term.Count(done.Notes, "note"), filepath.Join(to, "notes"),
		term.Size(done.Kept))
}
