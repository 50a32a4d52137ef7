package vault

import (
	"errors"
	"os"
	"syscall"
)

// Lock is held for as long as a process has the folder open: alone while it is swept, shared
// afterwards.
type Lock struct {
	file  *os.File
	alone bool
}

// LockFolder opens the lock file at path: alone if nobody else has it open, or else shared, which waits
// until nobody is alone. The caller closes it.
func LockFolder(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &Lock{file: f}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		l.alone = true
		return l, nil
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(err, f.Close())
	}
	if err := l.Share(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// Share waits until nobody is alone in the folder.
func (l *Lock) Share() error {
	l.alone = false
	return syscall.Flock(int(l.file.Fd()), syscall.LOCK_SH)
}

// Alone reports whether no other process can have the folder open.
func (l *Lock) Alone() bool { return l.alone }

// Close releases the lock.
func (l *Lock) Close() error { return l.file.Close() }
