package flags

import (
	"errors"
	"io/fs"
	"os"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// taken is the name of a file that is there already.
type taken string

func (t taken) Error() string { return string(t) + " is there already; it may be in use" }

// Unwrap returns what the system said.
func (taken) Unwrap() error { return fs.ErrExist }

// WriteNew writes a file that is not there yet.
func WriteNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &term.OutputError{Err: taken(path)}
	}
	if err != nil {
		return &term.OutputError{Err: err}
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return &term.OutputError{Err: err}
	}
	return nil
}
