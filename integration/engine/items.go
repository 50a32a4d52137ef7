package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Kind says what an Item is.
type Kind string

// The kinds of content. Entry is a file of an archive that arrived, as it came; the others are what
// a site is made of.
const (
	Page     Kind = "page"
	Article  Kind = "article"
	Document Kind = "document"
	Entry    Kind = "entry"
)

// classes are the model classes that archives name the kinds by.
var classes = map[Kind]string{
	Page:     "com.liferay.portal.kernel.model.Layout",
	Article:  "com.liferay.journal.model.JournalArticle",
	Document: "com.liferay.document.library.kernel.model.DLFileEntry",
}

// Item is one piece of a site's content.
type Item struct {
	ID             int64 // of a page: its plid; of an entry: 0
	Site           int64
	Kind           Kind
	UUID           string // the same in every environment; empty for an entry
	Path           string // of an entry: its name in the archive; else where the content is seen in the site
	Name           string
	Private        bool // pages only, like the next three
	LayoutID       int64
	ParentLayoutID int64
	FriendlyURL    string
	MediaType      string
	Portlets       []string // applications on a page
	Refs           []Ref
	Version        int64 // from 1; of an entry: 0
	Size           int64
	SHA256         string
	Modified       time.Time // of an entry: when it arrived
	Publish        int64     // the publish that brought it, 0 when it was written here
}

// Ref says that an item needs another one.
type Ref struct {
	Kind Kind   `json:"kind"`
	UUID string `json:"uuid"`
	Name string `json:"name"`
	Weak bool   `json:"weak,omitempty"` // a weak one may be missing: the publish succeeds with a warning
}

// Publish is one import that happened.
type Publish struct {
	ID, Site, Request       int64
	Checksum                string
	Login                   string
	At                      time.Time
	Entries                 int
	Bytes                   int64 // unpacked
	Added, Updated, Deleted int   // items of the site
}

const itemColumns = `id, site, kind, uuid, private, layout_id, parent_layout_id, name, friendly_url, media_type,
	portlets, refs, version, sha256, size, modified, publish`

func scanItem(row interface{ Scan(...any) error }) (Item, error) {
	var it Item
	var portlets, refs, modified string
	err := row.Scan(&it.ID, &it.Site, &it.Kind, &it.UUID, &it.Private, &it.LayoutID, &it.ParentLayoutID, &it.Name,
		&it.FriendlyURL, &it.MediaType, &portlets, &refs, &it.Version, &it.SHA256, &it.Size, &modified, &it.Publish)
	if err != nil {
		return it, err
	}
	it.Path = it.sitePath()
	if it.Modified, err = time.Parse(time.RFC3339Nano, modified); err != nil {
		return it, err
	}
	return it, errors.Join(json.Unmarshal([]byte(portlets), &it.Portlets), json.Unmarshal([]byte(refs), &it.Refs))
}

// sitePath is where a visitor sees the content.
func (it Item) sitePath() string {
	switch {
	case it.Kind == Page && it.Private:
		return "/group" + it.FriendlyURL
	case it.Kind == Page:
		return "/web" + it.FriendlyURL
	case it.Kind == Document:
		return "/documents/" + it.UUID + "/" + it.Name
	}
	return "/web-content/" + it.UUID
}

// List returns everything in the site: pages, articles and documents in the order they were made,
// then the newest entry of every archive path that arrived.
func (e *Engine) List(ctx context.Context, site int64) ([]Item, error) {
	items, err := collect(ctx, e.db, func(r *sql.Rows) (Item, error) { return scanItem(r) },
		`SELECT `+itemColumns+` FROM items WHERE site = ?
			ORDER BY CASE kind WHEN 'page' THEN 0 WHEN 'article' THEN 1 ELSE 2 END, id`, site)
	if err != nil {
		return nil, err
	}
	entries, err := collect(ctx, e.db, scanEntry, `SELECT e.site, e.path, e.sha256, e.size, e.publish, p.at
		FROM entries e JOIN publishes p ON p.id = e.publish WHERE e.site = ?1 AND e.publish =
		(SELECT max(n.publish) FROM entries n WHERE n.site = ?1 AND n.path = e.path) ORDER BY e.path`, site)
	return append(items, entries...), err
}

// Entries returns the entries that one publish brought, by path.
func (e *Engine) Entries(ctx context.Context, publish int64) ([]Item, error) {
	return collect(ctx, e.db, scanEntry, `SELECT e.site, e.path, e.sha256, e.size, e.publish, p.at
		FROM entries e JOIN publishes p ON p.id = e.publish WHERE e.publish = ? ORDER BY e.path`, publish)
}

func scanEntry(r *sql.Rows) (Item, error) {
	it := Item{Kind: Entry}
	var at string
	if err := r.Scan(&it.Site, &it.Path, &it.SHA256, &it.Size, &it.Publish, &at); err != nil {
		return it, err
	}
	it.Name = it.Path[strings.LastIndexByte(it.Path, '/')+1:]
	var err error
	it.Modified, err = time.Parse(time.RFC3339Nano, at)
	return it, err
}

// Publishes returns the imports of a site, oldest first.
func (e *Engine) Publishes(ctx context.Context, site int64) ([]Publish, error) {
	return collect(ctx, e.db, func(r *sql.Rows) (Publish, error) {
		var p Publish
		var at string
		err := r.Scan(&p.ID, &p.Site, &p.Request, &p.Checksum, &p.Login, &at, &p.Entries, &p.Bytes,
			&p.Added, &p.Updated, &p.Deleted)
		if err != nil {
			return p, err
		}
		p.At, err = time.Parse(time.RFC3339Nano, at)
		return p, err
	}, `SELECT id, site, request, checksum, login, at, entries, bytes, added, updated, deleted
		FROM publishes WHERE site = ? ORDER BY id`, site)
}

// Open returns the content of an item, of whatever kind. The caller closes it.
func (e *Engine) Open(ctx context.Context, it Item) (io.ReadCloser, error) {
	return e.content.open(ctx, e.db, it.SHA256)
}

// ReadEntry returns the newest entry of that path that arrived in the site. The caller closes it.
func (e *Engine) ReadEntry(ctx context.Context, site int64, path string) (io.ReadCloser, error) {
	var digest string
	err := e.db.QueryRowContext(ctx, `SELECT sha256 FROM entries WHERE site = ? AND path = ?
		ORDER BY publish DESC LIMIT 1`, site, path).Scan(&digest)
	if err != nil {
		return nil, fmt.Errorf("entry %s of site %d: %w", path, site, err)
	}
	return e.content.open(ctx, e.db, digest)
}

// Versions returns every version of an item that this engine has had, oldest first.
func (e *Engine) Versions(ctx context.Context, item int64) ([]Item, error) {
	it, found, err := itemByID(ctx, e.db, item)
	if err != nil || !found {
		return nil, err
	}
	return collect(ctx, e.db, func(r *sql.Rows) (Item, error) {
		v := it
		var modified string
		if err := r.Scan(&v.Version, &v.Name, &v.SHA256, &v.Size, &modified, &v.Publish); err != nil {
			return v, err
		}
		var err error
		v.Modified, err = time.Parse(time.RFC3339Nano, modified)
		return v, err
	}, `SELECT version, name, sha256, size, modified, publish FROM versions WHERE item = ? ORDER BY version`, item)
}

func siteItems(ctx context.Context, q querier, site int64, kind Kind) ([]Item, error) {
	return collect(ctx, q, func(r *sql.Rows) (Item, error) { return scanItem(r) },
		`SELECT `+itemColumns+` FROM items WHERE site = ? AND kind = ? ORDER BY private, layout_id, id`, site, kind)
}

func findItem(
	ctx context.Context, q querier, site int64, kind Kind, private bool, uuid string,
) (Item, bool, error) {
	return oneItem(q.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items
		WHERE site = ? AND kind = ? AND private = ? AND uuid = ?`, site, kind, private, uuid))
}

func itemByID(ctx context.Context, q querier, id int64) (Item, bool, error) {
	return oneItem(q.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items WHERE id = ?`, id))
}

func oneItem(row *sql.Row) (Item, bool, error) {
	it, err := scanItem(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Item{}, false, nil
	}
	return it, err == nil, err
}

// put writes it as a new version of the item with its uuid, or as a new item, and says which.
func put(ctx context.Context, tx *sql.Tx, it Item) (stored Item, added bool, err error) {
	old, found, err := findItem(ctx, tx, it.Site, it.Kind, it.Private, it.UUID)
	if err != nil {
		return it, false, err
	}
	if found {
		it.ID, it.Version = old.ID, max(it.Version, old.Version+1)
		err = updateItem(ctx, tx, it)
	} else {
		it.Version = max(it.Version, 1)
		it.ID, err = insertItem(ctx, tx, it)
	}
	if err != nil {
		return it, false, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO versions (item, version, name, sha256, size, modified, publish)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, it.ID, it.Version, it.Name, it.SHA256, it.Size, stampOf(it.Modified), it.Publish)
	it.Path = it.sitePath()
	return it, !found, err
}

func insertItem(ctx context.Context, tx *sql.Tx, it Item) (int64, error) {
	portlets, refs, err := it.lists()
	if err != nil {
		return 0, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO items (site, kind, uuid, private, layout_id, parent_layout_id, name,
		friendly_url, media_type, portlets, refs, version, sha256, size, modified, publish)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		it.Site, it.Kind, it.UUID, it.Private, it.LayoutID, it.ParentLayoutID, it.Name, it.FriendlyURL, it.MediaType,
		portlets, refs, it.Version, it.SHA256, it.Size, stampOf(it.Modified), it.Publish)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func updateItem(ctx context.Context, tx *sql.Tx, it Item) error {
	portlets, refs, err := it.lists()
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE items SET layout_id = ?, parent_layout_id = ?, name = ?, friendly_url = ?,
		media_type = ?, portlets = ?, refs = ?, version = ?, sha256 = ?, size = ?, modified = ?, publish = ? WHERE id = ?`,
		it.LayoutID, it.ParentLayoutID, it.Name, it.FriendlyURL, it.MediaType, portlets, refs,
		it.Version, it.SHA256, it.Size, stampOf(it.Modified), it.Publish, it.ID)
	return err
}

// lists returns the item's lists as the database keeps them.
func (it Item) lists() (portlets, refs string, err error) {
	p, err := json.Marshal(it.Portlets)
	if err != nil {
		return "", "", err
	}
	r, err := json.Marshal(it.Refs)
	return string(p), string(r), err
}

// remove takes an item away; its versions go with it. It says whether there was one.
func remove(
	ctx context.Context, tx *sql.Tx, site int64, kind Kind, private bool, uuid string,
) (bool, error) {
	it, found, err := findItem(ctx, tx, site, kind, private, uuid)
	if err != nil || !found {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM versions WHERE item = ?`, it.ID); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM items WHERE id = ?`, it.ID)
	return err == nil, err
}

func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
