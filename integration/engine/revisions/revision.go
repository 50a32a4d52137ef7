package revisions

import (
	"context"
	"database/sql"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// Revision is a page as it was saved once.
type Revision struct {
	ID        int64
	Page      string // uuid
	Variation string
	Branch    string
	Number    int64  // from 1 in its branch
	Name      string // of the page
	Portlets  []string
	Refs      []content.Ref
	SHA256    string
	Size      int64
	At        time.Time
	Ready     bool // for publication
}

func revisionOf(page content.Item) Revision {
	return Revision{Page: page.UUID, Name: page.Name, Portlets: page.Portlets, Refs: page.Refs, SHA256: page.SHA256,
		Size: page.Size, At: page.Modified}
}

// Apply returns the page as it is in the revision.
func (r Revision) Apply(page content.Item) content.Item {
	page.Name, page.Portlets, page.Refs = r.Name, r.Portlets, r.Refs
	page.SHA256, page.Size, page.Modified = r.SHA256, r.Size, r.At
	return page
}

const columns = `r.id, r.page, v.name, r.branch, r.number, r.name, r.portlets, r.refs, r.sha256, r.size, r.at, r.ready
	FROM revisions r JOIN variations v ON v.id = r.variation`

func scan(row *sql.Rows) (r Revision, err error) {
	var at string
	err = row.Scan(&r.ID, &r.Page, &r.Variation, &r.Branch, &r.Number, &r.Name, content.JSON{V: &r.Portlets},
		content.JSON{V: &r.Refs}, &r.SHA256, &r.Size, &at, &r.Ready)
	if err != nil {
		return r, err
	}
	r.At, err = time.Parse(time.RFC3339Nano, at)
	return r, err
}

func insert(ctx context.Context, tx *content.Tx, variation int64, r Revision) (int64, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO revisions
		(variation, page, branch, number, name, portlets, refs, sha256, size, at, ready)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, variation, r.Page, r.Branch, r.Number, r.Name,
		content.JSON{V: r.Portlets}, content.JSON{V: r.Refs}, r.SHA256, r.Size, content.Stamp(r.At), r.Ready)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// last returns the newest revision of a branch, nil if the branch has none.
func last(ctx context.Context, v content.View, variation int64, page, branch string) (*Revision, error) {
	all, err := content.Collect(ctx, v, scan, `SELECT `+columns+` WHERE r.variation = ? AND r.page = ? AND r.branch = ?
		ORDER BY r.number DESC LIMIT 1`, variation, page, branch)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// Note keeps a page that was just written as a new revision of the main branch, if its set is
// versioned, and reports whether it is: then nothing of it is published until it is marked as ready.
func Note(ctx context.Context, tx *content.Tx, page content.Item) (noted bool, err error) {
	if page.Kind != content.Page {
		return false, nil
	}
	s := Set{page.Site, page.Private}
	if on, err := Versioned(ctx, tx.View, s); err != nil || !on {
		return false, err
	}
	main, err := find(ctx, tx.View, s, Main)
	if err != nil {
		return false, err
	}
	before, err := last(ctx, tx.View, main.ID, page.UUID, Main)
	if err != nil {
		return false, err
	}
	r := revisionOf(page)
	r.Branch, r.Number = Main, 1
	if before != nil {
		r.Number = before.Number + 1
	}
	_, err = insert(ctx, tx, main.ID, r)
	return err == nil, err
}

// Forget takes the revisions of a page away that was deleted.
func Forget(ctx context.Context, tx *content.Tx, page content.Item) error {
	if page.Kind != content.Page {
		return nil
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM revisions WHERE page = ? AND variation IN
		(SELECT id FROM variations WHERE site = ? AND private = ?)`, page.UUID, page.Site, page.Private)
	return err
}

// Ready returns what a publish of a variation takes, by the uuid of the page, and false if the set is
// not versioned. No name is the main variation.
func Ready(ctx context.Context, v content.View, s Set, variation string) (map[string]Revision, bool, error) {
	if on, err := Versioned(ctx, v, s); err != nil || !on {
		return nil, false, err
	}
	at, err := find(ctx, v, s, variation)
	if err != nil {
		return nil, true, err
	}
	all, err := content.Collect(ctx, v, scan, `SELECT `+columns+` WHERE r.variation = ? AND r.ready = 1`, at.ID)
	ready := map[string]Revision{}
	for _, r := range all {
		ready[r.Page] = r
	}
	return ready, true, err
}
