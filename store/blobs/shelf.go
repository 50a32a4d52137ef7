package blobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Small is up to how many bytes a content lies in the database, where many are on disk with one write.
const Small = sync.MaxInline

// Shelf keeps small contents in a database and large ones in a folder. It is safe for concurrent use.
type Shelf struct {
	db    store.Transactor
	large *Folder
}

var _ exchange.Blobs = (*Shelf)(nil)

// NewShelf returns the Shelf of a database, whose schema has the tables of store/exchange, and a folder.
func NewShelf(db store.Transactor, large *Folder) *Shelf { return &Shelf{db, large} }

const (
	insertContent = `INSERT INTO @.sync_contents (digest, body, at) VALUES ($1, $2, $3)
		ON CONFLICT (digest) DO UPDATE SET at = excluded.at`
	readContent = `SELECT body FROM @.sync_contents WHERE digest = $1`
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

// Continue implements exchange.Blobs. What comes in pieces lies in the folder.
func (s *Shelf) Continue(ctx context.Context, d sync.Digest, from, size int64, r io.Reader) (bool, error) {
	if _, err := s.small(ctx, d); !errors.Is(err, store.ErrNotFound) {
		return err == nil, err
	}
	return s.large.Continue(ctx, d, from, size, r)
}
