package operate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/backup"
)

func (sh shell) backupCommand() *cli.Command {
	return &cli.Command{
		Name: "backup", Usage: "copy the data folder of a gateway, which may run meanwhile",
		Description: "The copy is one that a gateway can start from: put it where data points. Run it as the gateway's user,\n" +
			"and keep the copy as you keep the folder: it has the keys of the audit log and of the certificates.",
		Action: sh.backup,
		Flags: append(
			flags.Config(),
			&cli.StringFlag{Name: "data", Usage: "the gateway's data folder; else the one of the configuration"},
			&cli.StringFlag{Name: "out", Usage: "folder to make; it must not be there"},
		),
	}
}

// backedUp is a backup that was made, for a script.
type backedUp struct {
	OK  bool   `json:"ok"`
	Out string `json:"out"`
	backup.Taken
}

func (sh shell) backup(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	out := c.String("out")
	if out == "" {
		return flags.Misused(c, "backup needs --out")
	}
	data, err := flags.Data(sh.Shell, c)
	if err != nil {
		return err
	}
	taken, err := backup.Take(c.Context, backup.Data{Dir: string(data), Database: data.Database(), Log: data.Audit()}, out)
	switch {
	case errors.Is(err, fs.ErrExist):
		return &term.OutputError{Err: fmt.Errorf("%s is there already: name another folder with --out", out)}
	case errors.Is(err, fs.ErrNotExist), !isFolder(string(data)):
		return &term.DataError{Msg: err.Error(), Cure: "name the gateway's data folder with --data, or its file with --config; " +
			"where gateways share a database, back that one up"}
	case err != nil:
		return &term.OutputError{Err: err}
	}
	if sh.JSON {
		return sh.Print(backedUp{OK: true, Out: out, Taken: taken})
	}
	return sh.Printf(
		"Backed up %s to %s: %s, %s\n",
		term.Plain(string(data)),
		term.Plain(out),
		term.Count(taken.Files, "file"),
		term.Size(taken.Bytes),
	)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
