package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// PageOptions is what may be said about a new page beside its name and text.
type PageOptions struct {
	UUID        string // empty means a new one
	Private     bool
	Parent      string // uuid of the page above it; empty means the top
	FriendlyURL string // empty means made of the name
	Portlets    []string
	Refs        []Ref
}

// AddPage writes a new page into the site.
func (s *Store) AddPage(
	ctx context.Context, site int64, name, text string, opt PageOptions,
) (Item, error) {
	it := Item{Site: site, Kind: Page, UUID: opt.UUID, Name: name, Private: opt.Private, FriendlyURL: opt.FriendlyURL,
		MediaType: "text/html", Portlets: opt.Portlets, Refs: opt.Refs}
	if it.FriendlyURL == "" {
		it.FriendlyURL = slug(name)
	}
	return s.author(ctx, it, strings.NewReader(text), func(tx *Tx, it *Item) error {
		return place(ctx, tx, it, opt.Parent)
	})
}

// place gives a page the next layout id of its page set and finds the page above it.
func place(ctx context.Context, tx *Tx, it *Item, parent string) error {
	err := tx.QueryRowContext(ctx, `SELECT coalesce(max(layout_id), 0) + 1 FROM items
		WHERE site = ? AND kind = ? AND private = ?`, it.Site, Page, it.Private).Scan(&it.LayoutID)
	if err != nil || parent == "" {
		return err
	}
	above, found, err := tx.Item(ctx, it.Site, Page, it.Private, parent)
	if err == nil && !found {
		return fmt.Errorf("page above %q: %w", it.Name, ErrNotFound)
	}
	it.ParentLayoutID = above.LayoutID
	return err
}

// AddArticle writes a new article into the site.
func (s *Store) AddArticle(
	ctx context.Context, site int64, title, text string, refs ...Ref,
) (Item, error) {
	it := Item{Site: site, Kind: Article, Name: title, MediaType: "text/html", Refs: refs}
	return s.author(ctx, it, strings.NewReader(text), nil)
}

// AddDocument writes a new document into the site.
func (s *Store) AddDocument(
	ctx context.Context, site int64, name, mediaType string, content io.Reader,
) (Item, error) {
	return s.author(ctx, Item{Site: site, Kind: Document, Name: name, MediaType: mediaType}, content, nil)
}

// UpdatePage writes a new text on a page of the site.
func (s *Store) UpdatePage(
	ctx context.Context, site int64, private bool, uuid, text string,
) (Item, error) {
	return s.update(ctx, Item{Site: site, Kind: Page, Private: private, UUID: uuid}, strings.NewReader(text))
}

// Update writes new content into an article or a document of the site.
func (s *Store) Update(
	ctx context.Context, site int64, kind Kind, uuid string, content io.Reader,
) (Item, error) {
	return s.update(ctx, Item{Site: site, Kind: kind, UUID: uuid}, content)
}

func (s *Store) update(ctx context.Context, it Item, content io.Reader) (Item, error) {
	old, found, err := s.Item(ctx, it.Site, it.Kind, it.Private, it.UUID)
	if err != nil {
		return Item{}, err
	}
	if !found {
		return Item{}, fmt.Errorf("%s %s of site %d: %w", it.Kind, it.UUID, it.Site, ErrNotFound)
	}
	old.Publish = 0
	return s.author(ctx, old, content, nil)
}

// Delete takes an item out of the site; the next export carries the deletion.
func (s *Store) Delete(ctx context.Context, site int64, kind Kind, private bool, uuid string) error {
	return s.Change(ctx, func(tx *Tx) error {
		found, err := tx.Remove(ctx, site, kind, private, uuid)
		if err == nil && !found {
			return fmt.Errorf("%s %s of site %d: %w", kind, uuid, site, ErrNotFound)
		}
		if err != nil {
			return err
		}
		return journal(ctx, tx, Item{Site: site, Kind: kind, Private: private, UUID: uuid}, true)
	})
}

// author stores content as a new version of it and notes the change. prepare may complete the item
// in the transaction.
func (s *Store) author(
	ctx context.Context, it Item, content io.Reader, prepare func(*Tx, *Item) error,
) (Item, error) {
	p, b, err := s.packOne(content)
	if err != nil {
		return Item{}, fmt.Errorf("%s %q: %w", it.Kind, it.Name, err)
	}
	defer p.Close()
	if it.UUID == "" {
		if it.UUID, err = s.NewUUID(); err != nil {
			return Item{}, err
		}
	}
	it.SHA256, it.Size, it.Modified = b.SHA256, b.Size, s.Now()
	err = s.Change(ctx, func(tx *Tx) (err error) {
		if _, err := tx.Site(ctx, it.Site); err != nil {
			return err
		}
		if prepare != nil {
			if err := prepare(tx, &it); err != nil {
				return err
			}
		}
		if err := tx.Keep(ctx, p); err != nil {
			return err
		}
		if it, _, err = tx.Put(ctx, it); err != nil {
			return err
		}
		return journal(ctx, tx, it, false)
	})
	p.Committed(err == nil)
	return it, err
}

// packOne stores one piece of content durably.
func (s *Store) packOne(content io.Reader) (*Pack, Blob, error) {
	p, err := s.NewPack()
	if err != nil {
		return nil, Blob{}, err
	}
	b, err := p.Add(content)
	if err == nil {
		err = p.Sync()
	}
	if err != nil {
		return nil, b, errors.Join(err, p.Close())
	}
	return p, b, nil
}

// journal writes a change into the journal that exports are made from.
func journal(ctx context.Context, tx *Tx, it Item, deleted bool) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO journal (site, kind, uuid, private, deleted) VALUES (?, ?, ?, ?, ?)`,
		it.Site, it.Kind, it.UUID, it.Private, deleted)
	return err
}
