package vault

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Blob is a piece of content: what it is and where it lies.
type Blob struct {
	Size   int64
	SHA256 string

	Pack  string // name of the file in the folder
	Start int64  // offset in it
}

// Pack is a file that content is being added to: one for everything that one import or one author
// brought, so that it is made durable by one sync. What it holds counts once
// a row points at each of its Blobs.
type Pack struct {
	Size int64 // so far

	file  *os.File
	buf   *bufio.Writer
	name  string
	blobs []Blob
	kept  bool
}

// NewPack begins a pack in the folder. The caller closes it.
func NewPack(dir string) (*Pack, error) {
	f, err := os.CreateTemp(dir, "pack-*")
	if err != nil {
		return nil, err
	}
	return &Pack{file: f, buf: bufio.NewWriterSize(f, 64<<10), name: filepath.Base(f.Name())}, nil
}

// Add appends what r has to the pack.
func (p *Pack) Add(r io.Reader) (Blob, error) {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(p.buf, h), r)
	if err != nil {
		return Blob{}, err
	}
	b := Blob{Pack: p.name, Start: p.Size, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}
	p.Size += n
	p.blobs = append(p.blobs, b)
	return b, nil
}

// Blobs returns what was added, in order.
func (p *Pack) Blobs() []Blob { return p.blobs }

// Sync makes the pack durable; nothing may be added afterwards.
func (p *Pack) Sync() error {
	return errors.Join(p.buf.Flush(), p.file.Sync(), syncDir(filepath.Dir(p.file.Name())))
}

// Committed reports whether the transaction that keeps the pack was committed; until then Close removes
// the file.
func (p *Pack) Committed(yes bool) { p.kept = yes }

// Close ends the pack and removes it unless it was committed.
func (p *Pack) Close() error {
	err := p.file.Close()
	if !p.kept {
		err = errors.Join(err, os.Remove(p.file.Name()))
	}
	return err
}

// Open returns the content of b, which lies in dir. The caller closes it.
func Open(dir string, b Blob) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(dir, b.Pack))
	if err != nil {
		return nil, fmt.Errorf("content %s: %w", b.SHA256, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, b.Start, b.Size), f}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// RemoveOthers removes every file in dir whose name is not in keep.
func RemoveOthers(dir string, keep []string) error {
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
