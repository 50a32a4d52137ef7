package flags

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
)

// WriteNew writes a file that is not there yet.
func WriteNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &term.OutputError{Err: fmt.Errorf("%s is there already; it may be in use", path)}
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
