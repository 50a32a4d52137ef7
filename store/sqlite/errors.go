package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/stagelock/stagelock/store"
)

// fullErrnos are what the system says when a file cannot grow or be written at all.
var fullErrnos = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS}

// fullCodes are SQLite's words for the same.
var fullCodes = map[int]bool{
	sqlite3.SQLITE_FULL:          true,
	sqlite3.SQLITE_READONLY:      true,
	sqlite3.SQLITE_IOERR_SHMSIZE: true,
}

// translate makes a full disk and a read-only file ErrFull, whoever noticed it.
func translate(err error) error {
	var de *sqlite.Error
	if errors.As(err, &de) && (fullCodes[de.Code()] || fullCodes[de.Code()&0xff]) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	for _, errno := range fullErrnos {
		if errors.Is(err, errno) {
			return fmt.Errorf("%w: %w", store.ErrFull, err)
		}
	}
	return err
}
