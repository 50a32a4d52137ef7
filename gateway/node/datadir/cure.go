package datadir

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/stagelock/stagelock/store"
)

// cures are what to do where the folder cannot be used; the first that fits counts.
var cures = []struct {
	is   []error
	cure string
}{
	{[]error{syscall.EROFS}, " is mounted read-only: mount it for writing, or set data to another folder"},
	{[]error{syscall.ENOSPC, syscall.EDQUOT}, " has no room: make some, or set data to a folder on another disk"},
	{[]error{store.ErrFull}, " has no room, or files that may not be written: make room, have them belong to the gateway's user, " +
		"or set data to a folder on another disk"},
	{[]error{syscall.ENOTDIR, fs.ErrExist, syscall.ELOOP},
		" or a part of it is a file or a broken link: take that away, or set data to a folder"},
}

// Cure says what to do about err, for which nothing could be opened or made in d.
func Cure(d Dir, err error) string {
	for _, c := range cures {
		for _, is := range c.is {
			if errors.Is(err, is) {
				return string(d) + c.cure
			}
		}
	}
	return "mend the permissions of " + string(d) + ", which belongs to the gateway's user, or set data to another folder"
}
