package audit

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/node"
)

// verified is an audit log that was Verified, for a script.
type verified struct {
	OK          bool   `json:"ok"`
	Records     int    `json:"records"`
	Checkpoints int    `json:"checkpoints"`
	FirstBad    uint64 `json:"first_bad,omitempty"`
	Message     string `json:"message"`
}

func (sh shell) auditVerify(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	data, err := flags.Data(sh.Shell, c)
	if err != nil {
		return err
	}
	trust, err := trustOf(c, data)
	if err != nil {
		return err
	}
	events, err := flags.OpenLog(data)
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }() // it was only read
	r, err := audit.Verify(c.Context, events, trust)
	if err != nil {
		return &term.DataError{Msg: "the audit log cannot be Verified: " + err.Error()}
	}
	if err := sh.showVerified(r); err != nil {
		return err
	}
	if !r.OK() {
		return &term.SilentError{Code: term.ExitData}
	}
	return nil
}

func (sh shell) showVerified(r audit.Report) error {
	if sh.JSON {
		return sh.Print(verified{r.OK(), r.Records, r.Checkpoints, uint64(r.FirstBad), r.Msg})
	}
	paint := sh.Paint(sh.Out)
	head := paint.Good("good")
	if !r.OK() {
		head = paint.Bad(fmt.Sprintf("BAD from record %d on", r.FirstBad))
	}
	return sh.Printf("%s: %s, %s: %s\n", head, term.Count(r.Records, "record"), term.Count(r.Checkpoints,
		"checkpoint"), term.Plain(r.Msg))
}

// trustOf collects the keys and the newest checkpoint that a log is held against.
func trustOf(c *cli.Context, data node.DataDir) (audit.Trust, error) {
	keys := c.StringSlice("key")
	if len(keys) == 0 {
		keys = []string{data.AuditPublicKey()}
	}
	var trust audit.Trust
	for _, file := range keys {
		k, err := flags.ReadKey(file)
		if err != nil {
			return trust, &term.DataError{Msg: "public key of the audit log: " + err.Error(),
				Cure: "name its file with --key"}
		}
		trust.Keys = append(trust.Keys, k)
	}
	newest := c.String("checkpoint")
	named := newest != ""
	if !named {
		newest = data.Checkpoint()
	}
	b, err := os.ReadFile(newest)
	if err != nil && (named || !errors.Is(err, os.ErrNotExist)) {
		return trust, fmt.Errorf("newest checkpoint: %w", err)
	}
	trust.Newest = b
	return trust, nil
}
