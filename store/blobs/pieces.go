package blobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// piece is how many bytes of a content a row has.
const piece = 1 << 20

// fillings is how often a content is put on where others add to it at the same time.
const fillings = 100

// Pieces keeps large contents in a database that several gateways share, a mebibyte in a row. It is safe for
// concurrent use, also from several processes.
type Pieces struct {
	db    store.Transactor
	spool string
}

var _ exchange.Removable = (*Pieces)(nil)

// NewPieces returns the Pieces of a database whose schema has the tables of large contents. What has no digest yet
// lies in the folder spool, which is made when it is missing.
func NewPieces(db store.Transactor, spool string) (*Pieces, error) {
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return nil, err
	}
	return &Pieces{db, spool}, (&Folder{dir: spool}).sweep()
}

const (
	beginLarge = `INSERT INTO @.sync_large (digest, have, size, whole, at) VALUES ($1, 0, $2, 0, $3)
		ON CONFLICT (digest) DO NOTHING`
	growLarge = `UPDATE @.sync_large SET have = have + $3, at = $4
		WHERE digest = $1 AND have = $2 AND whole = 0 AND size = $5`
	addPiece   = `INSERT INTO @.sync_pieces (digest, start, body) VALUES ($1, $2, $3)`
	readPiece  = `SELECT body FROM @.sync_pieces WHERE digest = $1 AND start = $2`
	readLarge  = `SELECT have, size, whole, at FROM @.sync_large WHERE digest = $1`
	wholeLarge = `UPDATE @.sync_large SET whole = 1, at = $2 WHERE digest = $1 AND have = size`
	holdLarge  = `UPDATE @.sync_large SET at = $2 WHERE digest = $1 AND whole = 1`
	oldLarge   = `SELECT digest, at FROM @.sync_large WHERE digest > $1 AND at <= $2 ORDER BY digest LIMIT $3`
	dropLarge  = `DELETE FROM @.sync_large WHERE digest = $1 AND at = $2`
	dropBroken = `DELETE FROM @.sync_large WHERE digest = $1 AND whole = 0`
	dropPieces = `DELETE FROM @.sync_pieces WHERE digest = $1`
	allLarge   = `SELECT count(*), coalesce(sum(have), 0) FROM @.sync_large`
)

// large is what is known of a content.
type large struct {
	found           bool
	have, size, now int64
	whole, at       int64
}

func (p *Pieces) state(ctx context.Context, d sync.Digest) (l large, err error) {
	err = p.db.View(ctx, "content "+d.String(), func(tx store.Tx) (err error) {
		l = large{}
		if l.now, err = tx.Now(); err != nil {
			return err
		}
		return tx.Query(readLarge, []any{d.String()}, func(scan func(...any) error) error {
			l.found = true
			return scan(&l.have, &l.size, &l.whole, &l.at)
		})
	})
	return l, err
}

// Put implements exchange.Blobs.
func (p *Pieces) Put(ctx context.Context, r io.Reader) (d sync.Digest, size int64, err error) {
	tmp, err := os.CreateTemp(p.spool, "new-*")
	if err != nil {
		return d, 0, err
	}
	defer func() { err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name())) }()
	sum := sha256.New()
	if size, err = io.Copy(io.MultiWriter(tmp, sum), reader{ctx, r}); err != nil {
		return d, 0, fmt.Errorf("keep a content: %w", err)
	}
	d = sync.Digest(sum.Sum(nil))
	for range fillings { // somebody else may add to it, or may have begun with something else
		l, err := p.state(ctx, d)
		if err == nil && l.whole == 0 && l.found && l.size != size {
			l.have, err = 0, p.drop(ctx, d)
		}
		if err != nil {
			return d, 0, err
		}
		whole, err := p.Continue(ctx, d, l.have, size, io.NewSectionReader(tmp, l.have, size-l.have))
		if whole || err != nil && !errors.Is(err, store.ErrStale) && !errors.Is(err, exchange.ErrDigest) {
			return d, size, err
		}
	}
	return d, 0, fmt.Errorf("content %s: others add to it again and again: %w", d, store.ErrStale)
}

// PutAll implements exchange.Blobs.
func (p *Pieces) PutAll(ctx context.Context, all ...[]byte) error {
	for _, b := range all {
		if _, _, err := p.Put(ctx, bytes.NewReader(b)); err != nil {
			return err
		}
	}
	return nil
}

// Open implements exchange.Blobs.
func (p *Pieces) Open(ctx context.Context, d sync.Digest) (io.ReadCloser, int64, error) {
	l, err := p.state(ctx, d)
	if err == nil && l.whole == 0 {
		err = fmt.Errorf("content %s: %w", d, store.ErrNotFound)
	}
	return io.NopCloser(&pieces{ctx: ctx, p: p, d: d, size: l.size}), l.size, err
}

// pieces reads a content, a row at a time.
type pieces struct {
	ctx      context.Context
	p        *Pieces
	d        sync.Digest
	at, size int64 // read from the database, of all
	left     []byte
}

func (r *pieces) Read(b []byte) (int, error) {
	if len(r.left) == 0 {
		if r.at == r.size {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	return n, nil
}

func (r *pieces) next() error {
	var body []byte
	err := r.p.db.View(r.ctx, "a piece of content "+r.d.String(), func(tx store.Tx) error {
		return tx.Query(readPiece, []any{r.d.String(), r.at}, func(scan func(...any) error) error { return scan(&body) })
	})
	if err == nil && len(body) == 0 {
		err = fmt.Errorf("content %s ends at byte %d of %d: %w", r.d, r.at, r.size, io.ErrUnexpectedEOF)
	}
	r.left, r.at = body, r.at+int64(len(body))
	return err
}

// Part implements exchange.Blobs. One that only lacks being held against its digest is, if a process died before.
func (p *Pieces) Part(ctx context.Context, d sync.Digest) (int64, error) {
	l, err := p.state(ctx, d)
	if err != nil || !l.found || l.whole == 1 || l.have < l.size {
		return l.have, err
	}
	switch err := p.complete(ctx, d, l.size); {
	case errors.Is(err, exchange.ErrDigest):
		return 0, nil
	default:
		return l.have, err
	}
}

// Continue implements exchange.Blobs.
func (p *Pieces) Continue(ctx context.Context, d sync.Digest, from, size int64, r io.Reader) (bool, error) {
	if here, err := p.Hold(ctx, d); here || err != nil {
		return here, err
	}
	err := p.db.Transact(ctx, "begin content "+d.String(), func(tx store.Tx) error {
		now, err := tx.Now()
		if err == nil {
			_, err = tx.Exec(beginLarge, d.String(), size, now)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	at, r := from, io.LimitReader(reader{ctx, r}, size-from)
	for buf := make([]byte, piece); at < size; {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if err := p.add(ctx, d, at, size, buf[:n]); err != nil {
				return false, err
			}
			at += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return false, err
		}
	}
	if at < size {
		return false, nil
	}
	err = p.complete(ctx, d, size)
	return err == nil, err
}

// add adds what comes behind the first at bytes, if those are there and no more.
func (p *Pieces) add(ctx context.Context, d sync.Digest, at, size int64, b []byte) error {
	return p.db.Transact(ctx, "a piece of content "+d.String(), func(tx store.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		n, err := tx.Exec(growLarge, d.String(), at, len(b), now, size)
		if err == nil && n == 0 {
			err = fmt.Errorf("another number of bytes than %d has come: %w", at, store.ErrStale)
		}
		if err == nil {
			_, err = tx.Exec(addPiece, d.String(), at, b)
		}
		return err
	})
}

// complete holds all pieces against their digest.
func (p *Pieces) complete(ctx context.Context, d sync.Digest, size int64) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, &pieces{ctx: ctx, p: p, d: d, size: size}); err != nil {
		return err
	}
	if !equal(sum, d) {
		return errors.Join(exchange.ErrDigest, p.drop(ctx, d))
	}
	return p.db.Transact(ctx, "complete content "+d.String(), func(tx store.Tx) error {
		now, err := tx.Now()
		n := int64(0)
		if err == nil {
			n, err = tx.Exec(wholeLarge, d.String(), now)
		}
		if err == nil && n == 0 {
			err = fmt.Errorf("content %s was removed meanwhile: %w", d, store.ErrStale)
		}
		return err
	})
}

// drop removes a content that is not whole.
func (p *Pieces) drop(ctx context.Context, d sync.Digest) error {
	return p.db.Transact(ctx, "drop content "+d.String(), func(tx store.Tx) error {
		_, err := drop(tx, dropBroken, d.String())
		return err
	})
}

// drop removes a content with its pieces, if the statement finds it, and returns how many that are.
func drop(tx store.Tx, statement, digest string, more ...any) (int64, error) {
	n, err := tx.Exec(statement, append([]any{digest}, more...)...)
	if err == nil && n > 0 {
		_, err = tx.Exec(dropPieces, digest)
	}
	return n, err
}

// Hold implements exchange.Blobs.
func (p *Pieces) Hold(ctx context.Context, d sync.Digest) (bool, error) {
	l, err := p.state(ctx, d)
	if err != nil || l.whole == 0 || l.now-l.at < young.Microseconds() {
		return err == nil && l.whole == 1, err
	}
	held := false
	err = p.db.Transact(ctx, "hold content "+d.String(), func(tx store.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		n, err := tx.Exec(holdLarge, d.String(), now)
		held = n > 0
		return err
	})
	return held && err == nil, err
}

// Old implements exchange.Removable.
func (p *Pieces) Old(ctx context.Context, age time.Duration, after sync.Digest, limit int) ([]exchange.Old, error) {
	return old(ctx, p.db, oldLarge, age, after, limit)
}

// Remove implements exchange.Removable.
func (p *Pieces) Remove(ctx context.Context, all ...exchange.Old) (n int, freed int64, err error) {
	for _, o := range all {
		var gone, size int64
		err := p.db.Transact(ctx, "remove content "+o.Digest.String(), func(tx store.Tx) error {
			var l large
			err := tx.Query(readLarge, []any{o.Digest.String()}, func(scan func(...any) error) error {
				return scan(&l.have, &l.size, &l.whole, &l.at)
			})
			if err == nil {
				size = l.have
				gone, err = drop(tx, dropLarge, o.Digest.String(), o.Last)
			}
			return err
		})
		if err != nil {
			return n, freed, err
		}
		n, freed = n+int(gone), freed+size*gone
	}
	return n, freed, nil
}

// Total implements exchange.Removable.
func (p *Pieces) Total(ctx context.Context) (int, int64, error) { return total(ctx, p.db, allLarge) }
