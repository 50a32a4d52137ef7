package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"
)

// Shell is what a command sees of the world. A command line has its own; it is not shared.
type Shell struct {
	In       io.Reader
	Out, Err io.Writer
	Environ  []string // NAME=VALUE, the last one of a name counts
	Now      func() time.Time
	Rand     io.Reader
	Hangups  <-chan os.Signal // each asks a running gateway to read its configuration again
	Version  string           // of this binary
	JSON     bool             // results and failures are for a script
}

// Env returns a variable, empty if it is not set.
func (sh *Shell) Env(name string) string {
	for _, kv := range slices.Backward(sh.Environ) {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// Terminal reports whether w is one that understands more than lines.
func (sh *Shell) Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || sh.Env("TERM") == "dumb" {
		return false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return err == nil && width > 0
}

// ErrNoTerminal is returned by AskSecret where nobody can be asked.
var ErrNoTerminal = errors.New("there is no terminal to ask at")

// AskSecret asks for a secret at the terminal, which does not show it. It returns ErrNoTerminal if
// the input is none.
func (sh *Shell) AskSecret(prompt string) (string, error) {
	f, ok := sh.In.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", ErrNoTerminal
	}
	fmt.Fprint(sh.Err, prompt)
	b, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(sh.Err)
	return string(b), err
}

// Signal is the cause of a context that ends because the command was asked to.
type Signal struct{ os.Signal }

// Error returns which signal it was.
func (s Signal) Error() string { return s.String() + " signal" }

// Stopped reports whether err is only that the command was asked to end.
func Stopped(ctx context.Context, err error) bool {
	var s Signal
	return errors.As(context.Cause(ctx), &s) && errors.Is(err, context.Canceled)
}
