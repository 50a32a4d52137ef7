package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/stagelock/stagelock/store"
)

// file is what a segment is written through.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// createFile opens a segment for appending. It may be there already, empty, if a crash came right
// after it was made.
func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

func (e *Events) openReader() error {
	_, err := listSegments(e.dir)
	return err
}

// openWriter takes the folder for this process, finds the end and cuts off what is not a whole
// line.
func (e *Events) openWriter() error {
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockDir(e.dir)
	if err != nil {
		return err
	}
	if err := e.continueLog(); err != nil {
		return errors.Join(err, unlock())
	}
	e.unlock = unlock
	return nil
}

func (e *Events) continueLog() error {
	segments, err := listSegments(e.dir)
	if err != nil || len(segments) == 0 {
		e.last.Seq = e.first - 1
		e.synced = e.last.Seq
		return err
	}
	t, err := readTail(segments)
	if err != nil {
		return err
	}
	f, err := e.create(segments[len(segments)-1].path)
	if err != nil {
		return err
	}
	if err := f.Truncate(t.whole); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	e.segments, e.out, e.size, e.last, e.synced = segments, f, t.whole, t.last, t.last.Seq
	return syncDir(e.dir)
}

// errLocked says that another process writes the log.
var errLocked = errors.New("another process has it open")

func lockDir(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errLocked
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// full are what the system says when a file cannot grow or be written at all.
var full = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EFBIG}

// translate makes a full disk and a read-only file system ErrFull.
func translate(err error) error {
	for _, errno := range full {
		if errors.Is(err, errno) {
			return fmt.Errorf("%w: %w", store.ErrFull, err)
		}
	}
	return err
}
