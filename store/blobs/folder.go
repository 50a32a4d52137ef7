package blobs

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	stdsync "sync"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Folder keeps each content in a file that is named after its digest. It is safe for concurrent use.
type Folder struct {
	dir string

	mu      stdsync.Mutex // guards growing
	growing map[sync.Digest]bool
	there   stdsync.RWMutex // held for reading by who relies on a file, and for writing by who removes one
}

var _ exchange.Removable = (*Folder)(nil)

// Open returns the Folder at dir, which is made when it is missing.
func Open(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, growing: map[sync.Digest]bool{}}
	return f, f.sweep()
}

func (f *Folder) path(d sync.Digest) string {
	name := d.String()
	return filepath.Join(f.dir, name[:2], name)
}

// Put implements exchange.Blobs.
func (f *Folder) Put(ctx context.Context, r io.Reader) (d sync.Digest, size int64, err error) {
	tmp, err := os.CreateTemp(f.dir, "new-*")
	if err != nil {
		return d, 0, err
	}
	defer os.Remove(tmp.Name()) // nothing once it was renamed
	sum := sha256.New()
	size, err = io.Copy(io.MultiWriter(tmp, sum), reader{ctx, r})
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return d, 0, fmt.Errorf("keep a content: %w", err)
	}
	d = sync.Digest(sum.Sum(nil))
	f.there.RLock()
	defer f.there.RUnlock()
	if here, err := f.touch(d); here || err != nil {
		return d, size, err
	}
	return d, size, f.adopt(tmp.Name(), d)
}

// PutAll implements exchange.Blobs.
func (f *Folder) PutAll(ctx context.Context, all ...[]byte) error {
	for _, b := range all {
		if _, _, err := f.Put(ctx, bytes.NewReader(b)); err != nil {
			return err
		}
	}
	return nil
}

// adopt gives a whole file its name.
func (f *Folder) adopt(tmp string, d sync.Digest) error {
	path := f.path(d)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Open implements exchange.Blobs.
func (f *Folder) Open(_ context.Context, d sync.Digest) (io.ReadCloser, int64, error) {
	file, err := os.Open(f.path(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("content %s: %w", d, store.ErrNotFound)
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// ending is that of a file of which a part has come.
const ending = ".part"

func (f *Folder) part(d sync.Digest) string { return f.path(d) + ending }

// Part implements exchange.Blobs. A process that died before it gave a whole file its name leaves one of which nothing
// is sent any more: it gets its name here.
func (f *Folder) Part(ctx context.Context, d sync.Digest) (int64, error) {
	if n, err := sizeOf(f.path(d)); n >= 0 || err != nil {
		return max(0, n), err
	}
	n, err := sizeOf(f.part(d))
	done, ok := f.alone(d)
	if !ok || n < 0 || err != nil {
		if ok {
			done()
		}
		return max(0, n), err
	}
	defer done()
	switch whole, err := f.isWhole(ctx, d); {
	case errors.Is(err, fs.ErrNotExist): // it was completed, or removed, since
		n, err := sizeOf(f.path(d))
		return max(0, n), err
	case err != nil:
		return 0, err
	case whole:
		return n, f.adopt(f.part(d), d)
	}
	return n, nil
}

// sizeOf is how large a file is, -1 if there is none.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	return info.Size(), nil
}

// alone lets one writer at a time add to a content.
func (f *Folder) alone(d sync.Digest) (done func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.growing[d] {
		return nil, false
	}
	f.growing[d] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.growing, d)
	}, true
}

// Continue implements exchange.Blobs.
func (f *Folder) Continue(ctx context.Context, d sync.Digest, from, size int64, r io.Reader) (bool, error) {
	if here, err := f.Hold(ctx, d); here || err != nil {
		return here, err
	}
	done, ok := f.alone(d)
	if !ok {
		return false, fmt.Errorf("content %s is being written: %w", d, store.ErrStale)
	}
	defer done()
	if err := os.MkdirAll(filepath.Dir(f.part(d)), 0o700); err != nil {
		return false, err
	}
	file, err := os.OpenFile(f.part(d), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	at, err := f.grow(file, from, size, reader{ctx, r})
	if err = errors.Join(err, file.Close()); err != nil || at < size {
		return false, err
	}
	return true, f.complete(ctx, d)
}

func (f *Folder) grow(file *os.File, from, size int64, r io.Reader) (int64, error) {
	at, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	if at != from {
		return at, fmt.Errorf("%d bytes have come, not %d: %w", at, from, store.ErrStale)
	}
	n, err := io.Copy(file, io.LimitReader(r, size-from))
	return at + n, errors.Join(err, file.Sync())
}

// complete holds a whole file against its digest.
func (f *Folder) complete(ctx context.Context, d sync.Digest) error {
	switch whole, err := f.isWhole(ctx, d); {
	case err != nil:
		return err
	case !whole:
		return errors.Join(exchange.ErrDigest, os.Remove(f.part(d)))
	}
	return f.adopt(f.part(d), d)
}

// isWhole reports whether what has come of a content is all of it.
func (f *Folder) isWhole(ctx context.Context, d sync.Digest) (bool, error) {
	file, err := os.Open(f.part(d))
	if err != nil {
		return false, err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, reader{ctx, bufio.NewReaderSize(file, 1<<18)})
	return equal(sum, d), errors.Join(err, file.Close())
}

func equal(sum hash.Hash, d sync.Digest) bool { return sync.Digest(sum.Sum(nil)) == d }

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
