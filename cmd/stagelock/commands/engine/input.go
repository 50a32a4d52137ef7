package engine

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/engine/reach"
	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/integration/engine/control"
)

// opened opens a file that the command line names; it is no folder. The caller closes it.
func opened(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &term.DataError{Msg: err.Error(), Cure: "give the name of a file that can be read"}
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.Join(&term.DataError{Msg: path + " is a folder", Cure: "give the name of a file"}, f.Close())
	}
	return f, nil
}

// body is what --text or --file says, and what went wrong when it was read.
type body struct {
	io.ReadCloser
	failed error
}

// Read reads the content and keeps the error.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed = err
	}
	return n, err
}

// bodyOf opens what --text or --file says. The caller closes it.
func (sh shell) bodyOf(c *cli.Context) (*body, error) {
	file := c.String("file")
	switch {
	case c.IsSet("text") && file != "":
		return nil, flags.Misused(c, "--text and --file are two contents; give one")
	case c.IsSet("file") && file == "":
		return nil, flags.Misused(c, "--file is empty: name a file, or - for standard input")
	case file == "-":
		return &body{ReadCloser: io.NopCloser(sh.In)}, nil
	case file != "":
		f, err := opened(file)
		if err != nil {
			return nil, err
		}
		return &body{ReadCloser: f}, nil
	}
	return &body{ReadCloser: io.NopCloser(strings.NewReader(c.String("text")))}, nil
}

// upload sends the content of the flags with a command.
func upload[Out any](sh shell, c *cli.Context, name string, in any) (out Out, err error) {
	to, err := reach.Client(c)
	if err != nil {
		return out, err
	}
	from, err := sh.bodyOf(c)
	if err != nil {
		return out, err
	}
	defer func() { _ = from.Close() }() // it was only read
	out, err = control.Upload[Out](c.Context, to, name, in, from)
	if err != nil && from.failed != nil {
		return out, &term.DataError{Msg: "the content cannot be read: " + from.failed.Error(),
			Cure: "see that the file is whole, then try again"}
	}
	return out, reach.Explained(c.Context, err)
}
