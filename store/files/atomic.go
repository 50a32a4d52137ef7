package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes the file at path, whole and durable: whoever reads it sees the old or the new
// content, also after a crash.
func Replace(path string, data []byte, perm fs.FileMode) error {
	return put(path, data, perm, os.Rename)
}

// Create does what Replace does for a file that is not there yet, and returns an error that is
// fs.ErrExist if it is. So one of several processes makes a key.
func Create(path string, data []byte, perm fs.FileMode) error {
	return put(path, data, perm, os.Link)
}

// put writes a file beside path and puts it in place with move.
func put(path string, data []byte, perm fs.FileMode, move func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return translate(err)
	}
	defer os.Remove(f.Name()) // gone already after a rename
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return translate(err)
	}
	if err := move(f.Name(), path); err != nil {
		return translate(err)
	}
	return syncDir(filepath.Dir(path))
}
