package content

import (
	"errors"
	"os"
	"syscall"
)

// folderLock is held for as long as a process has the folder open: alone while it is swept, shared
// afterwards.
type folderLock struct {
	file  *os.File
	alone bool
}

func lockFolder(path string) (*folderLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &folderLock{file: f}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		l.alone = true
		return l, nil
	case !errors.Is(err, syscall.EWOULDBLOCK):
		return nil, errors.Join(err, f.Close())
	}
	if err := l.share(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// share waits until nobody is alone in the folder.
func (l *folderLock) share() error {
	l.alone = false
	return syscall.Flock(int(l.file.Fd()), syscall.LOCK_SH)
}

// Close releases the lock.
func (l *folderLock) Close() error { return l.file.Close() }
