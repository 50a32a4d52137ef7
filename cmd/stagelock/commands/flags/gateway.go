package flags

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/admin"
	"github.com/stagelock/stagelock/gateway/node"
)

// Running returns the flags that say which running gateway is asked.
func Running(more ...cli.Flag) []cli.Flag {
	return append(append(Config(),
		&cli.StringFlag{Name: "socket", Usage: "the socket of the gateway; else that of admin.listen"}), more...)
}

// Gateway returns a client of the gateway that runs with the configuration, or at --socket.
func Gateway(sh *term.Shell, c *cli.Context) (*admin.Client, error) {
	if file := c.String("socket"); file != "" {
		return admin.NewClient(admin.Address{Network: "unix", Name: file}), nil
	}
	load, err := Loader(sh, c)
	if err != nil {
		return nil, err
	}
	cfg, problems := load()
	if cfg == nil {
		return nil, Unasked(sh, problems)
	}
	at, ok := adminAddress(cfg)
	if !ok {
		return nil, &term.UnavailableError{Msg: "admin.listen is empty: this gateway cannot be asked",
			Cure: "add unix:admin.sock to admin.listen and restart the gateway; kill -HUP reloads it meanwhile"}
	}
	return admin.NewClient(at), nil
}

// adminAddress is where a command reaches the gateway: its socket, else its own machine's address.
func adminAddress(cfg *conf.Config) (admin.Address, bool) {
	all := node.AdminAddresses(cfg)
	for _, a := range all {
		if a.Network == "unix" {
			return a, true
		}
	}
	for _, a := range all {
		if a.Loopback() {
			return a, true
		}
	}
	return admin.Address{}, false
}

// Unasked ends a command that found nobody to ask with a configuration that is wrong.
func Unasked(sh *term.Shell, problems []conf.Problem) error {
	err := BadConfig(sh, problems)
	if !sh.JSON {
		fmt.Fprintln(
			sh.Err,
			"No gateway was asked: where it listens stands in that file. One that runs goes on as before; name its socket with --socket.",
		)
	}
	return err
}

// Unreached says why the gateway gave no answer.
func Unreached(err error) error {
	switch {
	case errors.Is(err, admin.ErrNobody):
		return &term.UnavailableError{Msg: "no gateway runs here: " + err.Error(),
			Cure: "start it with stagelock run; if it runs, name its file with --config or its socket with --socket"}
	case errors.Is(err, admin.ErrDenied):
		return &term.DeniedError{Msg: err.Error(),
			Cure: "run the command as the gateway's user, such as sudo -u stagelock, or set admin.group"}
	}
	return &term.UnavailableError{Msg: err.Error(), Cure: "see the gateway's log"}
}
