package publish

import (
	"errors"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// standardInput is the name of a FILE that is read from there.
const standardInput = "-"

// input is the archive to publish.
type input struct {
	*archive.File
	file  *os.File
	name  string
	build int
	temp  bool // the file is a copy of standard input
}

// openArchive opens the archive to publish. Standard input is copied to a file first: the archive
// is announced by a checksum over all of it before its first byte is sent.
func (sh shell) openArchive(c *cli.Context, name string) (*input, error) {
	in := &input{name: name}
	path := name
	if name == standardInput {
		copied, err := sh.spool()
		if err != nil {
			return nil, err
		}
		path, in.temp, in.name = copied, true, "standard input"
	}
	lar, err := limited(c, path)
	if err != nil {
		return nil, errors.Join(err, in.discard(path))
	}
	in.File = lar
	if in.file, err = os.Open(path); err != nil {
		return nil, errors.Join(err, lar.Close(), in.discard(path))
	}
	if in.temp { // the open file is enough, and nothing is left behind whatever happens
		return in, in.discard(path)
	}
	return in, nil
}

func (in *input) discard(path string) error {
	if !in.temp {
		return nil
	}
	return os.Remove(path)
}

func (in *input) close() {
	_ = in.File.Close() // it was only read
	_ = in.file.Close() // so was this one
}

// spool copies standard input to a new file and returns its path.
func (sh shell) spool() (string, error) {
	f, err := os.CreateTemp("", "stagelock-*.lar")
	if err != nil {
		return "", &term.OutputError{Err: err}
	}
	_, err = io.Copy(f, sh.In)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", &term.OutputError{Err: errors.Join(err, os.Remove(f.Name()))}
	}
	return f.Name(), nil
}
