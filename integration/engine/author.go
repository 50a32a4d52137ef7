package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNotFound is returned by the authoring calls when there is no such item.
var ErrNotFound = errors.New("engine: no such item")

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
func (e *Engine) AddPage(
	ctx context.Context, site int64, name, text string, opt PageOptions,
) (Item, error) {
	it := Item{Site: site, Kind: Page, UUID: opt.UUID, Name: name, Private: opt.Private, FriendlyURL: opt.FriendlyURL,
		MediaType: "text/html", Portlets: opt.Portlets, Refs: opt.Refs}
	if it.FriendlyURL == "" {
		it.FriendlyURL = slug(name)
	}
	return e.author(ctx, it, strings.NewReader(text), func(tx *sql.Tx, it *Item) error {
		return place(ctx, tx, it, opt.Parent)
	})
}

// place gives a page the next layout id of its page set and finds the page above it.
func place(ctx context.Context, tx *sql.Tx, it *Item, parent string) error {
	err := tx.QueryRowContext(ctx, `SELECT coalesce(max(layout_id), 0) + 1 FROM items
		WHERE site = ? AND kind = ? AND private = ?`, it.Site, Page, it.Private).Scan(&it.LayoutID)
	if err != nil || parent == "" {
		return err
	}
	above, found, err := findItem(ctx, tx, it.Site, Page, it.Private, parent)
	if err == nil && !found {
		return fmt.Errorf("page above %q: %w", it.Name, ErrNotFound)
	}
	it.ParentLayoutID = above.LayoutID
	return err
}

// AddArticle writes a new article into the site.
func (e *Engine) AddArticle(
	ctx context.Context, site int64, title, text string, refs ...Ref,
) (Item, error) {
	it := Item{Site: site, Kind: Article, Name: title, MediaType: "text/html", Refs: refs}
	return e.author(ctx, it, strings.NewReader(text), nil)
}

// AddDocument writes a new document into the site.
func (e *Engine) AddDocument(
	ctx context.Context, site int64, name, mediaType string, content io.Reader,
) (Item, error) {
	return e.author(ctx, Item{Site: site, Kind: Document, Name: name, MediaType: mediaType}, content, nil)
}

// UpdatePage writes a new text on a page of the site.
func (e *Engine) UpdatePage(
	ctx context.Context, site int64, private bool, uuid, text string,
) (Item, error) {
	return e.update(ctx, Item{Site: site, Kind: Page, Private: private, UUID: uuid}, strings.NewReader(text))
}

// Update writes new content into an article or a document of the site.
func (e *Engine) Update(
	ctx context.Context, site int64, kind Kind, uuid string, content io.Reader,
) (Item, error) {
	return e.update(ctx, Item{Site: site, Kind: kind, UUID: uuid}, content)
}

func (e *Engine) update(ctx context.Context, it Item, content io.Reader) (Item, error) {
	old, found, err := findItem(ctx, e.db, it.Site, it.Kind, it.Private, it.UUID)
	if err != nil {
		return Item{}, err
	}
	if !found {
		return Item{}, fmt.Errorf("%s %s of site %d: %w", it.Kind, it.UUID, it.Site, ErrNotFound)
	}
	old.Publish = 0
	return e.author(ctx, old, content, nil)
}

// Delete takes an item out of the site; the next export carries the deletion.
func (e *Engine) Delete(ctx context.Context, site int64, kind Kind, private bool, uuid string) error {
	return e.change(ctx, func(tx *sql.Tx) error {
		found, err := remove(ctx, tx, site, kind, private, uuid)
		if err == nil && !found {
			return fmt.Errorf("%s %s of site %d: %w", kind, uuid, site, ErrNotFound)
		}
		if err != nil {
			return err
		}
		return note(ctx, tx, Item{Site: site, Kind: kind, Private: private, UUID: uuid}, true)
	})
}

// author stores content as a new version of it and notes the change. prepare may complete the item
// in the transaction.
func (e *Engine) author(
	ctx context.Context, it Item, content io.Reader, prepare func(*sql.Tx, *Item) error,
) (Item, error) {
	p, b, err := e.packOne(content)
	if err != nil {
		return Item{}, fmt.Errorf("%s %q: %w", it.Kind, it.Name, err)
	}
	defer p.close()
	if it.UUID == "" {
		if it.UUID, err = e.uuid(); err != nil {
			return Item{}, err
		}
	}
	it.SHA256, it.Size, it.Modified = b.sha256, b.size, e.cfg.Now().UTC()
	err = e.change(ctx, func(tx *sql.Tx) (err error) {
		if _, err := e.site(ctx, tx, it.Site); err != nil {
			return err
		}
		if prepare != nil {
			if err := prepare(tx, &it); err != nil {
				return err
			}
		}
		if err := p.keep(ctx, tx); err != nil {
			return err
		}
		if it, _, err = put(ctx, tx, it); err != nil {
			return err
		}
		return note(ctx, tx, it, false)
	})
	p.kept = err == nil
	return it, err
}

// packOne stores one piece of content durably.
func (e *Engine) packOne(content io.Reader) (*pack, blob, error) {
	p, err := e.content.create()
	if err != nil {
		return nil, blob{}, err
	}
	b, err := p.add(content)
	if err == nil {
		err = p.sync()
	}
	if err != nil {
		return nil, b, errors.Join(err, p.close())
	}
	return p, b, nil
}

// note writes a change into the journal that exports are made from.
func note(ctx context.Context, tx *sql.Tx, it Item, deleted bool) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO journal (site, kind, uuid, private, deleted) VALUES (?, ?, ?, ?, ?)`,
		it.Site, it.Kind, it.UUID, it.Private, deleted)
	return err
}
