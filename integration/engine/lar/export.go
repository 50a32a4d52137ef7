package lar

import (
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/revisions"
)

// ExportOptions says what an export takes. The zero value takes everything, with the public pages.
type ExportOptions struct {
	Private          bool   // the private pages instead of the public ones
	Variation        string // of versioned pages; empty means the main one
	SinceLastPublish bool   // only what was changed after the last Published

	Types       []content.Type // only content of these types; nil means all
	Items       []content.Ref  // only these, and what they lie in; nil means all
	From, To    time.Time      // only what was modified in between; zero means no bound
	NoDeletions bool           // what was deleted stays on live
	Portlet     string         // the data of one application instead of a page set; wins over Types
}

// LAR is an exported archive in a file. The caller removes the file.
type LAR struct {
	Path string
	MD5  string // lower-case hex, what createStagingRequest is told
	Size int64
	Summary
}

// Summary says what an export holds.
type Summary struct {
	Site      int64
	Private   bool
	Items     map[content.Kind]int
	Deletions int
	Unready   int   // pages that have no revision that is ready, or lie below one
	Watermark int64 // hand it to Published once live has it
}

// maxBuffered is how long content may be to be packed in memory, where what does not become smaller is
// kept as it is.
const maxBuffered = 1 << 20

// exporting is what goes into one archive.
type exporting struct {
	site      content.Site
	opt       ExportOptions
	items     []content.Item
	deletions []deletion
	byRef     map[[2]string]content.Item // kind and uuid: what the archive itself satisfies
	unready   int
	upTo      int64
	at        time.Time
}

// Export writes the site's content into an archive that another engine imports.
func (a *Archives) Export(ctx context.Context, site int64, opt ExportOptions) (*LAR, error) {
	x, err := a.collectExport(ctx, site, opt)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(a.cfg.Dir, fmt.Sprintf("%d-%d-*.lar", site, x.at.UnixMilli()))
	if err != nil {
		return nil, fmt.Errorf("export site %d: %w", site, err)
	}
	h := md5.New()
	lar := &LAR{Path: f.Name(), Summary: x.summary()}
	err = a.writeLAR(ctx, archive.NewWriter(io.MultiWriter(f, h)), x)
	if err == nil {
		lar.Size, err = f.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("export site %d: %w", site, err), os.Remove(f.Name()))
	}
	lar.MD5 = hex.EncodeToString(h.Sum(nil))
	return lar, nil
}

// Published moves the watermark of a page set: the next export since the last publish begins behind
// s. It never moves back.
func (a *Archives) Published(ctx context.Context, s Summary) error {
	return a.store.Change(ctx, func(tx *content.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO watermarks (site, private, seq) VALUES (?, ?, ?)
			ON CONFLICT (site, private) DO UPDATE SET seq = max(seq, excluded.seq)`, s.Site, s.Private, s.Watermark)
		return err
	})
}

// Forget moves the watermarks of a site back to the beginning: the next export since the last publish
// takes all that was written here, as for a live site that has got nothing yet.
func (a *Archives) Forget(ctx context.Context, site int64) error {
	return a.store.Change(ctx, func(tx *content.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM watermarks WHERE site = ?`, site)
		return err
	})
}

// collectExport reads what the archive will hold in one transaction, so that it is the site at one
// moment.
func (a *Archives) collectExport(ctx context.Context, site int64, opt ExportOptions) (*exporting, error) {
	x := &exporting{opt: opt, at: a.store.Now()}
	err := a.store.Read(ctx, func(v content.View) (err error) {
		if x.site, err = v.Site(ctx, site); err != nil {
			return err
		}
		changed, err := x.changes(ctx, v)
		if err != nil {
			return err
		}
		return x.choose(ctx, v, changed)
	})
	return x, err
}

// change names an item in the journal.
type change struct {
	kind    content.Kind
	uuid    string
	private bool
}

// changes reads the journal behind the watermark: what was written since, and, into x, what was
// deleted.
func (x *exporting) changes(ctx context.Context, v content.View) (map[change]bool, error) {
	type row struct {
		change
		seq     int64
		deleted bool
	}
	rows, err := content.Collect(ctx, v, func(r *sql.Rows) (w row, err error) {
		return w, r.Scan(&w.seq, &w.kind, &w.uuid, &w.private, &w.deleted)
	}, `SELECT seq, kind, uuid, private, deleted FROM journal WHERE site = ?1 AND publish = 0 AND seq >
		coalesce((SELECT seq FROM watermarks WHERE site = ?1 AND private = ?2), 0) ORDER BY seq`,
		x.site.ID, x.opt.Private)
	if err != nil {
		return nil, err
	}
	written, deleted := map[change]bool{}, map[change]bool{}
	var order []change
	for _, w := range rows {
		if x.upTo = w.seq; !written[w.change] && !deleted[w.change] {
			order = append(order, w.change)
		}
		written[w.change], deleted[w.change] = !w.deleted, w.deleted
	}
	for _, c := range order {
		if x.opt.NoDeletions || !x.selects(c.kind) {
			continue
		}
		if deleted[c] && (c.kind != content.Page || c.private == x.opt.Private) {
			x.deletions = append(x.deletions, deletion{c.kind, c.uuid})
		}
	}
	return written, nil
}

// selects reports whether deletions of the kind go along.
func (x *exporting) selects(kind content.Kind) bool {
	of := content.TypeOf(kind)
	switch {
	case x.opt.Items != nil:
		return false
	case x.opt.Portlet != "":
		return of == TypeOfPortlet(x.opt.Portlet)
	}
	return x.opt.Types == nil || slices.Contains(x.opt.Types, of)
}

// choose takes the items that the options name, and what they lie in.
func (x *exporting) choose(ctx context.Context, v content.View, changed map[change]bool) error {
	all, err := x.everything(ctx, v)
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	if x.opt.Items != nil {
		needed = closure(all, x.opt.Items)
	}
	tags := map[string]bool{}
	for _, it := range all {
		if x.takes(it, changed) && (x.opt.Items == nil || needed[it.UUID]) {
			for _, t := range it.Tags {
				tags[t] = true
			}
			x.items = append(x.items, it)
		}
	}
	for _, it := range all { // a tag goes where what it stands on goes
		if it.Kind == content.Tag && tags[it.Name] && !x.takes(it, changed) {
			x.items = append(x.items, it)
		}
	}
	return nil
}

// everything returns what the site has, its pages as they are to be published.
func (x *exporting) everything(ctx context.Context, v content.View) (all []content.Item, err error) {
	for _, kind := range content.Kinds() {
		items, err := v.Items(ctx, x.site.ID, kind)
		if err == nil && kind == content.Page {
			items, err = x.ready(ctx, v, items)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return all, nil
}

// ready returns versioned pages as they are ready for publication, those above a page among them, and
// pages without versions as they are.
func (x *exporting) ready(ctx context.Context, v content.View, pages []content.Item) ([]content.Item, error) {
	set := revisions.Set{Site: x.site.ID, Private: x.opt.Private}
	ready, versioned, err := revisions.Ready(ctx, v, set, x.opt.Variation)
	if err != nil || !versioned {
		return pages, err
	}
	var all []content.Item
	shown := map[int64]bool{0: true}
	for _, p := range pages { // those above come first
		r, is := ready[p.UUID]
		if p.Private != x.opt.Private {
			continue
		}
		if !is || !shown[p.ParentLayoutID] {
			x.unready++
			continue
		}
		shown[p.LayoutID] = true
		all = append(all, r.Apply(p))
	}
	return all, nil
}

// closure returns the uuids of the items, of what they lie in, and of their categories with theirs.
func closure(all []content.Item, of []content.Ref) map[string]bool {
	byID := map[string]content.Item{}
	for _, it := range all {
		byID[it.UUID] = it
	}
	needed := map[string]bool{}
	var add func(uuid string)
	add = func(uuid string) {
		it, found := byID[uuid]
		if !found || needed[uuid] {
			return
		}
		needed[uuid] = true
		add(it.Parent)
		for _, c := range it.Categories {
			add(c)
		}
	}
	for _, ref := range of {
		add(ref.UUID)
	}
	return needed
}

func (x *exporting) takes(it content.Item, changed map[change]bool) bool {
	o := x.opt
	of := content.TypeOf(it.Kind)
	switch {
	case it.Kind == content.Page && (it.Private != o.Private || o.Portlet != ""):
		return false
	case o.Portlet != "" && !x.carries(of):
		return false
	case o.Portlet == "" && o.Types != nil && !slices.Contains(o.Types, of):
		return false
	case !o.From.IsZero() && it.Modified.Before(o.From), !o.To.IsZero() && it.Modified.After(o.To):
		return false
	}
	return !o.SinceLastPublish || changed[change{it.Kind, it.UUID, it.Private}]
}

// carries reports whether content of the type goes along with the data of one application: its own,
// and of one that shows content of others all of that, for which it is asked by name.
func (x *exporting) carries(of content.Type) bool {
	if own := TypeOfPortlet(x.opt.Portlet); own != "" {
		return of == own
	}
	return x.opt.Items != nil
}

func (x *exporting) summary() Summary {
	s := Summary{Site: x.site.ID, Private: x.opt.Private, Items: map[content.Kind]int{},
		Deletions: len(x.deletions), Unready: x.unready, Watermark: x.upTo}
	for _, it := range x.items {
		s.Items[it.Kind]++
	}
	return s
}

// writeLAR writes the entries, the manifest last as the vendor does.
func (a *Archives) writeLAR(ctx context.Context, w *archive.Writer, x *exporting) error {
	for _, it := range x.items {
		if err := a.writeEntries(ctx, w, it, x.at); err != nil {
			return fmt.Errorf("%s %s: %w", it.Kind, it.UUID, err)
		}
	}
	deletions, err := writeDeletions(x.site.ID, x.deletions)
	if err == nil {
		err = w.Put(fmt.Sprintf("group/%d/%s", x.site.ID, deletionsName), x.at, deletions)
	}
	if err != nil {
		return err
	}
	index, err := a.manifest(x)
	if err == nil {
		err = w.Put(manifest.Name, x.at, index)
	}
	if err != nil {
		return err
	}
	return w.Close()
}

func (a *Archives) writeEntries(ctx context.Context, w *archive.Writer, it content.Item, at time.Time) error {
	text, err := writeItem(it, "/"+contentName(it))
	if err != nil {
		return err
	}
	if err := w.Put(itemName(it), at, text); err != nil {
		return err
	}
	r, err := a.store.Open(ctx, it)
	if err != nil {
		return err
	}
	defer r.Close()
	if it.Size <= maxBuffered {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return w.Put(contentName(it), at, b)
	}
	to, err := w.Create(contentName(it), at)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, r)
	return err
}

func itemName(it content.Item) string { return itemBase(it) + ".xml" }

func contentName(it content.Item) string { return itemBase(it) + "/content" }

func itemBase(it content.Item) string {
	return fmt.Sprintf("group/%d/%s/%d", it.Site, classes[it.Kind], it.ID)
}
