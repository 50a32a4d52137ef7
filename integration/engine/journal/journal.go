package journal

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Journal reads and writes what changed in a store. It is safe for concurrent use.
type Journal struct{ store *content.Store }

var _ source.Source = (*Journal)(nil)

// New returns the journal of a store.
func New(store *content.Store) *Journal { return &Journal{store} }

// private is behind the kind of a page that only members see.
const private = ".private"

// place is an object as the store has it.
type place struct {
	site content.Site
	kind content.Kind
	priv bool
	uuid string
}

// escapes keep a site's name in one segment.
var escapes = strings.NewReplacer("%", "%25", "/", "%2F", "\n", "%0A", "\t", "%09", "\r", "%0D")

func object(site string, kind content.Kind, priv bool, uuid string) sync.Object {
	k := string(kind)
	if priv {
		k += private
	}
	return sync.Object(escapes.Replace(site) + "/" + k + "/" + uuid)
}

// find returns where an object is, and false if there is no such site.
func find(ctx context.Context, v content.View, o sync.Object) (p place, found bool, err error) {
	name, kind, uuid := o.Parts()
	kind, p.priv = strings.CutSuffix(kind, private)
	p.kind, p.uuid = content.Kind(kind), uuid
	sites, err := v.Sites(ctx)
	for _, s := range sites {
		if escapes.Replace(s.Name) == name {
			p.site, found = s, true
		}
	}
	return p, found, err
}

// Changes implements source.Source.
func (j *Journal) Changes(ctx context.Context, after int64, limit int) ([]source.Row, error) {
	rows, err := content.Collect(ctx, j.store, func(r *sql.Rows) (row source.Row, err error) {
		var site, uuid string
		var kind content.Kind
		var priv bool
		err = r.Scan(&row.Seq, &site, &kind, &priv, &uuid, &row.Tag, &row.Deleted, &row.Author)
		row.Object = object(site, kind, priv, uuid)
		return row, err
	}, `SELECT j.seq, s.name, j.kind, j.private, j.uuid, j.tag, j.deleted, j.author
		FROM journal j JOIN sites s ON s.id = j.site WHERE j.seq > ? ORDER BY j.seq LIMIT ?`, after, limit)
	if rows == nil {
		rows = []source.Row{}
	}
	return rows, err
}

// newest returns the last row of an object, 0 if there is none.
func newest(ctx context.Context, q content.Querier, p place) (seq int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM journal
		WHERE site = ? AND kind = ? AND uuid = ? AND private = ?`, p.site.ID, p.kind, p.uuid, p.priv).Scan(&seq)
	return seq, err
}

// head is the first line of an item as it travels.
type head struct {
	Name        string              `json:"name"`
	FriendlyURL string              `json:"friendly_url,omitempty"`
	MediaType   string              `json:"media_type,omitempty"`
	Parent      string              `json:"parent,omitempty"`      // what it lies in
	ParentKind  content.Kind        `json:"parent_kind,omitempty"` // and of which kind that is
	Portlets    []string            `json:"portlets,omitempty"`
	Refs        []content.Ref       `json:"refs,omitempty"`
	Tags        []string            `json:"tags,omitempty"`
	Categories  []string            `json:"categories,omitempty"`
	Permissions map[string][]string `json:"permissions,omitempty"`
}

// Content implements source.Source.
func (j *Journal) Content(ctx context.Context, o sync.Object) (io.ReadCloser, source.Facts, error) {
	var f source.Facts
	var it content.Item
	var h head
	err := j.store.Read(ctx, func(v content.View) (err error) {
		p, found, err := find(ctx, v, o)
		if err != nil || !found {
			f.Deleted = true
			return err
		}
		if f.Seq, err = newest(ctx, v, p); err != nil {
			return err
		}
		it, found, err = v.Item(ctx, p.site.ID, p.kind, p.priv, p.uuid)
		f.Deleted = !found
		if err == nil && found {
			h, err = headOf(ctx, v, it)
		}
		f.Title, f.Needs = it.Name, h.needs(p)
		return err
	})
	if err != nil || f.Deleted {
		return nil, f, err
	}
	body, err := j.store.Open(ctx, it)
	if err != nil {
		return nil, f, err
	}
	line, err := json.Marshal(h)
	if err != nil {
		return nil, f, errors.Join(err, body.Close())
	}
	return behind{io.MultiReader(bytes.NewReader(append(line, '\n')), body), body}, f, nil
}

// behind reads a line and then the content, which it closes.
type behind struct {
	io.Reader
	io.Closer
}

func headOf(ctx context.Context, v content.View, it content.Item) (head, error) {
	h := head{Name: it.Name, FriendlyURL: it.FriendlyURL, MediaType: it.MediaType, Parent: it.Parent, Portlets: it.Portlets,
		Refs: it.Refs, Tags: it.Tags, Categories: it.Categories, Permissions: it.Permissions}
	if it.Kind == content.Page && it.ParentLayoutID != 0 {
		err := v.QueryRowContext(ctx, `SELECT uuid FROM items WHERE site = ? AND kind = ? AND private = ? AND layout_id = ?`,
			it.Site, it.Kind, it.Private, it.ParentLayoutID).Scan(&h.Parent)
		if errors.Is(err, sql.ErrNoRows) {
			return h, nil
		}
		h.ParentKind = content.Page
		return h, err
	}
	for _, kind := range content.RulesOf(it.Kind).Parents {
		if h.Parent == "" {
			break
		}
		_, found, err := v.Item(ctx, it.Site, kind, false, h.Parent)
		if err != nil {
			return h, err
		}
		if found {
			h.ParentKind = kind
			break
		}
	}
	return h, nil
}

// maxNeeds is how many an object may name.
const maxNeeds = 32

// needs are what the item lies in and its categories. What it only refers to may be missing: two
// articles may refer to each other.
func (h head) needs(p place) []sync.Object {
	var all []sync.Object
	if h.Parent != "" && h.ParentKind != "" {
		all = append(all, object(p.site.Name, h.ParentKind, p.priv && h.ParentKind == content.Page, h.Parent))
	}
	for _, c := range h.Categories {
		if len(all) < maxNeeds {
			all = append(all, object(p.site.Name, content.Category, false, c))
		}
	}
	return all
}

// maxHead is how long the first line may be.
const maxHead = 1 << 20

// readHead reads the first line and returns what is behind it.
func readHead(r io.Reader) (h head, body io.Reader, err error) {
	var line []byte
	buf := make([]byte, 4096)
	for len(line) <= maxHead {
		n, err := r.Read(buf)
		line = append(line, buf[:n]...)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			d := json.NewDecoder(bytes.NewReader(line[:i]))
			d.DisallowUnknownFields()
			if err := d.Decode(&h); err != nil {
				return h, nil, &source.Invalid{Text: "its first line cannot be read: " + err.Error()}
			}
			return h, io.MultiReader(bytes.NewReader(line[i+1:]), r), nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return h, nil, fmt.Errorf("read the item: %w", err)
		}
	}
	return h, nil, &source.Invalid{Text: "it has no first line of JSON"}
}
