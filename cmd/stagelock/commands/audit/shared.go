package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres"
)

// verifiedAll are the logs of gateways that share a database, for a script.
type verifiedAll struct {
	OK      bool          `json:"ok"`
	Notes   uint64        `json:"notes"`
	Newest  time.Time     `json:"newest_note,omitzero"`
	Signers int           `json:"signers"` // of the newest note
	Message string        `json:"message,omitempty"`
	Cure    string        `json:"cure,omitempty"`
	Keys    string        `json:"keys_from"`
	Logs    []verifiedLog `json:"logs"`
}

type verifiedLog struct {
	Log string `json:"log"`
	verified
}

// sharing returns the configuration of a gateway that shares its logs with others; nil if the log lies
// in a data folder.
func (sh shell) sharing(c *cli.Context) (*conf.Config, error) {
	if c.String("data") != "" {
		return nil, nil
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return nil, err
	}
	cfg, problems := load()
	if cfg == nil {
		return nil, flags.BadConfig(sh.Shell, problems)
	}
	if cfg.Store != "postgres" {
		return nil, nil
	}
	return cfg, nil
}

// verifyShared verifies the logs of all gateways and the notes over them.
func (sh shell) verifyShared(c *cli.Context, cfg *conf.Config) error {
	db, err := flags.OpenShared(c.Context, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it was only read
	trust, from, err := sh.sharedTrust(c, cfg, db.Values())
	if err != nil {
		return err
	}
	r, err := verifyAll(c.Context, db, trust)
	if err != nil {
		return &term.DataError{Msg: "the audit logs cannot be verified: " + err.Error(), Cure: "see stagelock store check"}
	}
	if err := sh.showAll(r, from); err != nil {
		return err
	}
	if !r.OK() {
		return &term.SilentError{Code: term.ExitData}
	}
	return nil
}

// sharedTrust is what the logs that gateways share are held against, and says where the keys are from.
func (sh shell) sharedTrust(c *cli.Context, cfg *conf.Config, values store.Values) (witness.Trust, string, error) {
	trust := witness.Trust{Newest: map[string][]proof.Note{}, Every: cfg.Audit.Every, Interval: cfg.Audit.Checkpoint,
		Now: sh.Now, Only: c.String("log")}
	data := node.DataDir(cfg.Data)
	from, err := sh.sharedKeys(c, data, &trust, func(ctx context.Context) ([]witness.NodeKey, error) {
		return witness.StoredKeys(ctx, values)
	})
	if err == nil {
		err = keptNotes(&trust, data, c.StringSlice("checkpoint"))
	}
	return trust, from, err
}

// verifyAll verifies the logs in a database, once more if they were archived meanwhile.
func verifyAll(ctx context.Context, db *postgres.Store, trust witness.Trust) (r witness.Report, err error) {
	if trust.Anchors, err = witness.StoredAnchors(ctx, db.Values()); err != nil {
		return r, err
	}
	r, err = witness.Verify(ctx, db.Logs(), trust)
	if err != nil || r.OK() {
		return r, err
	}
	now, err := witness.StoredAnchors(ctx, db.Values())
	if err != nil || now.Equal(trust.Anchors) {
		return r, err
	}
	trust.Anchors = now
	return witness.Verify(ctx, db.Logs(), trust)
}

// sharedKeys finds the public keys of the gateways, and says where they are from: named by the user, seen
// by this gateway, or told by the database, which whoever can write it can change.
func (sh shell) sharedKeys(
	c *cli.Context, data node.DataDir, trust *witness.Trust, stored func(context.Context) ([]witness.NodeKey, error),
) (from string, err error) {
	if named := c.StringSlice("key"); len(named) > 0 {
		for _, file := range named {
			some, err := flags.ReadKeys(file)
			if err != nil {
				return "", &term.DataError{Msg: "public key of a gateway: " + err.Error(),
					Cure: "each gateway has one beside audit.key, with .pub behind its name"}
			}
			trust.Keys = append(trust.Keys, some...)
		}
		return "the files named with --key", nil
	}
	seen, err := witness.ReadKeys(data.GatewayKeys())
	if err != nil {
		return "", &term.DataError{Msg: err.Error(), Cure: "bring that file back from a backup, or name the keys with --key"}
	}
	from = "those that this gateway has seen (" + data.GatewayKeys() + ")"
	if len(seen) == 0 {
		if seen, err = stored(c.Context); err != nil {
			return "", err
		}
		from = "the database: whoever can write it could have put others there, name the gateways' own with --key"
	}
	trust.Keys = keysOf(seen)
	return from, nil
}

func keysOf(all []witness.NodeKey) (keys []ed25519.PublicKey) {
	for _, k := range all {
		keys = append(keys, k.Key)
	}
	return keys
}

// keptNotes adds the newest notes in the data folder, if there is one here, and those in files.
func keptNotes(trust *witness.Trust, data node.DataDir, copies []string) error {
	for i, file := range append([]string{data.Note(), data.SharedCheckpoint()}, copies...) {
		text, err := bounded.Any(file, bounded.Small)
		if errors.Is(err, fs.ErrNotExist) && i < 2 {
			continue
		}
		if err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		kept := proof.Note{Text: text, From: file}
		signed, _, _ := strings.Cut(string(text), "\n\n")
		one, err := chain.ParseCheckpoint(signed+"\n", chain.Newest)
		if err != nil {
			trust.Kept = append(trust.Kept, kept)
			continue
		}
		trust.Newest[one.Node] = append(trust.Newest[one.Node], kept)
	}
	return nil
}

func (sh shell) showAll(r witness.Report, from string) error {
	if sh.JSON {
		all := verifiedAll{
			OK:      r.OK(),
			Notes:   r.Notes,
			Newest:  r.Newest.At,
			Signers: r.Signers,
			Message: r.Bad,
			Cure:    r.Cure,
			Keys:    from,
			Logs:    []verifiedLog{},
		}
		for _, l := range r.Logs {
			all.Logs = append(all.Logs, verifiedLog{l.Log, asVerified(l.Report)})
		}
		return sh.Print(all)
	}
	for _, l := range r.Logs {
		if err := sh.Printf("%s ", term.Plain(l.Log)); err != nil {
			return err
		}
		if err := sh.showVerified(l.Report); err != nil {
			return err
		}
	}
	paint := sh.Paint(sh.Out)
	if r.Bad != "" {
		return sh.Printf("%s: %s\n  what to do: %s\n", paint.Bad("notes over all logs BAD"), term.Plain(r.Bad), term.Plain(r.Cure))
	}
	text := "no note covers all logs yet"
	if r.Notes > 0 {
		text = fmt.Sprintf("%s over all logs, the newest of %s, signed by %s", term.Count(int(r.Notes), "note"),
			term.Stamp(r.Newest.At), term.Count(r.Signers, "gateway"))
	}
	return sh.Printf("%s: %s\n  keys: %s\n", paint.Good("good"), text, from)
}
