package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/policy/secret"
)

func (sh *shell) secretCommand() *cli.Command {
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
				Flags: append(secretFlags(),
					&cli.StringFlag{Name: "line",
						Usage: "version line of the live engine; without one the strictest counts"},
					&cli.BoolFlag{Name: "three-part",
						Usage: "print the 24-byte form of a 16-byte DESede key, which is a secret"},
					&cli.BoolFlag{Name: "json", Usage: "print JSON"}),
			},
		},
	}
}

func (sh *shell) secretNew(c *cli.Context) error {
	if _, err := operands(c); err != nil {
		return err
	}
	s, err := secret.Generate(c.String("algorithm"), sh.rand)
	if err != nil {
		return usagef("%v", err)
	}
	out := c.String("out")
	if out != "" {
		if err := writeNew(out, s+"\n"); err != nil {
			return err
		}
	}
	if sh.json {
		r := map[string]any{"algorithm": c.String("algorithm"), "hex": true}
		if r["file"] = out; out == "" {
			delete(r, "file")
			r["secret"] = s
		}
		return sh.print(r)
	}
	if out == "" {
		return sh.printf("%s\n", s)
	}
	return sh.printf("Written to %s. On both sides, in portal-ext.properties:\n\n"+
		"  tunneling.servlet.encryption.algorithm=%s\n  tunneling.servlet.shared.secret.hex=true\n"+
		"  tunneling.servlet.shared.secret=(what is in the file)\n", out, c.String("algorithm"))
}

// writeNew writes a file that is not there yet.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &outputError{fmt.Errorf("%s is there already; it may be in use", path)}
	}
	if err != nil {
		return &outputError{err}
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return &outputError{err}
	}
	return nil
}

// checkedProblem is one finding for a script.
type checkedProblem struct {
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

func (sh *shell) secretCheck(c *cli.Context) error {
	if _, err := operands(c); err != nil {
		return err
	}
	if c.Bool("three-part") {
		return sh.threePart(c)
	}
	k, problems, err := sh.key(c, c.String("line"))
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
		return &configError{msg: "the secret cannot be used", said: true}
	}
	return nil
}

func (sh *shell) showChecked(usable bool, found []checkedProblem) error {
	if sh.json {
		return sh.print(map[string]any{"ok": usable, "problems": found})
	}
	for _, p := range found {
		label := "wrong"
		if p.Warning {
			label = "warning"
		}
		if err := sh.printf("%s: %s\n  what to do: %s\n", label, p.Message, p.Cure); err != nil {
			return err
		}
	}
	if usable {
		return sh.printf("The secret can be used.\n")
	}
	return nil
}

func (sh *shell) threePart(c *cli.Context) error {
	s, err := sh.secret(c)
	if err != nil {
		return err
	}
	digits, ok := secret.ThreePart(secret.KeyConfig{Algorithm: c.String("algorithm"),
		Secret: []byte(s), Hex: c.Bool("hex")})
	if !ok {
		return &dataError{msg: "only a 16-byte DESede key has a form of three parts",
			cure: "check --algorithm and --hex"}
	}
	if sh.json {
		return sh.print(map[string]any{"secret": digits, "hex": true})
	}
	return sh.printf("%s\n", digits)
}
