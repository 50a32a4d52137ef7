package content

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

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
	Parent         string              // uuid of the folder, page, vocabulary or category that it lies in
	Tags           []string            // names of tags
	Categories     []string            // uuids of categories
	Permissions    map[string][]string // actions by role; nil means the site's own
	Version        int64               // from 1; of an entry: 0
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

const itemColumns = `id, site, kind, uuid, private, layout_id, parent_layout_id, name, friendly_url, media_type,
	portlets, refs, parent, tags, categories, permissions, version, sha256, size, modified, publish`

func scanItem(row interface{ Scan(...any) error }) (Item, error) {
	var it Item
	var modified string
	err := row.Scan(&it.ID, &it.Site, &it.Kind, &it.UUID, &it.Private, &it.LayoutID, &it.ParentLayoutID, &it.Name,
		&it.FriendlyURL, &it.MediaType, JSON{&it.Portlets}, JSON{&it.Refs}, &it.Parent, JSON{&it.Tags},
		JSON{&it.Categories}, JSON{&it.Permissions}, &it.Version, &it.SHA256, &it.Size, &modified, &it.Publish)
	if err != nil {
		return it, err
	}
	it.Path = it.sitePath()
	it.Modified, err = time.Parse(time.RFC3339Nano, modified)
	return it, err
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

// Versions returns every version of an item that this engine has had, oldest first.
func (v View) Versions(ctx context.Context, item int64) ([]Item, error) {
	it, found, err := v.ItemByID(ctx, item)
	if err != nil || !found {
		return nil, err
	}
	return Collect(ctx, v, func(r *sql.Rows) (Item, error) {
		was := it
		var modified string
		if err := r.Scan(&was.Version, &was.Name, &was.SHA256, &was.Size, &modified, &was.Publish); err != nil {
			return was, err
		}
		var err error
		was.Modified, err = time.Parse(time.RFC3339Nano, modified)
		return was, err
	}, `SELECT version, name, sha256, size, modified, publish FROM versions WHERE item = ? ORDER BY version`, item)
}

// Items returns what the site has of a kind: pages by page set and layout id, others in the order
// in which they were made.
func (v View) Items(ctx context.Context, site int64, kind Kind) ([]Item, error) {
	return Collect(ctx, v, func(r *sql.Rows) (Item, error) { return scanItem(r) },
		`SELECT `+itemColumns+` FROM items WHERE site = ? AND kind = ? ORDER BY private, layout_id, id`, site, kind)
}

// Item finds an item of the site and reports whether there is one. private is false for all kinds
// but pages.
func (v View) Item(
	ctx context.Context, site int64, kind Kind, private bool, uuid string,
) (Item, bool, error) {
	return oneItem(v.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items
		WHERE site = ? AND kind = ? AND private = ? AND uuid = ?`, site, kind, private, uuid))
}

// ItemByID finds an item by its id and reports whether there is one.
func (v View) ItemByID(ctx context.Context, id int64) (Item, bool, error) {
	return oneItem(v.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items WHERE id = ?`, id))
}

func oneItem(row *sql.Row) (Item, bool, error) {
	it, err := scanItem(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Item{}, false, nil
	}
	return it, err == nil, err
}

// Put writes it as a new version of the item with its uuid, or as a new item, and reports whether it
// was added.
func (t *Tx) Put(ctx context.Context, it Item) (stored Item, added bool, err error) {
	old, found, err := t.Item(ctx, it.Site, it.Kind, it.Private, it.UUID)
	if err != nil {
		return it, false, err
	}
	if found {
		it.ID, it.Version = old.ID, max(it.Version, old.Version+1)
		err = t.updateItem(ctx, it)
	} else {
		it.Version = max(it.Version, 1)
		it.ID, err = t.insertItem(ctx, it)
	}
	if err != nil {
		return it, false, err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO versions (item, version, name, sha256, size, modified, publish)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, it.ID, it.Version, it.Name, it.SHA256, it.Size, Stamp(it.Modified), it.Publish)
	it.Path = it.sitePath()
	return it, !found, err
}

func (t *Tx) insertItem(ctx context.Context, it Item) (int64, error) {
	res, err := t.ExecContext(ctx, `INSERT INTO items (site, kind, uuid, private, layout_id, parent_layout_id, name,
		friendly_url, media_type, portlets, refs, parent, tags, categories, permissions,
		version, sha256, size, modified, publish)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		it.Site, it.Kind, it.UUID, it.Private, it.LayoutID, it.ParentLayoutID, it.Name, it.FriendlyURL, it.MediaType,
		JSON{it.Portlets}, JSON{it.Refs}, it.Parent, JSON{it.Tags}, JSON{it.Categories}, JSON{it.Permissions},
		it.Version, it.SHA256, it.Size, Stamp(it.Modified), it.Publish)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func (t *Tx) updateItem(ctx context.Context, it Item) error {
	_, err := t.ExecContext(ctx, `UPDATE items SET layout_id = ?, parent_layout_id = ?, name = ?, friendly_url = ?,
		media_type = ?, portlets = ?, refs = ?, parent = ?, tags = ?, categories = ?, permissions = ?, version = ?,
		sha256 = ?, size = ?, modified = ?, publish = ? WHERE id = ?`,
		it.LayoutID, it.ParentLayoutID, it.Name, it.FriendlyURL, it.MediaType, JSON{it.Portlets}, JSON{it.Refs},
		it.Parent, JSON{it.Tags}, JSON{it.Categories}, JSON{it.Permissions},
		it.Version, it.SHA256, it.Size, Stamp(it.Modified), it.Publish, it.ID)
	return err
}

// Journal notes a change of an item: for those who compare before they write, and, unless a publish
// brought it, for the exports that take what was changed.
func (t *Tx) Journal(ctx context.Context, it Item, deleted bool, at time.Time) error {
	_, err := t.ExecContext(ctx, `INSERT INTO journal (site, kind, uuid, private, deleted, at, publish)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, it.Site, it.Kind, it.UUID, it.Private, deleted, Stamp(at), it.Publish)
	return err
}

// Remove takes an item away; its versions go with it. It reports whether there was one.
func (t *Tx) Remove(
	ctx context.Context, site int64, kind Kind, private bool, uuid string,
) (bool, error) {
	it, found, err := t.Item(ctx, site, kind, private, uuid)
	if err != nil || !found {
		return false, err
	}
	if _, err := t.ExecContext(ctx, `DELETE FROM versions WHERE item = ?`, it.ID); err != nil {
		return false, err
	}
	_, err = t.ExecContext(ctx, `DELETE FROM items WHERE id = ?`, it.ID)
	return err == nil, err
}
