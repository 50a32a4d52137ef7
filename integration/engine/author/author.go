package author

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/content/vault"
	"github.com/stagelock/stagelock/integration/engine/revisions"
)

// Author writes and deletes what sites are made of, and notes every change in the journal that exports
// are made from. It is safe for concurrent use.
type Author struct{ store *content.Store }

// New returns the author of a store.
func New(store *content.Store) *Author { return &Author{store: store} }

// Draft is an item to be written.
type Draft struct {
	Kind        content.Kind
	UUID        string // empty means a new one
	Name        string
	Private     bool   // of a page
	Parent      string // uuid of what it lies in; empty means the top
	FriendlyURL string // of a page; empty means made of the name
	MediaType   string // empty means that of the kind
	Portlets    []string
	Refs        []content.Ref
	Tags        []string // names; those that are not there are made
	Categories  []string // uuids
	Permissions map[string][]string
}

// Add writes a new item into the site. A type that is staged elsewhere is Locked.
func (a *Author) Add(ctx context.Context, site int64, d Draft, body io.Reader) (content.Item, error) {
	it := content.Item{Site: site, Kind: d.Kind, UUID: d.UUID, Name: d.Name, Private: d.Private && d.Kind == content.Page,
		FriendlyURL: d.FriendlyURL, MediaType: d.MediaType, Portlets: d.Portlets, Refs: d.Refs, Parent: d.Parent,
		Tags: d.Tags, Categories: d.Categories, Permissions: d.Permissions}
	if it.MediaType == "" && (it.Kind == content.Page || it.Kind == content.Article) {
		it.MediaType = "text/html"
	}
	if body == nil {
		body = strings.NewReader("")
	}
	return a.author(ctx, it, body, place)
}

// PageOptions is what may be said about a new page beside its name and text.
type PageOptions struct {
	UUID        string // empty means a new one
	Private     bool
	Parent      string // uuid of the page above it; empty means the top
	FriendlyURL string // empty means made of the name
	Portlets    []string
	Refs        []content.Ref
}

// AddPage writes a new page into the site.
func (a *Author) AddPage(
	ctx context.Context, site int64, name, text string, opt PageOptions,
) (content.Item, error) {
	return a.Add(ctx, site, Draft{Kind: content.Page, UUID: opt.UUID, Name: name, Private: opt.Private, Parent: opt.Parent,
		FriendlyURL: opt.FriendlyURL, Portlets: opt.Portlets, Refs: opt.Refs}, strings.NewReader(text))
}

// AddArticle writes a new article into the site.
func (a *Author) AddArticle(
	ctx context.Context, site int64, title, text string, refs ...content.Ref,
) (content.Item, error) {
	return a.Add(ctx, site, Draft{Kind: content.Article, Name: title, Refs: refs}, strings.NewReader(text))
}

// AddDocument writes a new document into the site.
func (a *Author) AddDocument(
	ctx context.Context, site int64, name, mediaType string, body io.Reader,
) (content.Item, error) {
	return a.Add(ctx, site, Draft{Kind: content.Document, Name: name, MediaType: mediaType}, body)
}

// UpdatePage writes a new text on a page of the site.
func (a *Author) UpdatePage(
	ctx context.Context, site int64, private bool, uuid, text string,
) (content.Item, error) {
	return a.update(ctx, content.Item{Site: site, Kind: content.Page, Private: private, UUID: uuid}, strings.NewReader(text))
}

// Update writes new content into an item of the site that is no page.
func (a *Author) Update(
	ctx context.Context, site int64, kind content.Kind, uuid string, body io.Reader,
) (content.Item, error) {
	return a.update(ctx, content.Item{Site: site, Kind: kind, UUID: uuid}, body)
}

func (a *Author) update(ctx context.Context, it content.Item, body io.Reader) (content.Item, error) {
	old, found, err := a.store.Item(ctx, it.Site, it.Kind, it.Private, it.UUID)
	if err != nil {
		return content.Item{}, err
	}
	if !found {
		return content.Item{}, noItem(it.Kind, it.UUID, it.Site)
	}
	old.Publish = 0
	return a.author(ctx, old, body, nil)
}

func noItem(kind content.Kind, uuid string, site int64) *content.Error {
	return content.Errorf(content.NoItem, "no %s %s in site %d", kind, uuid, site)
}

// Delete takes an item out of the site; the next export carries the deletion. What others lie in is
// deleted last.
func (a *Author) Delete(ctx context.Context, site int64, kind content.Kind, private bool, uuid string) error {
	return a.store.Change(ctx, func(tx *content.Tx) error {
		at, err := tx.Site(ctx, site)
		if err == nil {
			err = tx.Unlocked(ctx, at, kind)
		}
		if err == nil {
			err = emptied(ctx, tx, site, uuid)
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
		gone := content.Item{Site: site, Kind: kind, Private: private, UUID: uuid}
		if err := revisions.Forget(ctx, tx, gone); err != nil {
			return err
		}
		return tx.Journal(ctx, gone, true, a.store.Now())
	})
}

// emptied returns a BadItem if something lies in the item. Pages below one only lose it.
func emptied(ctx context.Context, t *content.Tx, site int64, uuid string) error {
	var n int
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM items WHERE site = ? AND parent = ? AND kind <> ?`,
		site, uuid, content.Page).Scan(&n)
	if err == nil && n > 0 {
		return content.Errorf(content.BadItem, "%s", fmt.Sprintf("%s still holds %d others; delete those first", uuid, n))
	}
	return err
}

// author stores content as a new version of it and notes the change. prepare may complete the item
// in the transaction.
func (a *Author) author(
	ctx context.Context, it content.Item, body io.Reader, prepare func(context.Context, *content.Tx, *content.Item) error,
) (content.Item, error) {
	p, b, empty, err := a.packed(body)
	if err != nil {
		return content.Item{}, fmt.Errorf("%s %q: %w", it.Kind, it.Name, err)
	}
	defer p.Close()
	if it.UUID == "" {
		if it.UUID, err = a.store.NewUUID(); err != nil {
			return content.Item{}, err
		}
	}
	it.SHA256, it.Size, it.Modified = b.SHA256, b.Size, a.store.Now()
	err = a.store.Change(ctx, func(tx *content.Tx) (err error) {
		site, err := tx.Site(ctx, it.Site)
		if err == nil {
			err = admits(ctx, tx, site, it)
		}
		if err == nil && prepare != nil {
			err = prepare(ctx, tx, &it)
		}
		if err == nil {
			err = tx.Keep(ctx, p.Blobs()...)
		}
		if err == nil {
			err = a.makeTags(ctx, tx, it, empty.SHA256)
		}
		if err != nil {
			return err
		}
		return a.write(ctx, tx, &it)
	})
	p.Committed(err == nil)
	return it, err
}

// admits returns why the site does not take the item: a kind that there is not or that a library has
// not, no name, or a type that is locked.
func admits(ctx context.Context, t *content.Tx, site content.Site, it content.Item) error {
	of := content.TypeOf(it.Kind)
	switch {
	case of == "":
		return content.Errorf(content.BadItem, "%s", fmt.Sprintf("%q is no kind of content", it.Kind))
	case it.Name == "":
		return content.Errorf(content.BadItem, "%s", it.Kind.One()+" without a name")
	case !slices.Contains(content.Types(site.Library), of):
		return content.Errorf(content.NotInLibrary, "an asset library has no %s", it.Kind)
	}
	return t.Unlocked(ctx, site, it.Kind)
}

// place finds what the item lies in, and gives a page the next layout id of its page set.
func place(ctx context.Context, tx *content.Tx, it *content.Item) error {
	row := content.RulesOf(it.Kind)
	if err := free(ctx, tx, row, *it); err != nil {
		return err
	}
	if it.Kind == content.Page {
		err := tx.QueryRowContext(ctx, `SELECT coalesce(max(layout_id), 0) + 1 FROM items
			WHERE site = ? AND kind = ? AND private = ?`, it.Site, content.Page, it.Private).Scan(&it.LayoutID)
		if err == nil {
			err = address(ctx, tx, it)
		}
		if err != nil {
			return err
		}
	}
	if err := under(ctx, tx, row, it); err != nil {
		return err
	}
	for _, uuid := range it.Categories {
		c, found, err := tx.Item(ctx, it.Site, content.Category, false, uuid)
		if err != nil {
			return err
		}
		if !found {
			return noItem(content.Category, uuid, it.Site)
		}
		it.Refs = append(it.Refs, content.Ref{Kind: content.Category, UUID: c.UUID, Name: c.Name})
	}
	return nil
}

// address gives a page an address of its own: one that was asked for must be free, to one that is made of the
// name a number is added.
func address(ctx context.Context, tx *content.Tx, it *content.Item) error {
	base := it.FriendlyURL
	if base == "" {
		base = content.Slug(it.Name)
	}
	for n, url := 0, base; ; url = fmt.Sprintf("%s-%d", base, n) {
		var there int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM items WHERE site = ? AND kind = ? AND private = ?
			AND friendly_url = ?`, it.Site, content.Page, it.Private, url).Scan(&there)
		switch {
		case err != nil:
			return err
		case there == 0:
			it.FriendlyURL = url
			return nil
		case it.FriendlyURL != "":
			return content.Errorf(content.Taken, "there is a page at %s already", url)
		}
		n++
	}
}

// free returns a Taken for a name or an id that exists already.
func free(ctx context.Context, t *content.Tx, row content.Rules, it content.Item) error {
	if _, found, err := t.Item(ctx, it.Site, it.Kind, it.Private, it.UUID); err != nil || found {
		return errors.Join(err, content.Errorf(content.Taken, "there is a %s %s already", it.Kind, it.UUID))
	}
	if !row.Named {
		return nil
	}
	var n int
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM items WHERE site = ? AND kind = ? AND name = ?`,
		it.Site, it.Kind, it.Name).Scan(&n)
	if err == nil && n > 0 {
		return content.Errorf(content.Taken, "there is a %s %q already", it.Kind, it.Name)
	}
	return err
}

// under finds what the item lies in.
func under(ctx context.Context, t *content.Tx, row content.Rules, it *content.Item) error {
	if it.Parent == "" {
		if !row.Rooted {
			return content.Errorf(content.BadItem, "%s", it.Kind.One()+" lies in "+row.Parents[0].One())
		}
		return nil
	}
	for _, kind := range row.Parents {
		above, found, err := t.Item(ctx, it.Site, kind, it.Private, it.Parent)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if it.Kind == content.Page {
			it.ParentLayoutID, it.Parent = above.LayoutID, ""
			return nil
		}
		it.Refs = append(it.Refs, content.Ref{Kind: kind, UUID: above.UUID, Name: above.Name})
		return nil
	}
	return content.Errorf(content.NoItem, "no place %s in site %d for %s", it.Parent, it.Site, it.Kind.One())
}

// makeTags makes those tags of the item that the site has not. Their content is empty.
func (a *Author) makeTags(ctx context.Context, tx *content.Tx, it content.Item, empty string) error {
	for _, name := range it.Tags {
		var n int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM items WHERE site = ? AND kind = ? AND name = ?`,
			it.Site, content.Tag, name).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		tag := content.Item{Site: it.Site, Kind: content.Tag, Name: name, SHA256: empty, Modified: it.Modified}
		if tag.UUID, err = a.store.NewUUID(); err != nil {
			return err
		}
		if err := a.write(ctx, tx, &tag); err != nil {
			return err
		}
	}
	return nil
}

// write puts the item and notes it in the journal, a page with versions only once one is ready.
func (a *Author) write(ctx context.Context, tx *content.Tx, it *content.Item) (err error) {
	if *it, _, err = tx.Put(ctx, *it); err != nil {
		return err
	}
	if noted, err := revisions.Note(ctx, tx, *it); err != nil || noted {
		return err
	}
	return tx.Journal(ctx, *it, false, a.store.Now())
}

// packed stores one piece of content durably, and an empty one beside it.
func (a *Author) packed(body io.Reader) (p *vault.Pack, b, empty vault.Blob, err error) {
	if p, err = a.store.NewPack(); err != nil {
		return nil, b, empty, err
	}
	if b, err = p.Add(body); err == nil {
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
