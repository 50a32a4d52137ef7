package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Small is up to how many bytes a content lies in the database, where many are on disk with one write.
const Small = sync.MaxInline

// Shelf keeps small contents in a database and large ones elsewhere, as in a Folder. It is safe for concurrent use.
type Shelf struct {
	db    store.Transactor
	large exchange.Removable
}

var _ exchange.Removable = (*Shelf)(nil)

// NewShelf returns the Shelf of a database, whose schema has the tables of store/exchange, and a place for large
// contents.
func NewShelf(db store.Transactor, large exchange.Removable) *Shelf { return &Shelf{db, large} }

const (
	insertContent = `INSERT INTO @.sync_contents (digest, body, at) VALUES ($1, $2, $3)
		ON CONFLICT (digest) DO UPDATE SET at = excluded.at`
	readContent = `SELECT body FROM @.sync_contents WHERE digest = $1`
	ageContent  = `SELECT at FROM @.sync_contents WHERE digest = $1`
	holdContent = `UPDATE @.sync_contents SET at = $2 WHERE digest = $1`
	oldContents = `SELECT digest, at FROM @.sync_contents WHERE digest > $1 AND at <= $2 ORDER BY digest LIMIT $3`
	sizeContent = `SELECT length(body) FROM @.sync_contents WHERE digest = $1 AND at = $2`
	dropContent = `DELETE FROM @.sync_contents WHERE digest = $1 AND at = $2`
	allContents = `SELECT count(*), coalesce(sum(length(body)), 0) FROM @.sync_contents`
)

// PutAll implements exchange.Blobs.
func (s *Shelf) PutAll(ctx context.Context, all ...[]byte) error {
	var small [][]byte
	for _, b := range all {
		if len(b) <= Small {
			small = append(small, b)
			continue
		}
		if _, _, err := s.large.Put(ctx, bytes.NewReader(b)); err != nil {
			return err
		}
	}
	if len(small) == 0 {
		return nil
	}
	return s.db.Transact(ctx, "keep contents", func(tx store.Tx) error {
		now, err := tx.Now()
		for _, b := range small {
			if err == nil {
				_, err = tx.Exec(insertContent, sync.DigestOf(b).String(), b, now)
			}
		}
		return err
	})
}

// Put implements exchange.Blobs.
func (s *Shelf) Put(ctx context.Context, r io.Reader) (sync.Digest, int64, error) {
	head, err := io.ReadAll(io.LimitReader(reader{ctx, r}, Small+1))
	if err != nil {
		return sync.Digest{}, 0, fmt.Errorf("keep a content: %w", err)
	}
	if len(head) > Small {
		return s.large.Put(ctx, io.MultiReader(bytes.NewReader(head), r))
	}
	return sync.DigestOf(head), int64(len(head)), s.PutAll(ctx, head)
}

// small returns a content that lies in the database, or store.ErrNotFound.
func (s *Shelf) small(ctx context.Context, d sync.Digest) (b []byte, err error) {
	found := false
	err = s.db.View(ctx, "content "+d.String(), func(tx store.Tx) error {
		return tx.Query(readContent, []any{d.String()}, func(scan func(...any) error) error {
			found = true
			return scan(&b)
		})
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return b, err
}

// Open implements exchange.Blobs.
func (s *Shelf) Open(ctx context.Context, d sync.Digest) (io.ReadCloser, int64, error) {
	b, err := s.small(ctx, d)
	if errors.Is(err, store.ErrNotFound) {
		return s.large.Open(ctx, d)
	}
	if err != nil {
		return nil, 0, err
	}
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

// Part implements exchange.Blobs.
func (s *Shelf) Part(ctx context.Context, d sync.Digest) (int64, error) {
	b, err := s.small(ctx, d)
	if errors.Is(err, store.ErrNotFound) {
		return s.large.Part(ctx, d)
	}
	return int64(len(b)), err
}

// Continue implements exchange.Blobs. What comes in pieces is no small one.
func (s *Shelf) Continue(ctx context.Context, d sync.Digest, from, size int64, r io.Reader) (bool, error) {
	if here, err := s.hold(ctx, d); here || err != nil {
		return here, err
	}
	return s.large.Continue(ctx, d, from, size, r)
}

// young is for how long a content that was held need not be held again: a write for each would be many.
const young = time.Hour

// Hold implements exchange.Blobs.
func (s *Shelf) Hold(ctx context.Context, d sync.Digest) (bool, error) {
	if here, err := s.hold(ctx, d); here || err != nil {
		return here, err
	}
	return s.large.Hold(ctx, d)
}

// hold holds a small content, if it is here.
func (s *Shelf) hold(ctx context.Context, d sync.Digest) (bool, error) {
	var at, now int64
	found := false
	err := s.db.View(ctx, "content "+d.String(), func(tx store.Tx) (err error) {
		if now, err = tx.Now(); err != nil {
			return err
		}
		return tx.Query(ageContent, []any{d.String()}, func(scan func(...any) error) error {
			found = true
			return scan(&at)
		})
	})
	if err != nil || !found || now-at < young.Microseconds() {
		return found && err == nil, err
	}
	err = s.db.Transact(ctx, "hold content "+d.String(), func(tx store.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		n, err := tx.Exec(holdContent, d.String(), now)
		found = n > 0
		return err
	})
	return found && err == nil, err
}

// Old implements exchange.Removable.
func (s *Shelf) Old(ctx context.Context, age time.Duration, after sync.Digest, limit int) ([]exchange.Old, error) {
	all, err := s.large.Old(ctx, age, after, limit)
	if err != nil {
		return nil, err
	}
	small, err := old(ctx, s.db, oldContents, age, after, limit)
	all = append(all, small...)
	slices.SortFunc(all, func(a, b exchange.Old) int { return bytes.Compare(a.Digest[:], b.Digest[:]) })
	return all[:min(limit, len(all))], err
}

// Remove implements exchange.Removable.
func (s *Shelf) Remove(ctx context.Context, all ...exchange.Old) (n int, freed int64, err error) {
	err = s.db.Transact(ctx, "remove contents", func(tx store.Tx) error {
		n, freed = 0, 0
		for _, o := range all {
			size, args := int64(0), []any{o.Digest.String(), o.Last}
			if err := tx.Query(sizeContent, args, func(scan func(...any) error) error { return scan(&size) }); err != nil {
				return err
			}
			gone, err := tx.Exec(dropContent, args...)
			if err != nil {
				return err
			}
			n, freed = n+int(gone), freed+size*gone
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	more, bytes, err := s.large.Remove(ctx, all...)
	return n + more, freed + bytes, err
}

// Total implements exchange.Removable.
func (s *Shelf) Total(ctx context.Context) (int, int64, error) {
	n, bytes, err := s.large.Total(ctx)
	if err != nil {
		return 0, 0, err
	}
	small, more, err := total(ctx, s.db, allContents)
	return n + small, bytes + more, err
}

// old runs a query for what is as old.
func old(
	ctx context.Context, db store.Transactor, query string, age time.Duration, after sync.Digest, limit int,
) (all []exchange.Old, err error) {
	last := after.String()
	if after.IsZero() {
		last = ""
	}
	err = db.View(ctx, "old contents", func(tx store.Tx) error {
		all = nil
		now, err := tx.Now()
		if err != nil {
			return err
		}
		return tx.Query(query, []any{last, now - age.Microseconds(), limit}, func(scan func(...any) error) error {
			var name string
			var o exchange.Old
			err := scan(&name, &o.Last)
			if err == nil {
				o.Digest, err = sync.ParseDigest(name)
			}
			all = append(all, o)
			return err
		})
	})
	return all, err
}

// total runs a query for a number of contents and of bytes.
func total(ctx context.Context, db store.Transactor, query string) (int, int64, error) {
	var n, bytes int64
	err := db.View(ctx, "all contents", func(tx store.Tx) error {
		return tx.Query(query, nil, func(scan func(...any) error) error { return scan(&n, &bytes) })
	})
	return int(n), bytes, err
}
