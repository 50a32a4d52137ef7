package staging

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

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
func (l *Live) Spool(r io.Reader) (*Part, error) {
	f, err := os.CreateTemp(l.cfg.Dir, "part-*")
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	p := &Part{path: f.Name()}
	h := sha256.New()
	p.Size, err = io.Copy(f, io.TeeReader(r, h))
	err = errors.Join(err, f.Sync(), f.Close(), syncDir(l.cfg.Dir))
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
