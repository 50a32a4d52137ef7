package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/store/sqlite"
)

// Data says what is copied.
type Data struct {
	Dir      string // the data folder
	Database string // its file
	Log      string // the folder of the audit log
}

// Taken is what was copied.
type Taken struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// ErrInside is returned for a copy that would be part of what is copied.
var ErrInside = errors.New("it lies in the data folder: name one elsewhere")

// Take copies d into a new folder, which is there when everything is on disk, and not before. The
// error is fs.ErrExist if it is there already, fs.ErrNotExist if d has no database, ErrInside if it would
// lie in d.
func Take(ctx context.Context, d Data, to string) (Taken, error) {
	if _, err := os.Lstat(to); err == nil {
		return Taken{}, fmt.Errorf("back up to %s: %w", to, fs.ErrExist)
	}
	if _, err := os.Stat(d.Database); err != nil {
		return Taken{}, fmt.Errorf("back up %s: %w", d.Dir, err)
	}
	if inside(d.Dir, filepath.Dir(filepath.Clean(to))) {
		return Taken{}, fmt.Errorf("back up to %s: %w", to, ErrInside)
	}
	partial, err := os.MkdirTemp(filepath.Dir(filepath.Clean(to)), filepath.Base(to)+".partial-")
	if err != nil {
		return Taken{}, err
	}
	c := &copying{Data: d, to: partial}
	if err = c.all(ctx); err == nil {
		err = os.Rename(partial, to)
	}
	if err != nil {
		return Taken{}, errors.Join(fmt.Errorf("back up %s: %w", d.Dir, err), os.RemoveAll(partial))
	}
	return c.Taken, nil
}

// inside reports whether a folder is dir or lies in it, whichever way it is named.
func inside(dir, folder string) bool {
	root, err := os.Stat(dir)
	if err != nil {
		return false
	}
	folder, err = filepath.Abs(folder)
	if real, e := filepath.EvalSymlinks(folder); e == nil {
		folder = real
	}
	for ; err == nil; folder = filepath.Dir(folder) {
		if info, e := os.Stat(folder); e == nil && os.SameFile(info, root) {
			return true
		}
		if folder == filepath.Dir(folder) {
			return false
		}
	}
	return false
}

// copying is a backup that is being made.
type copying struct {
	Data
	Taken
	to string
}

// all copies in the order that makes the copy one to start from: the log, which only grows, comes last.
func (c *copying) all(ctx context.Context) error {
	if err := c.tree(ctx, c.Dir, func(path string) bool { return path != c.Log && !c.databases(path) }); err != nil {
		return err
	}
	if err := sqlite.Backup(ctx, c.Database, c.under(c.Database)); err != nil {
		return err
	}
	if err := c.count(c.under(c.Database)); err != nil {
		return err
	}
	if _, err := os.Stat(c.Log); errors.Is(err, fs.ErrNotExist) {
		return nil // where gateways share a database it lies there
	}
	return c.tree(ctx, c.Log, func(string) bool { return true })
}

// databases reports whether a file is the database, or what SQLite and its lock keep beside it.
func (c *copying) databases(path string) bool {
	return path == c.Database || slices.Contains([]string{"-wal", "-shm", ".lock"}, strings.TrimPrefix(path, c.Database))
}

func (c *copying) under(path string) string {
	rel, err := filepath.Rel(c.Dir, path)
	if err != nil {
		return filepath.Join(c.to, filepath.Base(path))
	}
	return filepath.Join(c.to, rel)
}

// tree copies the folders and files below root that are wanted. Sockets are not.
func (c *copying) tree(ctx context.Context, root string, wanted func(path string) bool) error {
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !wanted(path) && e.IsDir():
			return filepath.SkipDir
		case !wanted(path):
			return nil
		case e.IsDir():
			return os.MkdirAll(c.under(path), 0o700) //nolint:gosec // the folder is the gateway's own
		case !e.Type().IsRegular():
			return nil
		}
		return c.file(path, c.under(path))
	})
}

// file copies one file as far as it goes now.
func (c *copying) file(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	return c.count(to)
}

func (c *copying) count(path string) error {
	info, err := os.Stat(path)
	if err == nil {
		c.Files++
		c.Bytes += info.Size()
	}
	return err
}
