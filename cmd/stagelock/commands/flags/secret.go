package flags

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/policy/secret"
)

// Secret returns the flags that say where a shared secret is and how it becomes a key. None of them takes the secret
// itself: a command line is seen by everybody on the machine.
func Secret() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "secret-file",
			Usage: "file with the shared secret; - for standard input. Else STAGELOCK_SECRET, " +
				"STAGELOCK_SECRET_FILE, or a prompt"},
		&cli.StringFlag{Name: "algorithm", Value: "AES", Usage: "cipher: AES, Blowfish or DESede"},
		&cli.BoolFlag{Name: "hex", Usage: "the secret is written in hexadecimal digits"},
	}
}

// ReadSecret gets the shared secret from where the user keeps it: the file of the flag, the
// environment, or the terminal.
func ReadSecret(sh *term.Shell, c *cli.Context) (string, error) {
	if file := c.String("secret-file"); file != "" {
		return secretFrom(sh, file)
	}
	if s := sh.Env("STAGELOCK_SECRET"); s != "" {
		return s, nil
	}
	if file := sh.Env("STAGELOCK_SECRET_FILE"); file != "" {
		return secretFrom(sh, file)
	}
	s, err := sh.AskSecret("Shared secret: ")
	if errors.Is(err, term.ErrNoTerminal) {
		return "", term.Usagef("no shared secret: name its file with --secret-file or " +
			"STAGELOCK_SECRET_FILE, or set STAGELOCK_SECRET")
	}
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	return s, nil
}

// SecretFile reads the shared secret from a file; - is standard input.
func SecretFile(sh *term.Shell, file string) (string, error) { return secretFrom(sh, file) }

func secretFrom(sh *term.Shell, file string) (string, error) {
	if file == "-" {
		line, err := bufio.NewReader(io.LimitReader(sh.In, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the secret: %w", err)
		}
		return nonEmpty(strings.TrimRight(line, "\r\n"), "standard input")
	}
	b, err := bounded.Any(file, bounded.Small)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(sh.Err,
			"stagelock: warning: others on this machine may read %s; chmod 600 %s\n", file, file)
	}
	return nonEmpty(strings.TrimRight(string(b), "\r\n"), file)
}

func nonEmpty(s, where string) (string, error) {
	if s == "" {
		return "", &term.DataError{Msg: "there is no secret in " + where}
	}
	return s, nil
}

// Key makes the key of the shared secret for a version line.
func Key(sh *term.Shell, c *cli.Context, line string) (*secret.Key, []policy.Finding, error) {
	s, err := ReadSecret(sh, c)
	if err != nil {
		return nil, nil, err
	}
	k, problems := secret.NewKey(secret.KeyConfig{
		ID: "secret", Algorithm: c.String("algorithm"), Secret: []byte(s), Hex: c.Bool("hex"), Line: line,
	})
	return k, problems, nil
}

// UsableKey is Key for a command that works with the key: it warns of what is odd about the secret, and returns an
// error that says why no key can be made of it.
func UsableKey(sh *term.Shell, c *cli.Context, line string) (*secret.Key, error) {
	k, problems, err := Key(sh, c, line)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		if !p.Warning {
			return nil, &term.DataError{Msg: "the secret cannot be used: " + p.Msg, Cure: p.Cure}
		}
		fmt.Fprintf(sh.Err, "stagelock: warning: %s; %s\n", p.Msg, p.Cure)
	}
	return k, nil
}
