package blobs

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// broken is after how long a file that a process left half written is nobody's.
const broken = 24 * time.Hour

// sweep removes what processes that died left behind.
func (f *Folder) sweep() error {
	left, err := filepath.Glob(filepath.Join(f.dir, "new-*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > broken {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// touch makes a whole content young, if it is here. there is held for reading.
func (f *Folder) touch(d sync.Digest) (bool, error) {
	now := time.Now()
	err := os.Chtimes(f.path(d), now, now)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Hold implements exchange.Blobs.
func (f *Folder) Hold(_ context.Context, d sync.Digest) (bool, error) {
	f.there.RLock()
	defer f.there.RUnlock()
	return f.touch(d)
}

// walk calls fn with the files of each content after that one, in order, until it returns false.
func (f *Folder) walk(after sync.Digest, fn func(d sync.Digest, files []fs.FileInfo) bool) error {
	folders, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	last := after.String()
	for _, folder := range folders {
		if !folder.IsDir() || folder.Name() < last[:2] {
			continue
		}
		files, err := os.ReadDir(filepath.Join(f.dir, folder.Name()))
		if err != nil {
			return err
		}
		for name, all := range contents(files) {
			d, err := sync.ParseDigest(name)
			if err == nil && (name > last || after.IsZero()) && !fn(d, all) {
				return nil
			}
		}
	}
	return nil
}

// contents are the files of each content, of those of one folder in order; what was removed meanwhile is left out.
func contents(files []fs.DirEntry) iter.Seq2[string, []fs.FileInfo] {
	return func(yield func(string, []fs.FileInfo) bool) {
		for len(files) > 0 {
			name := strings.TrimSuffix(files[0].Name(), ending)
			var all []fs.FileInfo
			for len(files) > 0 && strings.TrimSuffix(files[0].Name(), ending) == name {
				if info, err := files[0].Info(); err == nil {
					all = append(all, info)
				}
				files = files[1:]
			}
			if len(all) > 0 && !yield(name, all) {
				return
			}
		}
	}
}

// last is when a content was put, held or added to.
func last(files []fs.FileInfo) (at time.Time) {
	for _, info := range files {
		if info.ModTime().After(at) {
			at = info.ModTime()
		}
	}
	return at
}

// Old implements exchange.Removable.
func (f *Folder) Old(ctx context.Context, age time.Duration, after sync.Digest, limit int) (all []exchange.Old, err error) {
	cut := time.Now().Add(-age)
	err = f.walk(after, func(d sync.Digest, files []fs.FileInfo) bool {
		if at := last(files); !at.After(cut) {
			all = append(all, exchange.Old{Digest: d, Last: at.UnixNano()})
		}
		return len(all) < limit && ctx.Err() == nil
	})
	return all, errors.Join(err, ctx.Err())
}

// Remove implements exchange.Removable.
func (f *Folder) Remove(ctx context.Context, all ...exchange.Old) (n int, bytes int64, err error) {
	for _, o := range all {
		if err := ctx.Err(); err != nil {
			return n, bytes, err
		}
		freed, gone, err := f.remove(o)
		if err != nil {
			return n, bytes, err
		}
		if gone {
			n, bytes = n+1, bytes+freed
		}
	}
	return n, bytes, nil
}

// remove removes a content, and what came of one that broke off, if it is as old as it was.
func (f *Folder) remove(o exchange.Old) (freed int64, gone bool, err error) {
	done, ok := f.alone(o.Digest)
	if !ok {
		return 0, false, nil // somebody adds to it
	}
	defer done()
	f.there.Lock()
	defer f.there.Unlock()
	paths := map[string]fs.FileInfo{}
	var files []fs.FileInfo
	for _, path := range []string{f.path(o.Digest), f.part(o.Digest)} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, false, err
		}
		paths[path], files = info, append(files, info)
	}
	if len(files) == 0 || last(files).UnixNano() != o.Last {
		return 0, false, nil
	}
	for path, info := range paths {
		if err := os.Remove(path); err != nil {
			return freed, gone, err
		}
		freed, gone = freed+info.Size(), true
	}
	return freed, gone, nil
}

// Total implements exchange.Removable.
func (f *Folder) Total(ctx context.Context) (n int, bytes int64, err error) {
	err = f.walk(sync.Digest{}, func(_ sync.Digest, files []fs.FileInfo) bool {
		n++
		for _, info := range files {
			bytes += info.Size()
		}
		return ctx.Err() == nil
	})
	return n, bytes, errors.Join(err, ctx.Err())
}
