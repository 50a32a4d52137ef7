// Package reach is how a command reaches an engine that runs: by its data folder, or by its address and token.
package reach

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/integration/engine/control"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// Flags are the flags of commands to a running engine, before those of the command itself.
func Flags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "engine", EnvVars: []string{"STAGELOCK_ENGINE"},
			Usage: "data folder of the engine, or its address for commands: http://127.0.0.1:8090"},
		&cli.StringFlag{Name: "token-file", EnvVars: []string{"STAGELOCK_TOKEN_FILE"},
			Usage: "file with the engine's token, if --engine is an address"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
	}, more...)
}

// Client finds the engine that --engine names.
func Client(c *cli.Context) (*control.Client, error) {
	where := c.String("engine")
	if where == "" {
		return nil, flags.Misused(c, "no engine: name its data folder with --engine or STAGELOCK_ENGINE")
	}
	address, token := where, c.String("token-file")
	if u, err := url.Parse(where); err != nil || u.Host == "" {
		if address, err = running(where); err != nil {
			return nil, &term.DataError{Msg: "no engine runs on " + where,
				Cure: "start it: stagelock engine run --data " + where}
		}
		token = filepath.Join(where, TokenFile)
	}
	if token == "" {
		return nil, flags.Misused(c, "--engine is an address, so --token-file must name the engine's token")
	}
	b, err := bounded.Any(token, bounded.Small)
	if err != nil {
		return nil, &term.DataError{Msg: "read the token: " + err.Error(),
			Cure: "the token lies in the engine's data folder; run the command as the engine's user"}
	}
	return &control.Client{URL: strings.TrimSuffix(address, "/"), Token: strings.TrimSpace(string(b))}, nil
}

// Ask sends a command to the engine that the flags name.
func Ask[Out any](c *cli.Context, name string, in any) (out Out, err error) {
	to, err := Client(c)
	if err != nil {
		return out, err
	}
	out, err = control.Do[Out](c.Context, to, name, in)
	return out, Explained(c.Context, err)
}

// Explained makes of a command that failed what the command line tells.
func Explained(ctx context.Context, err error) error {
	var f *control.Failure
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case !errors.As(err, &f):
		if errors.Is(err, control.ErrNoEngine) {
			return &failure.Failure{Kind: failure.BadAnswer, Msg: err.Error(),
				Cure: "--engine is the address for commands, which engine run prints with --json"}
		}
		return &failure.Failure{Kind: failure.Unreachable, Msg: "the engine cannot be reached", Err: err,
			Cure: "see that it runs: stagelock engine run; its data folder names where it listens"}
	case f.Status == http.StatusUnauthorized:
		return &failure.Failure{Kind: failure.Denied, Msg: f.Message, Cure: cmp.Or(f.Cure,
			"the token lies in the engine's data folder: name the folder with --engine, or the token with --token-file")}
	case f.Status == http.StatusBadGateway:
		return &failure.Failure{Kind: failure.Unreachable, Msg: f.Message, Cure: f.Cure}
	case f.Status == http.StatusServiceUnavailable:
		return &failure.Failure{Kind: failure.Busy, Msg: f.Message, Cure: f.Cure}
	case f.Status == http.StatusForbidden:
		return &failure.Failure{Kind: failure.Denied, Msg: f.Message, Cure: f.Cure}
	}
	return &term.DataError{Msg: f.Message, Cure: f.Cure}
}

// Site returns the id that --site names.
func Site(c *cli.Context) (int64, error) {
	if id := c.Int64("site"); id > 0 {
		return id, nil
	}
	if c.IsSet("site") {
		return 0, flags.Misused(c, "--site %d is no id: ids are above 0", c.Int64("site"))
	}
	return 0, flags.Misused(c, "%s needs --site, the id of a site", c.Command.Name)
}

// Number returns the one operand, an id.
func Number(c *cli.Context, what string) (int64, error) {
	args, err := flags.Operands(c, what)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(args[0], 10, 63)
	if err != nil || n == 0 {
		return 0, flags.Misused(c, "%q is no id", args[0])
	}
	return int64(n), nil
}
