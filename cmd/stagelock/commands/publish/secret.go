package publish

import (
	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/policy/secret"
)

func (sh shell) secretCommand() *cli.Command {
	return &cli.Command{
		Name: "secret", Usage: "make or check a shared secret",
		Subcommands: []*cli.Command{
			{
				Name: "new", Usage: "make a new shared secret, in hexadecimal digits", Action: sh.secretNew,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "algorithm", Value: "AES",
						Usage: "cipher: AES, Blowfish or DESede"},
					&cli.StringFlag{Name: "out",
						Usage: "new file to write it to, for its owner's eyes only; else it is printed"},
					&cli.BoolFlag{Name: "json", Usage: "print JSON"},
				},
			},
			{
				Name: "check", Usage: "say what is wrong with a shared secret, all at once",
				Action: sh.secretCheck,
				Flags: append(flags.Secret(),
					&cli.StringFlag{Name: "line",
						Usage: "version line of the live engine; without one the strictest counts"},
					&cli.BoolFlag{Name: "three-part",
						Usage: "print the 24-byte form of a 16-byte DESede key, which is a secret"},
					&cli.BoolFlag{Name: "json", Usage: "print JSON"}),
			},
		},
	}
}

func (sh shell) secretNew(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	s, err := secret.Generate(c.String("algorithm"), sh.Rand)
	if err != nil {
		return term.Usagef("%v", err)
	}
	out := c.String("out")
	if out != "" {
		if err := flags.WriteNew(out, s+"\n"); err != nil {
			return err
		}
	}
	if sh.JSON {
		r := map[string]any{"algorithm": c.String("algorithm"), "hex": true}
		if r["file"] = out; out == "" {
			delete(r, "file")
			r["secret"] = s
		}
		return sh.Print(r)
	}
	if out == "" {
		return sh.Printf("%s\n", s)
	}
	return sh.Printf("Written to %s. On both sides, in portal-ext.properties:\n\n"+
		"  tunneling.servlet.encryption.algorithm=%s\n  tunneling.servlet.shared.secret.hex=true\n"+
		"  tunneling.servlet.shared.secret=(what is in the file)\n", out, c.String("algorithm"))
}

// checkedProblem is one finding for a script.
type checkedProblem struct {
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

func (sh shell) secretCheck(c *cli.Context) error {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	if c.Bool("three-part") {
		return sh.threePart(c)
	}
	k, problems, err := flags.Key(sh.Shell, c, flags.Line(c))
	if err != nil {
		return err
	}
	found := make([]checkedProblem, 0, len(problems))
	for _, p := range problems {
		found = append(found, checkedProblem{p.Msg, p.Cure, p.Warning})
	}
	if err := sh.showChecked(k != nil, found); err != nil {
		return err
	}
	if k == nil {
		return &term.ConfigError{Msg: "the secret cannot be used", Said: true}
	}
	return nil
}

func (sh shell) showChecked(usable bool, found []checkedProblem) error {
	if sh.JSON {
		return sh.Print(map[string]any{"ok": usable, "problems": found})
	}
	for _, p := range found {
		label := "wrong"
		if p.Warning {
			label = "warning"
		}
		if err := sh.Printf("%s: %s\n  what to do: %s\n", label, p.Message, p.Cure); err != nil {
			return err
		}
	}
	if usable {
		return sh.Printf("The secret can be used.\n")
	}
	return nil
}

func (sh shell) threePart(c *cli.Context) error {
	s, err := flags.ReadSecret(sh.Shell, c)
	if err != nil {
		return err
	}
	digits, ok := secret.ThreePart(secret.KeyConfig{Algorithm: c.String("algorithm"),
		Secret: []byte(s), Hex: c.Bool("hex")})
	if !ok {
		return &term.DataError{Msg: "only a 16-byte DESede key has a form of three parts",
			Cure: "check --algorithm and --hex"}
	}
	if sh.JSON {
		return sh.Print(map[string]any{"secret": digits, "hex": true})
	}
	return sh.Printf("%s\n", digits)
}
