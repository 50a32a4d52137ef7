package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Draft is an item to be written.
type Draft struct {
	Kind        Kind
	UUID        string // empty means a new one
	Name        string
	Private     bool   // of a page
	Parent      string // uuid of what it lies in; empty means the top
	FriendlyURL string // of a page; empty means made of the name
	MediaType   string // empty means that of the kind
	Portlets    []string
	Refs        []Ref
	Tags        []string // names; those that are not there are made
	Categories  []string // uuids
	Permissions map[string][]string
}

// Add writes a new item into the site. A type that is staged elsewhere is Locked.
func (s *Store) Add(ctx context.Context, site int64, d Draft, content io.Reader) (Item, error) {
	it := Item{Site: site, Kind: d.Kind, UUID: d.UUID, Name: d.Name, Private: d.Private && d.Kind == Page,
		FriendlyURL: d.FriendlyURL, MediaType: d.MediaType, Portlets: d.Portlets, Refs: d.Refs, Parent: d.Parent,
		Tags: d.Tags, Categories: d.Categories, Permissions: d.Permissions}
	if it.MediaType == "" && (it.Kind == Page || it.Kind == Article) {
		it.MediaType = "text/html"
	}
	if it.Kind == Page && it.FriendlyURL == "" {
		it.FriendlyURL = slug(it.Name)
	}
	if content == nil {
		content = strings.NewReader("")
	}
	return s.author(ctx, it, content, place)
}

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
	return s.Add(ctx, site, Draft{Kind: Page, UUID: opt.UUID, Name: name, Private: opt.Private, Parent: opt.Parent,
		FriendlyURL: opt.FriendlyURL, Portlets: opt.Portlets, Refs: opt.Refs}, strings.NewReader(text))
}

// AddArticle writes a new article into the site.
func (s *Store) AddArticle(
	ctx context.Context, site int64, title, text string, refs ...Ref,
) (Item, error) {
	return s.Add(ctx, site, Draft{Kind: Article, Name: title, Refs: refs}, strings.NewReader(text))
}

// AddDocument writes a new document into the site.
func (s *Store) AddDocument(
	ctx context.Context, site int64, name, mediaType string, content io.Reader,
) (Item, error) {
	return s.Add(ctx, site, Draft{Kind: Document, Name: name, MediaType: mediaType}, content)
}

// UpdatePage writes a new text on a page of the site.
func (s *Store) UpdatePage(
	ctx context.Context, site int64, private bool, uuid, text string,
) (Item, error) {
	return s.update(ctx, Item{Site: site, Kind: Page, Private: private, UUID: uuid}, strings.NewReader(text))
}

// Update writes new content into an item of the site that is no page.
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
		return Item{}, noItem(it.Kind, it.UUID, it.Site)
	}
	old.Publish = 0
	return s.author(ctx, old, content, nil)
}

func noItem(kind Kind, uuid string, site int64) *Error {
	return Errorf(NoItem, "no %s %s in site %d", kind, uuid, site)
}

// Delete takes an item out of the site; the next export carries the deletion. What others lie in is
// deleted last.
func (s *Store) Delete(ctx context.Context, site int64, kind Kind, private bool, uuid string) error {
	return s.Change(ctx, func(tx *Tx) error {
		at, err := tx.Site(ctx, site)
		if err == nil {
			err = tx.unlocked(ctx, at, kind)
		}
		if err == nil {
			err = tx.emptied(ctx, site, uuid)
		}
		if err != nil {
			return err
		}
		found, err := tx.Remove(ctx, site, kind, private, uuid)
		if err == nil && !found {
			return noItem(kind, uuid, site)
		}
		if err != nil {
			return err
		}
		return s.journal(ctx, tx, Item{Site: site, Kind: kind, Private: private, UUID: uuid}, true)
	})
}

// emptied returns a BadItem if something lies in the item. Pages below one only lose it.
func (t *Tx) emptied(ctx context.Context, site int64, uuid string) error {
	var n int
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM items WHERE site = ? AND parent = ? AND kind <> ?`,
		site, uuid, Page).Scan(&n)
	if err == nil && n > 0 {
		return Errorf(BadItem, "%s", fmt.Sprintf("%s still holds %d others; delete those first", uuid, n))
	}
	return err
}

// author stores content as a new version of it and notes the change. prepare may complete the item
// in the transaction.
func (s *Store) author(
	ctx context.Context, it Item, content io.Reader, prepare func(context.Context, *Tx, *Item) error,
) (Item, error) {
	p, b, empty, err := s.packed(content)
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
		site, err := tx.Site(ctx, it.Site)
		if err == nil {
			err = tx.admits(ctx, site, it)
		}
		if err == nil && prepare != nil {
			err = prepare(ctx, tx, &it)
		}
		if err == nil {
			err = tx.Keep(ctx, p)
		}
		if err == nil {
			err = s.makeTags(ctx, tx, it, empty.SHA256)
		}
		if err != nil {
			return err
		}
		return s.write(ctx, tx, &it)
	})
	p.Committed(err == nil)
	return it, err
}

// admits returns why the site does not take the item: a kind that there is not or that a library has
// not, no name, or a type that is locked.
func (t *Tx) admits(ctx context.Context, site Site, it Item) error {
	of := TypeOf(it.Kind)
	switch {
	case of == "":
		return Errorf(BadItem, "%s", fmt.Sprintf("%q is no kind of content", it.Kind))
	case it.Name == "":
		return Errorf(BadItem, "a %s without a name", it.Kind)
	case !slices.Contains(Types(site.Library), of):
		return Errorf(NotInLibrary, "an asset library has no %s", it.Kind)
	}
	return t.unlocked(ctx, site, it.Kind)
}

// place finds what the item lies in, and gives a page the next layout id of its page set.
func place(ctx context.Context, tx *Tx, it *Item) error {
	row := rowOf(it.Kind)
	if err := tx.free(ctx, row, *it); err != nil {
		return err
	}
	if it.Kind == Page {
		err := tx.QueryRowContext(ctx, `SELECT coalesce(max(layout_id), 0) + 1 FROM items
			WHERE site = ? AND kind = ? AND private = ?`, it.Site, Page, it.Private).Scan(&it.LayoutID)
		if err != nil {
			return err
		}
	}
	if err := tx.under(ctx, row, it); err != nil {
		return err
	}
	for _, uuid := range it.Categories {
		c, found, err := tx.Item(ctx, it.Site, Category, false, uuid)
		if err != nil {
			return err
		}
		if !found {
			return noItem(Category, uuid, it.Site)
		}
		it.Refs = append(it.Refs, Ref{Kind: Category, UUID: c.UUID, Name: c.Name})
	}
	return nil
}

// free returns a Taken for a name or an id that exists already.
func (t *Tx) free(ctx context.Context, row kindRow, it Item) error {
	if _, found, err := t.Item(ctx, it.Site, it.Kind, it.Private, it.UUID); err != nil || found {
		return errors.Join(err, Errorf(Taken, "there is a %s %s already", it.Kind, it.UUID))
	}
	if !row.named {
		return nil
	}
	var n int
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM items WHERE site = ? AND kind = ? AND name = ?`,
		it.Site, it.Kind, it.Name).Scan(&n)
	if err == nil && n > 0 {
		return Errorf(Taken, "there is a %s %q already", it.Kind, it.Name)
	}
	return err
}

// under finds what the item lies in.
func (t *Tx) under(ctx context.Context, row kindRow, it *Item) error {
	if it.Parent == "" {
		if !row.rooted {
			return Errorf(BadItem, "%s", fmt.Sprintf("a %s lies in a %s", it.Kind, row.parents[0]))
		}
		return nil
	}
	for _, kind := range row.parents {
		above, found, err := t.Item(ctx, it.Site, kind, it.Private, it.Parent)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if it.Kind == Page {
			it.ParentLayoutID, it.Parent = above.LayoutID, ""
			return nil
		}
		it.Refs = append(it.Refs, Ref{Kind: kind, UUID: above.UUID, Name: above.Name})
		return nil
	}
	return Errorf(NoItem, "no place %s in site %d for a %s", it.Parent, it.Site, it.Kind)
}

// makeTags makes those tags of the item that the site has not. Their content is empty.
func (s *Store) makeTags(ctx context.Context, tx *Tx, it Item, empty string) error {
	for _, name := range it.Tags {
		var n int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM items WHERE site = ? AND kind = ? AND name = ?`,
			it.Site, Tag, name).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		tag := Item{Site: it.Site, Kind: Tag, Name: name, SHA256: empty, Modified: it.Modified}
		if tag.UUID, err = s.NewUUID(); err != nil {
			return err
		}
		if err := s.write(ctx, tx, &tag); err != nil {
			return err
		}
	}
	return nil
}

// write puts the item and notes it in the journal.
func (s *Store) write(ctx context.Context, tx *Tx, it *Item) (err error) {
	if *it, _, err = tx.Put(ctx, *it); err != nil {
		return err
	}
	return s.journal(ctx, tx, *it, false)
}

// packed stores one piece of content durably, and an empty one beside it.
func (s *Store) packed(content io.Reader) (p *Pack, b, empty Blob, err error) {
	if p, err = s.NewPack(); err != nil {
		return nil, b, empty, err
	}
	if b, err = p.Add(content); err == nil {
		empty, err = p.Add(strings.NewReader(""))
	}
	if err == nil {
		err = p.Sync()
	}
	if err != nil {
		return nil, b, empty, errors.Join(err, p.Close())
	}
	return p, b, empty, nil
}

// journal writes a change into the journal that exports are made from.
func (s *Store) journal(ctx context.Context, tx *Tx, it Item, deleted bool) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO journal (site, kind, uuid, private, deleted, at) VALUES (?, ?, ?, ?, ?, ?)`,
		it.Site, it.Kind, it.UUID, it.Private, deleted, Stamp(s.Now()))
	return err
}
