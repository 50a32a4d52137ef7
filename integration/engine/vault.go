package engine

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// vault keeps content bytes in packs: one file for everything that one import or one author
// brought, so that an import is made durable by one sync. What a pack holds counts only once rows
// in blobs point at it.
type vault struct{ dir string }

// blob is a piece of content: where it lies and what it is.
type blob struct {
	pack   string
	start  int64
	size   int64
	sha256 string
}

// pack is a file that content is being added to.
type pack struct {
	file  *os.File
	buf   *bufio.Writer
	name  string
	size  int64
	blobs []blob
	kept  bool
}

func (v *vault) create() (*pack, error) {
	f, err := os.CreateTemp(v.dir, "pack-*")
	if err != nil {
		return nil, err
	}
	return &pack{file: f, buf: bufio.NewWriterSize(f, 64<<10), name: filepath.Base(f.Name())}, nil
}

// add appends what r has to the pack.
func (p *pack) add(r io.Reader) (blob, error) {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(p.buf, h), r)
	if err != nil {
		return blob{}, err
	}
	b := blob{pack: p.name, start: p.size, size: n, sha256: hex.EncodeToString(h.Sum(nil))}
	p.size += n
	p.blobs = append(p.blobs, b)
	return b, nil
}

// sync makes the pack durable; nothing may be added afterwards.
func (p *pack) sync() error {
	return errors.Join(p.buf.Flush(), p.file.Sync(), syncDir(filepath.Dir(p.file.Name())))
}

// keep writes the rows that make the pack's content count, in the transaction that needs it.
// Content that is already there stays where it is.
func (p *pack) keep(ctx context.Context, tx *sql.Tx) error {
	for _, b := range p.blobs {
		if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO blobs (sha256, pack, start, size) VALUES (?, ?, ?, ?)`,
			b.sha256, b.pack, b.start, b.size); err != nil {
			return err
		}
	}
	return nil
}

// close ends the pack and removes it unless it was committed.
func (p *pack) close() error {
	err := p.file.Close()
	if !p.kept {
		err = errors.Join(err, os.Remove(p.file.Name()))
	}
	return err
}

// open returns the content of that digest.
func (v *vault) open(ctx context.Context, q querier, digest string) (io.ReadCloser, error) {
	b := blob{sha256: digest}
	err := q.QueryRowContext(ctx, `SELECT pack, start, size FROM blobs WHERE sha256 = ?`, digest).
		Scan(&b.pack, &b.start, &b.size)
	if err != nil {
		return nil, fmt.Errorf("content %s: %w", digest, err)
	}
	f, err := os.Open(filepath.Join(v.dir, b.pack))
	if err != nil {
		return nil, fmt.Errorf("content %s: %w", digest, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, b.start, b.size), f}, nil
}

// spool keeps the bytes of parts, each in a file of its own whose name comes from nobody.
type spool struct{ dir string }

// Part is the content of a call that was taken in full before the call was known. It is dropped by
// Close unless a call kept it.
type Part struct {
	SHA256 string
	Size   int64
	path   string
	kept   bool
}

// Spool takes in the content of a call, durably: on the wire it comes before the method that says
// what it is for.
func (e *Engine) Spool(r io.Reader) (*Part, error) {
	f, err := os.CreateTemp(e.parts.dir, "part-*")
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	p := &Part{path: f.Name()}
	h := sha256.New()
	p.Size, err = io.Copy(f, io.TeeReader(r, h))
	err = errors.Join(err, f.Sync(), f.Close(), syncDir(e.parts.dir))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("spool: %w", err), p.Close())
	}
	p.SHA256 = hex.EncodeToString(h.Sum(nil))
	return p, nil
}

// Close removes the content unless a call kept it.
func (p *Part) Close() error {
	if p == nil || p.kept {
		return nil
	}
	return os.Remove(p.path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeOthers removes every file in dir whose name is not in keep.
func removeOthers(dir string, keep []string) error {
	known := make(map[string]bool, len(keep))
	for _, k := range keep {
		known[k] = true
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !known[f.Name()] {
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
