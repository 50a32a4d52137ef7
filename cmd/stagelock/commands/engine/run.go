package engine

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/servlet"
)

// ownBuilds are the build numbers of an engine of each line, if none is said.
var ownBuilds = map[string]string{"6.2": "6210", "7.0": "7010", "7.1": "7110", "7.2": "7210", "7.3": "7310", "7.4": "7413"}

func (sh shell) engineCommand() *cli.Command {
	return &cli.Command{Name: "engine", Usage: "the reference engine, for staging where no portal is at hand",
		Subcommands: []*cli.Command{{
			Name: "run", Usage: "run the reference engine",
			Description: "It listens for the tunnel where a gateway's upstream points, and for commands " +
				"(stagelock site, content, user)\nwith a token that lies in its data folder. Two may run on one folder.\n" +
				"The shared secret comes from --secret-file, STAGELOCK_SECRET, STAGELOCK_SECRET_FILE or a prompt.",
			Flags: append([]cli.Flag{
				&cli.StringFlag{Name: "data", Usage: "folder for its database and content; made if it is missing"},
				&cli.StringFlag{Name: "listen", Value: "127.0.0.1:8080", Usage: "address for the tunnel"},
				&cli.StringFlag{Name: "commands", Value: "127.0.0.1:0", Usage: "address for commands, of this machine"},
				&cli.StringFlag{Name: "context", Usage: "path context before /api/liferay/do, such as /portal"},
				&cli.StringFlag{Name: "line", Value: "7.4", Usage: "version line that it behaves as: 6.2, 7.0 to 7.4"},
				&cli.StringFlag{Name: "as-build", Usage: "build number that it says it is, and that old archives must have; " +
					"else that of the line"},
				&cli.BoolFlag{Name: "any-build", Usage: "take archives of other builds and schema versions, with a warning"},
				&cli.Int64Flag{Name: "company", Value: 20097, Usage: "id of its portal instance"},
				&cli.StringFlag{Name: "url", Usage: "scheme, host and port of its own pages"},
				&cli.StringFlag{Name: "ca", Usage: "file with the authority that live gateways' certificates are signed by"},
				&cli.StringFlag{Name: "patch", Usage: "patch level that it says it has, to gateways and to live, such as 92"},
				&cli.StringFlag{Name: "login-by", Value: "mail", Usage: "by what live knows its users: mail, screen-name or id"},
				&cli.StringFlag{Name: "buffer", Value: "10MiB", Usage: "length of the parts that it publishes in"},
				&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			}, flags.Secret()...),
			Action: sh.runEngine,
		}}}
}

// engineStarted is what an engine says when it listens, for a script.
type engineStarted struct {
	Listen   string `json:"listen"`
	Commands string `json:"commands"`
	Data     string `json:"data"`
}

func (sh shell) runEngine(c *cli.Context) (err error) {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	dir := c.String("data")
	if dir == "" {
		return flags.Misused(c, "engine run needs --data, the folder that it keeps everything in")
	}
	cfg, err := sh.engineConfig(c, dir)
	if err != nil {
		return err
	}
	e, err := engine.New(cfg)
	var unusable *fs.PathError
	if errors.As(err, &unusable) {
		return &term.DataError{Msg: err.Error(), Cure: "name a folder with --data that this user can make and write"}
	}
	if err != nil {
		return err
	}
	l, err := sh.listen(c, dir)
	if err != nil {
		return errors.Join(err, e.Close())
	}
	defer func() { err = errors.Join(err, reach.TakeWordBack(dir, l.Commands.Addr())) }()
	if err := sh.greet(dir, l); err != nil {
		return errors.Join(err, l.Tunnel.Close(), l.Commands.Close(), e.Close())
	}
	if err := e.Run(c.Context, l); err != nil {
		return &term.UncleanError{Err: err}
	}
	return nil
}

func (sh shell) engineConfig(c *cli.Context, dir string) (engine.Config, error) {
	line := flags.Line(c)
	build := c.String("as-build")
	if build == "" {
		build = ownBuilds[line]
	}
	key, err := flags.UsableKey(sh.Shell, c, line)
	if err != nil {
		return engine.Config{}, err
	}
	cfg := engine.Config{Dir: dir, Build: build, Line: line, CompanyID: c.Int64("company"), URL: c.String("url"),
		Context: c.String("context"), Patch: c.String("patch"), AnyBuild: c.Bool("any-build"), Now: sh.Now, Rand: sh.Rand,
		Verify:    servlet.Tokens(line, key.Token),
		Authorize: func(login string) string { return key.Authorization(login, false, false) }}
	cfg.LoginBy = content.LoginBy(c.String("login-by"))
	if err := checked(c, cfg); err != nil {
		return cfg, err
	}
	if cfg.Buffer, err = flags.ParseSize(c.String("buffer")); err != nil {
		return cfg, flags.Misused(c, "--buffer: %v", err)
	}
	if file := c.String("ca"); file != "" {
		cfg.Roots, err = flags.Roots(file)
	}
	return cfg, err
}

// listen opens both listeners and leaves word of the one for commands in the data folder.
func (sh shell) listen(c *cli.Context, dir string) (l engine.Listeners, err error) {
	if l.Token, err = token(filepath.Join(dir, reach.TokenFile), sh.Rand); err != nil {
		return l, err
	}
	if l.Tunnel, err = net.Listen("tcp", c.String("listen")); err != nil {
		return l, &term.DataError{Msg: err.Error(), Cure: "choose another address with --listen"}
	}
	if l.Commands, err = net.Listen("tcp", c.String("commands")); err != nil {
		return l, errors.Join(&term.DataError{Msg: err.Error(), Cure: "choose another address with --commands"},
			l.Tunnel.Close())
	}
	if err := reach.LeaveWord(dir, l.Commands.Addr()); err != nil {
		return l, errors.Join(&term.OutputError{Err: err}, l.Tunnel.Close(), l.Commands.Close())
	}
	return l, nil
}

// token reads the token of the folder, which the first engine there makes.
func token(path string, random io.Reader) (string, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		b, err := bounded.File(path, bounded.Small)
		return strings.TrimSpace(string(b)), err
	}
	if err != nil {
		return "", &term.OutputError{Err: err}
	}
	var b [32]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", errors.Join(err, f.Close())
	}
	text := hex.EncodeToString(b[:])
	_, err = f.WriteString(text + "\n")
	return text, errors.Join(err, f.Close())
}

func (sh shell) greet(dir string, l engine.Listeners) error {
	g := engineStarted{Listen: l.Tunnel.Addr().String(), Commands: l.Commands.Addr().String(), Data: dir}
	sh.warnOfCommands(l.Commands.Addr())
	if sh.JSON {
		return sh.Print(g)
	}
	return sh.Printf("engine listens on %s; commands to it: --engine %s\n", g.Listen, dir)
}
