package bounded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// The bounds that most callers have.
const (
	Small = 1 << 20  // keys, secrets, settings, checkpoints
	Large = 16 << 20 // trust stores and bundles of authorities
)

// File reads a regular file. One of more than most bytes is an error, and so are folders, devices, pipes and
// sockets, for which it does not wait.
func File(name string, most int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, wrong(name, "is a folder")
	case !info.Mode().IsRegular():
		return nil, wrong(name, "is a device, a pipe or a socket and no file")
	}
	return read(f, name, most)
}

// Any reads what a command line names, which may be a pipe that another command fills. More than most bytes are an
// error.
func Any(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(f, name, most)
}

func read(r io.Reader, name string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, wrong(name, "is larger than "+size(most))
	}
	return data, nil
}

func wrong(name, what string) error {
	return &fs.PathError{Op: "read", Path: name, Err: errors.New(what)}
}

func size(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
