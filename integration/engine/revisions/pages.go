package revisions

import (
	"context"
	"fmt"
	"io"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// Pages lets authors work with variations and revisions. It is safe for concurrent use.
type Pages struct{ store *content.Store }

// New returns the Pages of a store.
func New(store *content.Store) *Pages { return &Pages{store} }

// Variations returns the variations of a page set, the main one first; none if it is not versioned.
func (p *Pages) Variations(ctx context.Context, s Set) ([]Variation, error) {
	if _, err := p.store.Site(ctx, s.Site); err != nil {
		return nil, err
	}
	return variations(ctx, p.store.View, s)
}

// AddVariation makes a variation of the whole page set. It begins with each page as its newest revision
// in the main branch of from is; no name is the main variation. Nothing of it is ready.
func (p *Pages) AddVariation(ctx context.Context, s Set, name, from string) (v Variation, err error) {
	v = Variation{Name: name, At: p.store.Now()}
	if name == "" {
		return v, content.Errorf(content.BadItem, "%s", "a variation without a name")
	}
	err = p.store.Change(ctx, func(tx *content.Tx) error {
		source, err := find(ctx, tx.View, s, from)
		if err != nil {
			return err
		}
		if _, err := find(ctx, tx.View, s, name); err == nil {
			return content.Errorf(content.Taken, "there is a variation %q already", name)
		}
		if v.ID, err = addVariation(ctx, tx, s, v); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO revisions
			(variation, page, branch, number, name, portlets, refs, sha256, size, at, ready)
			SELECT ?1, page, branch, 1, name, portlets, refs, sha256, size, at, 0 FROM revisions r
			WHERE variation = ?2 AND branch = ?3 AND number = (SELECT max(number) FROM revisions n
				WHERE n.variation = r.variation AND n.page = r.page AND n.branch = r.branch)`, v.ID, source.ID, Main)
		return err
	})
	return v, err
}

// RemoveVariation forgets a variation with its revisions. The main one stays.
func (p *Pages) RemoveVariation(ctx context.Context, s Set, name string) error {
	return p.store.Change(ctx, func(tx *content.Tx) error {
		v, err := find(ctx, tx.View, s, name)
		if err != nil {
			return err
		}
		if v.Main {
			return content.Errorf(MainStays, "%s", "the main variation cannot be removed")
		}
		for _, query := range []string{`DELETE FROM revisions WHERE variation = ?`, `DELETE FROM variations WHERE id = ?`} {
			if _, err := tx.ExecContext(ctx, query, v.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// Revisions returns every revision of a page, by variation, branch and number.
func (p *Pages) Revisions(ctx context.Context, s Set, page string) ([]Revision, error) {
	if _, err := find(ctx, p.store.View, s, Main); err != nil {
		return nil, err
	}
	return content.Collect(ctx, p.store, scan, `SELECT `+columns+` WHERE v.site = ? AND v.private = ? AND r.page = ?
		ORDER BY v.id, r.branch <> ?, r.branch, r.number`, s.Site, s.Private, page, Main)
}

// Place says where a page is revised. The zero Place is the main branch of the main variation.
type Place struct {
	Variation string
	Branch    string
}

// IsMain reports whether it is where the page itself is.
func (at Place) IsMain() bool {
	return (at.Variation == "" || at.Variation == Main) && (at.Branch == "" || at.Branch == Main)
}

// AddBranch makes a variation of one page in a variation of its set. It begins as the newest revision
// of the page's main branch there is.
func (p *Pages) AddBranch(ctx context.Context, s Set, page string, at Place) (r Revision, err error) {
	err = p.store.Change(ctx, func(tx *content.Tx) error {
		v, err := find(ctx, tx.View, s, at.Variation)
		if err != nil {
			return err
		}
		there, err := last(ctx, tx.View, v.ID, page, at.Branch)
		if err != nil {
			return err
		}
		if at.Branch == "" || there != nil {
			return content.Errorf(content.Taken, "there is a variation %q of this page already", at.Branch)
		}
		from, err := last(ctx, tx.View, v.ID, page, Main)
		if err != nil {
			return err
		}
		if from == nil {
			return noBranch(Main, page, v)
		}
		r = *from
		r.Branch, r.Number, r.Ready, r.At = at.Branch, 1, false, p.store.Now()
		r.ID, err = insert(ctx, tx, v.ID, r)
		return err
	})
	return r, err
}

func noBranch(branch, page string, v Variation) error {
	return content.Errorf(NoBranch, "there is no variation %q of the page %s in %q", branch, page, v.Name)
}

// Save writes a new revision of a page anywhere but where the page itself is. It is not ready.
func (p *Pages) Save(ctx context.Context, s Set, page string, at Place, text io.Reader) (r Revision, err error) {
	pack, err := p.store.NewPack()
	if err != nil {
		return r, err
	}
	defer pack.Close()
	b, err := pack.Add(text)
	if err == nil {
		err = pack.Sync()
	}
	if err != nil {
		return r, fmt.Errorf("revision of %s: %w", page, err)
	}
	if at.Branch == "" {
		at.Branch = Main
	}
	err = p.store.Change(ctx, func(tx *content.Tx) error {
		v, err := find(ctx, tx.View, s, at.Variation)
		if err != nil {
			return err
		}
		before, err := last(ctx, tx.View, v.ID, page, at.Branch)
		if err != nil {
			return err
		}
		if before == nil {
			return noBranch(at.Branch, page, v)
		}
		if err := tx.Keep(ctx, pack.Blobs()...); err != nil {
			return err
		}
		r = *before
		r.Number, r.Ready, r.SHA256, r.Size, r.At = before.Number+1, false, b.SHA256, b.Size, p.store.Now()
		r.ID, err = insert(ctx, tx, v.ID, r)
		return err
	})
	pack.Committed(err == nil)
	return r, err
}

// MarkReady marks a revision as ready for publication, in place of the one that was until now in its
// variation. The next publish since the last one takes the page.
func (p *Pages) MarkReady(ctx context.Context, site, id int64) (r Revision, err error) {
	err = p.store.Change(ctx, func(tx *content.Tx) error {
		var variation int64
		var s Set
		if r, variation, s, err = revision(ctx, tx, site, id); err != nil {
			return err
		}
		for _, step := range []struct {
			query string
			args  []any
		}{
			{`UPDATE revisions SET ready = 0 WHERE variation = ? AND page = ?`, []any{variation, r.Page}},
			{`UPDATE revisions SET ready = 1 WHERE id = ?`, []any{id}},
		} {
			if _, err := tx.ExecContext(ctx, step.query, step.args...); err != nil {
				return err
			}
		}
		r.Ready = true
		return tx.Journal(ctx, content.Item{Site: s.Site, Kind: content.Page, Private: s.Private, UUID: r.Page},
			false, p.store.Now())
	})
	return r, err
}

// revision finds one by its id in a site.
func revision(ctx context.Context, tx *content.Tx, site, id int64) (r Revision, variation int64, s Set, err error) {
	all, err := content.Collect(ctx, tx, scan, `SELECT `+columns+` WHERE r.id = ? AND v.site = ?`, id, site)
	if err == nil && len(all) == 0 {
		err = content.Errorf(NoRevision, "there is no revision %d in site %d", id, site)
	}
	if err != nil {
		return r, 0, s, err
	}
	err = tx.QueryRowContext(ctx, `SELECT v.id, v.site, v.private FROM revisions r JOIN variations v ON v.id = r.variation
		WHERE r.id = ?`, id).Scan(&variation, &s.Site, &s.Private)
	return all[0], variation, s, err
}
