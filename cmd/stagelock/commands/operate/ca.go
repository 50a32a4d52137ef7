package operate

import (
	"errors"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/certs"
	"github.com/stagelock/stagelock/gateway/certs/trust"
	"github.com/stagelock/stagelock/gateway/node"
)

func (sh shell) caCommand() *cli.Command {
	return &cli.Command{
		Name: "ca", Usage: "print the gateway's own authority, and how publishers are made to trust it",
		Flags: append(flags.Config(), &cli.StringFlag{Name: "data",
			Usage: "the gateway's data folder; else the one of the configuration"}),
		Action: sh.ca,
	}
}

func (sh shell) ca(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	data, err := flags.Data(sh.Shell, c)
	if err != nil {
		return err
	}
	a, err := trust.Read(data.CA())
	if errors.Is(err, fs.ErrNotExist) {
		return sh.noAuthority(c, data)
	}
	if err != nil {
		return &term.DataError{Msg: err.Error(), Cure: "remove the file and restart the gateway: it writes it anew"}
	}
	return sh.showAuthority(a)
}

// noAuthority says why there is none, as far as the configuration tells.
func (sh shell) noAuthority(c *cli.Context, data node.DataDir) error {
	e := &term.DataError{Msg: "there is no authority at " + data.CA(),
		Cure: "the gateway makes it when it first starts; name its folder with --data, or its file with --config"}
	load, err := flags.Loader(sh.Shell, c)
	if err != nil || c.String("data") != "" {
		return e
	}
	if cfg, _ := load(); cfg != nil && cfg.TLS.Source != string(certs.Local) {
		e.Msg = "this gateway has no authority of its own: tls.source is " + cfg.TLS.Source
		e.Cure = "publishers must trust who issued " + issuedBy(cfg)
	}
	return e
}

func issuedBy(cfg *conf.Config) string {
	if cfg.TLS.Source == string(certs.Files) {
		return string(cfg.TLS.Certificate)
	}
	return "its certificate; the public authorities are trusted already"
}

// authority is the gateway's authority for a script.
type authority struct {
	CA          string      `json:"ca"`
	Name        string      `json:"name"`
	Fingerprint string      `json:"ca_sha256"`
	NotAfter    string      `json:"not_after"`
	Keytool     []trustLine `json:"keytool"`
}

type trustLine struct {
	JVM  string `json:"jvm"`
	Line string `json:"line"`
}

func (sh shell) showAuthority(a *trust.Authority) error {
	if sh.JSON {
		r := authority{CA: a.Path, Name: a.Name, Fingerprint: a.Fingerprint, NotAfter: term.Stamp(a.NotAfter)}
		for _, t := range a.Commands() {
			r.Keytool = append(r.Keytool, trustLine(t))
		}
		return sh.Print(r)
	}
	return sh.table("  ", a)
}

// table says to people where the authority is, and what makes a JVM trust it.
func (sh shell) table(indent string, a *trust.Authority) error {
	if err := sh.Table([][]string{
		{indent + "file", a.Path}, {indent + "fingerprint", "SHA-256 " + a.Fingerprint},
		{indent + "valid until", term.Stamp(a.NotAfter)},
	}); err != nil {
		return err
	}
	for _, t := range a.Commands() {
		if err := sh.Printf("%sin %s, as the user who owns it:\n%s  %s\n", indent, t.JVM, indent, t.Line); err != nil {
			return err
		}
	}
	return nil
}
