package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/stagelock/stagelock/policy/secret"
)

// secretFlags say where a shared secret is and how it becomes a key. None of them takes the secret
// itself: a command line is seen by everybody on the machine.
func secretFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "secret-file",
			Usage: "file with the shared secret; - for standard input. Else STAGELOCK_SECRET, " +
				"STAGELOCK_SECRET_FILE, or a prompt"},
		&cli.StringFlag{Name: "algorithm", Value: "AES", Usage: "cipher: AES, Blowfish or DESede"},
		&cli.BoolFlag{Name: "hex", Usage: "the secret is written in hexadecimal digits"},
	}
}

// secret gets the shared secret from where the user keeps it: the file of the flag, the
// environment, or the terminal.
func (sh *shell) secret(c *cli.Context) (string, error) {
	if file := c.String("secret-file"); file != "" {
		return sh.secretFrom(file)
	}
	if s := sh.env("STAGELOCK_SECRET"); s != "" {
		return s, nil
	}
	if file := sh.env("STAGELOCK_SECRET_FILE"); file != "" {
		return sh.secretFrom(file)
	}
	f, ok := sh.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "",
			usagef("no shared secret: name its file with --secret-file or " +
				"STAGELOCK_SECRET_FILE, or set STAGELOCK_SECRET")
	}
	fmt.Fprint(sh.err, "Shared secret: ")
	b, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(sh.err)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	return string(b), nil
}

func (sh *shell) secretFrom(file string) (string, error) {
	if file == "-" {
		line, err := bufio.NewReader(io.LimitReader(sh.in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the secret: %w", err)
		}
		return nonEmpty(strings.TrimRight(line, "\r\n"), "standard input")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(sh.err,
			"stagelock: warning: others on this machine may read %s; chmod 600 %s\n", file, file)
	}
	return nonEmpty(strings.TrimRight(string(b), "\r\n"), file)
}

func nonEmpty(s, where string) (string, error) {
	if s == "" {
		return "", &dataError{msg: "there is no secret in " + where}
	}
	return s, nil
}

// key makes the key of the shared secret for a version line.
func (sh *shell) key(c *cli.Context, line string) (*secret.Key, []secret.Problem, error) {
	s, err := sh.secret(c)
	if err != nil {
		return nil, nil, err
	}
	k, problems := secret.NewKey(secret.KeyConfig{
		ID: "secret", Algorithm: c.String("algorithm"), Secret: []byte(s), Hex: c.Bool("hex"), Line: line,
	})
	return k, problems, nil
}
