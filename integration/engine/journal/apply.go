package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/content/vault"
	"github.com/stagelock/stagelock/integration/engine/revisions"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Apply implements source.Source. A site that is not there is Missing: nobody makes one by sync.
func (j *Journal) Apply(
	ctx context.Context, o sync.Object, expect int64, tag string, f source.Facts, body io.Reader,
) (int64, error) {
	w := &writing{j: j, object: o, expect: expect, tag: tag, facts: f, body: body}
	err := j.carry(ctx, w)
	return w.seq, errors.Join(err, w.err)
}

// ApplyAll implements source.Batch.
func (j *Journal) ApplyAll(ctx context.Context, all []source.Application) ([]source.Applied, error) {
	ws := make([]*writing, len(all))
	for i, a := range all {
		ws[i] = &writing{j: j, object: a.Object, expect: a.Expect, tag: a.Tag, facts: a.Facts, body: bytes.NewReader(a.Content)}
	}
	if err := j.carry(ctx, ws...); err != nil {
		return nil, err
	}
	out := make([]source.Applied, len(ws))
	for i, w := range ws {
		out[i] = source.Applied{Seq: w.seq, Err: w.err}
	}
	return out, nil
}

// carry writes all of them, each wholly or not at all, with one pack and one transaction.
func (j *Journal) carry(ctx context.Context, all ...*writing) error {
	pack, err := j.pack(all)
	if err != nil {
		return err
	}
	if pack != nil {
		defer pack.Close()
	}
	written := false
	err = j.store.Change(ctx, func(tx *content.Tx) error {
		for _, w := range all {
			if err := w.alone(ctx, tx); err != nil {
				return err
			}
			written = written || w.kept
		}
		return nil
	})
	if pack != nil {
		pack.Committed(err == nil && written)
	}
	return err
}

// pack stores the contents before the transaction, durably. It is nil if nothing has one.
func (j *Journal) pack(all []*writing) (p *vault.Pack, err error) {
	for _, w := range all {
		if w.facts.Deleted {
			continue
		}
		if p == nil {
			if p, err = j.store.NewPack(); err != nil {
				return nil, err
			}
		}
		err = w.read(p)
		var invalid *source.Invalid
		if errors.As(err, &invalid) {
			w.err, err = invalid, nil
		}
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	if p == nil {
		return nil, nil
	}
	if err := p.Sync(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// writing is one Apply.
type writing struct {
	j        *Journal
	object   sync.Object
	expect   int64
	tag      string
	facts    source.Facts
	body     io.Reader
	head     head
	blob     vault.Blob // of a put
	seq      int64      // of the row that was written
	repeated bool       // the row was there already
	kept     bool       // the content counts
	err      error      // why nothing was written
}

// read adds the content to a pack.
func (w *writing) read(p *vault.Pack) error {
	h, rest, err := readHead(w.body)
	if err != nil {
		return err
	}
	if w.head = h; w.facts.Rename != "" {
		w.head.Name = w.facts.Rename
	}
	w.blob, err = p.Add(rest)
	return err
}

// alone carries it out within a transaction of several. Its error is one that the transaction does not
// survive; why it was refused is kept.
func (w *writing) alone(ctx context.Context, tx *content.Tx) error {
	if w.err != nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	err := w.write(ctx, tx)
	var refused *content.Error
	if errors.As(err, &refused) {
		err = &source.Invalid{Text: refused.Error()}
	}
	end := "RELEASE one"
	if err != nil {
		if !source.Unchanged(err) {
			return err
		}
		w.err, w.kept, w.seq, end = err, false, 0, "ROLLBACK TO one"
	}
	_, err = tx.ExecContext(ctx, end)
	return err
}

func (w *writing) write(ctx context.Context, tx *content.Tx) error {
	p, found, err := find(ctx, tx.View, w.object)
	if err != nil {
		return err
	}
	if !found {
		site, _, _ := w.object.Parts()
		return &source.Missing{Objects: []sync.Object{sync.Object(site + "/site/" + site)}}
	}
	if w.tag != "" {
		if w.seq, w.repeated, err = w.first(ctx, tx, p); err != nil || w.repeated {
			return err
		}
	}
	last, err := newest(ctx, tx, p)
	if err != nil {
		return err
	}
	if last != w.expect {
		return source.ErrMoved
	}
	if err := tx.Unlocked(ctx, p.site, p.kind); err != nil {
		return err
	}
	if w.facts.Deleted {
		return w.remove(ctx, tx, p)
	}
	return w.put(ctx, tx, p)
}

// first returns the row behind what was expected if it has our tag.
func (w *writing) first(ctx context.Context, tx *content.Tx, p place) (seq int64, ours bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT seq, tag FROM journal WHERE site = ? AND kind = ? AND uuid = ? AND private = ?
		AND seq > ? ORDER BY seq LIMIT 1`, p.site.ID, p.kind, p.uuid, p.priv, w.expect)
	if err != nil {
		return 0, false, err
	}
	defer rows.Close()
	var tag string
	if rows.Next() {
		err = rows.Scan(&seq, &tag)
	}
	return seq, seq > 0 && tag == w.tag, errors.Join(err, rows.Err())
}

func (w *writing) remove(ctx context.Context, tx *content.Tx, p place) error {
	it, found, err := tx.Item(ctx, p.site.ID, p.kind, p.priv, p.uuid)
	if err != nil {
		return err
	}
	if found {
		if err := unused(ctx, tx, p, it); err != nil {
			return err
		}
		if _, err := tx.Remove(ctx, p.site.ID, p.kind, p.priv, p.uuid); err != nil {
			return err
		}
		if err := revisions.Forget(ctx, tx, it); err != nil {
			return err
		}
	}
	return w.note(ctx, tx, p, true)
}

// unused returns a Kept if something lies in the item.
func unused(ctx context.Context, tx *content.Tx, p place, it content.Item) error {
	query, args := `SELECT kind, uuid FROM items WHERE site = ? AND parent = ? AND kind <> 'page' LIMIT 5`, []any{p.site.ID, p.uuid}
	if p.kind == content.Page {
		query = `SELECT kind, uuid FROM items WHERE site = ? AND kind = 'page' AND private = ? AND parent_layout_id = ? LIMIT 5`
		args = []any{p.site.ID, p.priv, it.LayoutID}
	}
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var all []sync.Object
	for rows.Next() {
		var kind content.Kind
		var uuid string
		if err := rows.Scan(&kind, &uuid); err != nil {
			return err
		}
		all = append(all, object(p.site.Name, kind, p.priv, uuid))
	}
	if err := rows.Err(); err != nil || len(all) == 0 {
		return err
	}
	return &source.Kept{Objects: all}
}

func (w *writing) put(ctx context.Context, tx *content.Tx, p place) error {
	h, b := w.head, w.blob
	it, found, err := tx.Item(ctx, p.site.ID, p.kind, p.priv, p.uuid)
	if err != nil {
		return err
	}
	if err := w.check(ctx, tx, p); err != nil {
		return err
	}
	it.Site, it.Kind, it.Private, it.UUID, it.Publish = p.site.ID, p.kind, p.priv, p.uuid, 0
	it.Name, it.FriendlyURL, it.MediaType, it.Portlets, it.Refs = h.Name, h.FriendlyURL, h.MediaType, h.Portlets, h.Refs
	it.Tags, it.Categories, it.Permissions = h.Tags, h.Categories, h.Permissions
	it.SHA256, it.Size, it.Modified = b.SHA256, b.Size, w.j.store.Now()
	if err := w.into(ctx, tx, &it); err != nil {
		return err
	}
	if it.Kind == content.Page && !found {
		err := tx.QueryRowContext(ctx, `SELECT coalesce(max(layout_id), 0) + 1 FROM items
			WHERE site = ? AND kind = ? AND private = ?`, it.Site, it.Kind, it.Private).Scan(&it.LayoutID)
		if err != nil {
			return err
		}
	}
	if err := tx.Keep(ctx, b); err != nil {
		return err
	}
	w.kept = true
	if it, _, err = tx.Put(ctx, it); err != nil {
		return err
	}
	if _, err := revisions.Note(ctx, tx, it); err != nil {
		return err
	}
	return w.note(ctx, tx, p, false)
}

// check returns why the site does not take the item: no kind, no name, or a name that another has.
func (w *writing) check(ctx context.Context, tx *content.Tx, p place) error {
	rules := content.RulesOf(p.kind)
	switch {
	case content.TypeOf(p.kind) == "" || p.priv && p.kind != content.Page:
		return &source.Invalid{Text: fmt.Sprintf("%q is no kind of content", p.kind)}
	case w.head.Name == "":
		return &source.Invalid{Text: "it has no name"}
	case !rules.Rooted && w.head.Parent == "":
		return &source.Invalid{Text: fmt.Sprintf("a %s lies in another object", p.kind)}
	}
	if rules.Named {
		var n int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM items WHERE site = ? AND kind = ? AND name = ? AND uuid <> ?`,
			p.site.ID, p.kind, w.head.Name, p.uuid).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			return &source.Invalid{Text: fmt.Sprintf("there is another %s %q", p.kind, w.head.Name)}
		}
	}
	return w.present(ctx, tx, p)
}

// present returns a Missing with what the item needs and the site has not.
func (w *writing) present(ctx context.Context, tx *content.Tx, p place) error {
	var missing []sync.Object
	for _, need := range w.head.needs(p) {
		at, _, err := find(ctx, tx.View, need)
		if err != nil {
			return err
		}
		if _, found, err := tx.Item(ctx, at.site.ID, at.kind, at.priv, at.uuid); err != nil || !found {
			if err != nil {
				return err
			}
			missing = append(missing, need)
		}
	}
	for _, tag := range w.head.Tags {
		var n int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM items WHERE site = ? AND kind = ? AND name = ?`,
			p.site.ID, content.Tag, tag).Scan(&n)
		if err != nil {
			return err
		}
		if n == 0 {
			missing = append(missing, object(p.site.Name, content.Tag, false, tag))
		}
	}
	if len(missing) > 0 {
		return &source.Missing{Objects: missing}
	}
	return nil
}

// into puts the item where its head says, which is there.
func (w *writing) into(ctx context.Context, tx *content.Tx, it *content.Item) error {
	if it.Kind != content.Page {
		it.Parent = w.head.Parent
		return nil
	}
	it.ParentLayoutID = 0
	if w.head.Parent == "" {
		return nil
	}
	above, found, err := tx.Item(ctx, it.Site, content.Page, it.Private, w.head.Parent)
	if err == nil && found {
		it.ParentLayoutID = above.LayoutID
	}
	return err
}

// note writes the row.
func (w *writing) note(ctx context.Context, tx *content.Tx, p place, deleted bool) error {
	res, err := tx.ExecContext(ctx, `INSERT INTO journal (site, kind, uuid, private, deleted, at, tag, author)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		p.site.ID, p.kind, p.uuid, p.priv, deleted, content.Stamp(w.j.store.Now()), w.tag, w.facts.Author)
	if err == nil {
		w.seq, err = res.LastInsertId()
	}
	return err
}
