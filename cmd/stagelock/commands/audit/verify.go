package audit

import (
	"bytes"
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/node"
)

// verified is an audit log that was verified, for a script.
type verified struct {
	OK          bool         `json:"ok"`
	Records     int          `json:"records"`
	Checkpoints int          `json:"checkpoints"`
	First       uint64       `json:"first,omitempty"`
	FirstBad    uint64       `json:"first_bad,omitempty"`
	Unsigned    int          `json:"unsigned"`
	Held        []proof.Held `json:"held_against"`
	Message     string       `json:"message"`
	Limits      string       `json:"limits"`
	Cure        string       `json:"cure,omitempty"`
}

func (sh shell) auditVerify(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	if cfg, err := sh.sharing(c); err != nil || cfg != nil {
		if err != nil {
			return err
		}
		return sh.verifyShared(c, cfg)
	}
	if c.String("log") != "" {
		return flags.Misused(c, "--log is for gateways that share a database")
	}
	data, err := flags.Data(sh.Shell, c)
	if err != nil {
		return err
	}
	r, err := sh.verifyOwn(c, data)
	if err != nil {
		return err
	}
	if err := sh.showVerified(r); err != nil {
		return err
	}
	if !r.OK() {
		return &term.SilentError{Code: term.ExitData}
	}
	return nil
}

// verifyOwn verifies the log of a data folder, once more if it was archived meanwhile.
func (sh shell) verifyOwn(c *cli.Context, data node.DataDir) (proof.Report, error) {
	trust, err := sh.trust(c, data)
	if err != nil {
		return proof.Report{}, err
	}
	r, err := verify(c.Context, data, trust)
	if err != nil || r.OK() {
		return r, err
	}
	again, err := sh.trust(c, data)
	if err != nil || bytes.Equal(again.Anchor, trust.Anchor) {
		return r, err
	}
	return verify(c.Context, data, again)
}

func verify(ctx context.Context, data node.DataDir, trust proof.Trust) (proof.Report, error) {
	events, err := flags.OpenLog(data)
	if err != nil {
		return proof.Report{}, err
	}
	defer func() { _ = events.Close() }() // it was only read
	r, err := proof.Verify(ctx, events, trust)
	if err != nil {
		return r, &term.DataError{Msg: "the audit log cannot be verified: " + err.Error()}
	}
	return r, nil
}

// trust is what the log is held against, as the flags say. How often it is signed is what the
// configuration says, if there is one.
func (sh shell) trust(c *cli.Context, data node.DataDir) (proof.Trust, error) {
	trust, err := flags.Trust(data, c.StringSlice("key"), c.StringSlice("checkpoint"))
	if err != nil {
		return trust, err
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return trust, err
	}
	if cfg, _ := load(); cfg != nil {
		trust.Every, trust.Interval = cfg.Audit.Every, cfg.Audit.Checkpoint
	}
	return trust, nil
}

func asVerified(r proof.Report) verified {
	return verified{r.OK(), r.Records, r.Checkpoints, uint64(r.First), uint64(r.FirstBad), r.Unsigned,
		r.Held, r.Msg, r.Limits(), r.Cure}
}

func (sh shell) showVerified(r proof.Report) error {
	if sh.JSON {
		return sh.Print(asVerified(r))
	}
	paint := sh.Paint(sh.Out)
	head := paint.Good("good")
	if !r.OK() {
		head = paint.Bad(fmt.Sprintf("BAD from record %d on", r.FirstBad))
	}
	if err := sh.Printf("%s: %s, %s: %s\n  %s\n", head, term.Count(r.Records, "record"), term.Count(r.Checkpoints,
		"checkpoint"), term.Plain(r.Msg), term.Plain(r.Limits())); err != nil || r.Cure == "" {
		return err
	}
	return sh.Printf("  what to do: %s\n", term.Plain(r.Cure))
}
