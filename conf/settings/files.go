package settings

import (
	"errors"
	"io/fs"

	"github.com/stagelock/stagelock/conf/bounded"
	"github.com/stagelock/stagelock/conf/settings/origin"
)

// MaxFile bounds every file that is read here, in bytes.
const MaxFile = bounded.Small

var errTooLarge = errors.New("is larger than 1 MiB")

// readRegular reads a regular file, and of a large one no more than tells that it is too large. It
// does not wait for a pipe.
func readRegular(name string) ([]byte, error) { return bounded.File(name, MaxFile) }

// ReadFile returns a file's bytes, or what is wrong with it in words that follow its name; it is
// fs.ErrNotExist if there is none.
func (l *Loader) ReadFile(name string) ([]byte, error) {
	data, err := l.sources.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, errors.New(cause(err))
	case len(data) > MaxFile:
		return nil, errTooLarge
	}
	return data, nil
}

// Unreadable reports a file that could not be read; its name stands at path or is o itself.
func (l *Loader) Unreadable(o Origin, path, name string, err error) {
	msg := "cannot be read: " + name + ": " + cause(err)
	if errors.Is(err, fs.ErrNotExist) {
		msg = "does not exist: " + name
	}
	l.Report(origin.At(o, path, msg, "check the name and that the gateway's user may read it"))
}

// cause drops the operation and name that a PathError repeats.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// WorldWritable reports whether every user of this machine may change the file, or what lies in the
// folder. One in which only owners may remove what is theirs, such as /tmp, does not count.
func (l *Loader) WorldWritable(name string) bool {
	if l.sources.Stat == nil {
		return false
	}
	info, err := l.sources.Stat(name)
	return err == nil && info.Mode().Perm()&0o002 != 0 && !(info.IsDir() && info.Mode()&fs.ModeSticky != 0)
}

// WorldReadable reports whether every user of this machine may read the file.
func (l *Loader) WorldReadable(name string) bool {
	if l.sources.Stat == nil {
		return false
	}
	info, err := l.sources.Stat(name)
	return err == nil && info.Mode().Perm()&0o004 != 0
}
