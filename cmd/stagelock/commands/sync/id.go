package sync

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/node"
	words "github.com/stagelock/stagelock/tunnel/sync"
)

func (sh shell) idCommand() *cli.Command {
	return &cli.Command{
		Name: "id", Usage: "print the line that the other side writes into its sync.peers",
		Description: "The key is made the first time, in the data folder. Whoever may read it there can speak as this server.",
		Flags:       flags.Config(), Action: sh.id,
	}
}

// identity is a server for a script.
type identity struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	URL  string `json:"url"`
}

func (sh shell) id(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil {
		return err
	}
	cfg, problems := load()
	if cfg == nil || len(cfg.Names) == 0 || len(cfg.Listen) == 0 {
		return flags.BadConfig(sh.Shell, problems)
	}
	data := node.DataDir(cfg.Data)
	if err := os.MkdirAll(string(data), 0o700); err != nil {
		return &term.OutputError{Err: err}
	}
	key, err := chain.LoadKey(data.SyncKey())
	if err != nil {
		return &term.DataError{Msg: err.Error(), Cure: "run the command as the gateway's user"}
	}
	host := cfg.Names[0]
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(int(cfg.Listen[0].Port())))
	}
	own := identity{Key: string(words.IDOf(key.Public().(ed25519.PublicKey))), Name: cfg.Sync.Name, URL: "https://" + host}
	if sh.JSON {
		return sh.Print(own)
	}
	comment := ""
	if own.Name != "" {
		comment = fmt.Sprintf(" # %s", own.Name)
	}
	return sh.Printf("- { key: %s, url: \"%s\", kinds: [page, article, document] }%s\n", own.Key, own.URL, comment)
}
