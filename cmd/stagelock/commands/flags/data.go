package flags

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
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
	if _, err := os.Stat(dir); err != nil {
		return nil, &term.DataError{Msg: "there is no audit log: " + err.Error(),
			Cure: "name the gateway's data folder with --data, or its file with --config"}
	}
	return files.Open(files.Config{Dir: dir, ReadOnly: true})
}

// ReadKey reads the public key of an audit log.
func ReadKey(file string) (ed25519.PublicKey, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	k, err := audit.ParseKey(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return k, nil
}
