package content

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content/vault"
)

// Publish is one import that happened.
type Publish struct {
	ID, Site, Request       int64
	Checksum                string
	Login                   string
	At                      time.Time
	Entries                 int
	Bytes                   int64 // unpacked
	Added, Updated, Deleted int   // items of the site
	Warnings                []string
}

// List returns everything in the site: pages, articles and documents in the order they were made,
// then the newest entry of every archive path that arrived.
func (v View) List(ctx context.Context, site int64) ([]Item, error) {
	items, err := Collect(ctx, v, func(r *sql.Rows) (Item, error) { return scanItem(r) },
		`SELECT `+itemColumns+` FROM items WHERE site = ?
			ORDER BY CASE kind WHEN 'page' THEN 0 WHEN 'article' THEN 1 WHEN 'document' THEN 2 ELSE 3 END, kind, id`, site)
	if err != nil {
		return nil, err
	}
	entries, err := Collect(ctx, v, scanEntry, `SELECT e.site, e.path, e.sha256, e.size, e.publish, p.at
		FROM entries e JOIN publishes p ON p.id = e.publish WHERE e.site = ?1 AND e.publish =
		(SELECT max(n.publish) FROM entries n WHERE n.site = ?1 AND n.path = e.path) ORDER BY e.path`, site)
	return append(items, entries...), err
}

// Entries returns the entries that one publish brought, by path.
func (v View) Entries(ctx context.Context, publish int64) ([]Item, error) {
	return Collect(ctx, v, scanEntry, `SELECT e.site, e.path, e.sha256, e.size, e.publish, p.at
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
func (v View) Publishes(ctx context.Context, site int64) ([]Publish, error) {
	return Collect(ctx, v, func(r *sql.Rows) (Publish, error) {
		var p Publish
		var at string
		err := r.Scan(&p.ID, &p.Site, &p.Request, &p.Checksum, &p.Login, &at, &p.Entries, &p.Bytes,
			&p.Added, &p.Updated, &p.Deleted, JSON{&p.Warnings})
		if err != nil {
			return p, err
		}
		p.At, err = time.Parse(time.RFC3339Nano, at)
		return p, err
	}, `SELECT id, site, request, checksum, login, at, entries, bytes, added, updated, deleted, warnings
		FROM publishes WHERE site = ? ORDER BY id`, site)
}

// Open returns the content of an item, of whatever kind. The caller closes it.
func (s *Store) Open(ctx context.Context, it Item) (io.ReadCloser, error) {
	return s.openBlob(ctx, it.SHA256)
}

// ReadEntry returns the newest entry of that path that arrived in the site. The caller closes it.
func (s *Store) ReadEntry(ctx context.Context, site int64, path string) (io.ReadCloser, error) {
	var digest string
	err := s.QueryRowContext(ctx, `SELECT sha256 FROM entries WHERE site = ? AND path = ?
		ORDER BY publish DESC LIMIT 1`, site, path).Scan(&digest)
	if err != nil {
		return nil, fmt.Errorf("entry %s of site %d: %w", path, site, err)
	}
	return s.openBlob(ctx, digest)
}

// AddPublish writes an import, and returns its id.
func (t *Tx) AddPublish(ctx context.Context, p Publish) (int64, error) {
	res, err := t.ExecContext(ctx, `INSERT INTO publishes
		(site, request, checksum, login, at, entries, bytes, added, updated, deleted, warnings)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?)`,
		p.Site, p.Request, p.Checksum, p.Login, Stamp(p.At), p.Entries, p.Bytes, JSON{p.Warnings})
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// AddEntries writes entries that an import brought.
func (t *Tx) AddEntries(ctx context.Context, p Publish, entries ...Item) error {
	for _, it := range entries {
		if _, err := t.ExecContext(ctx, `INSERT INTO entries (publish, site, path, sha256, size) VALUES (?, ?, ?, ?, ?)`,
			p.ID, p.Site, it.Path, it.SHA256, it.Size); err != nil {
			return err
		}
	}
	return nil
}

// CountPublish writes how many items the import of p.ID added, updated and deleted.
func (t *Tx) CountPublish(ctx context.Context, p Publish) error {
	_, err := t.ExecContext(ctx, `UPDATE publishes SET added = ?, updated = ?, deleted = ? WHERE id = ?`,
		p.Added, p.Updated, p.Deleted, p.ID)
	return err
}

// NewPack begins a pack of content. The caller closes it.
func (s *Store) NewPack() (*vault.Pack, error) { return vault.NewPack(s.dir) }

// Keep writes the rows that make content of a pack count, in the transaction that needs it. Content
// that is already there stays where it is.
func (t *Tx) Keep(ctx context.Context, all ...vault.Blob) error {
	for _, b := range all {
		if _, err := t.ExecContext(ctx, `INSERT OR IGNORE INTO blobs (sha256, pack, start, size) VALUES (?, ?, ?, ?)`,
			b.SHA256, b.Pack, b.Start, b.Size); err != nil {
			return err
		}
	}
	return nil
}

// openBlob returns the content of that digest. The caller closes it.
func (s *Store) openBlob(ctx context.Context, digest string) (io.ReadCloser, error) {
	b := vault.Blob{SHA256: digest}
	err := s.QueryRowContext(ctx, `SELECT pack, start, size FROM blobs WHERE sha256 = ?`, digest).
		Scan(&b.Pack, &b.Start, &b.Size)
	if err != nil {
		return nil, fmt.Errorf("content %s: %w", digest, err)
	}
	return vault.Open(s.dir, b)
}
