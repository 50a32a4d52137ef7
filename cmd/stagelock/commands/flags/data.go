package flags

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/gateway/node"
	"github.com/stagelock/stagelock/store/files"
)

// Data returns the gateway's data folder.
func Data(sh *term.Shell, c *cli.Context) (node.DataDir, error) {
	if d := c.String("data"); d != "" {
		return node.DataDir(d), nil
	}
	load, err := Loader(sh, c)
	if err != nil {
		return "", err
	}
	cfg, problems := load()
	if cfg == nil {
		return "", BadConfig(sh, problems)
	}
	return node.DataDir(cfg.Data), nil
}

// OpenLog opens the audit log in the data folder for reading.
func OpenLog(data node.DataDir) (*files.Events, error) {
	dir := data.Audit()
	_, err := os.Stat(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("the audit log cannot be read: %w", err)
	}
	if err != nil {
		return nil, &term.DataError{Msg: "there is no audit log: " + err.Error(),
			Cure: "name the gateway's data folder with --data, or its file with --config"}
	}
	return files.Open(files.Config{Dir: dir, ReadOnly: true})
}

// Trust returns what the audit log in the data folder is held against: the public keys in those
// files, or the one in the folder if there are none, and the newest checkpoint in the folder and
// those in those files. What is not in the folder is left out: Verify says what that means.
func Trust(data node.DataDir, keys, copies []string) (proof.Trust, error) {
	var trust proof.Trust
	if len(keys) == 0 {
		keys = []string{data.AuditPublicKey()}
	}
	for _, file := range keys {
		some, err := ReadKeys(file)
		if err != nil {
			return trust, &term.DataError{Msg: "public key of the audit log: " + err.Error(),
				Cure: "name its file with --key; the gateway wrote it when it first started, as " +
					filepath.Base(data.AuditPublicKey()) + " into its data folder"}
		}
		trust.Keys = append(trust.Keys, some...)
	}
	for _, file := range append([]string{data.Checkpoint()}, copies...) {
		b, err := bounded.Any(file, bounded.Small)
		if errors.Is(err, fs.ErrNotExist) && file == data.Checkpoint() {
			continue
		}
		if err != nil {
			return trust, fmt.Errorf("checkpoint: %w", err)
		}
		trust.Notes = append(trust.Notes, proof.Note{Text: b, From: file})
	}
	anchor, err := bounded.File(data.Anchor(), bounded.Small)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return trust, fmt.Errorf("anchor: %w", err)
	}
	trust.Anchor = anchor
	return trust, nil
}

// ReadKeys reads the public keys of an audit log, one a line: a gateway has one, what several gateways wrote
// and was archived has some.
func ReadKeys(file string) (keys []ed25519.PublicKey, err error) {
	b, err := bounded.Any(file, bounded.Small)
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n") {
		k, err := chain.ParseKey(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}
