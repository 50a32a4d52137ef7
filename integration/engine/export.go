package engine

import (
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/stagelock/stagelock/archive"
)

// ExportOptions says what an export takes. The zero value takes everything, with the public pages.
type ExportOptions struct {
	Private          bool // the private pages instead of the public ones
	SinceLastPublish bool // only what was changed after the last Published
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
	Items     map[Kind]int
	Deletions int
	Watermark int64 // hand it to Published once live has it
}

// maxBuffered is how long content may be to be packed in memory, where its ratio can be kept within
// an archive's limits.
const maxBuffered = 32 << 20

// exporting is what goes into one archive.
type exporting struct {
	site      Site
	opt       ExportOptions
	items     []Item
	deletions []deletion
	upTo      int64
	at        time.Time
}

// Export writes the site's content into an archive that another engine imports.
func (e *Engine) Export(ctx context.Context, site int64, opt ExportOptions) (*LAR, error) {
	x, err := e.collectExport(ctx, site, opt)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Join(e.cfg.Dir, "exports"), fmt.Sprintf("%d-%d-*.lar", site, x.at.UnixMilli()))
	if err != nil {
		return nil, fmt.Errorf("export site %d: %w", site, err)
	}
	h := md5.New()
	lar := &LAR{Path: f.Name(), Summary: x.summary()}
	err = e.writeLAR(ctx, archive.NewWriter(io.MultiWriter(f, h)), x)
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
func (e *Engine) Published(ctx context.Context, s Summary) error {
	return e.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO watermarks (site, private, seq) VALUES (?, ?, ?)
			ON CONFLICT (site, private) DO UPDATE SET seq = max(seq, excluded.seq)`, s.Site, s.Private, s.Watermark)
		return err
	})
}

// collectExport reads what the archive will hold in one transaction, so that it is the site at one
// moment.
func (e *Engine) collectExport(ctx context.Context, site int64, opt ExportOptions) (*exporting, error) {
	x := &exporting{opt: opt, at: e.cfg.Now().UTC()}
	err := e.change(ctx, func(tx *sql.Tx) (err error) {
		if x.site, err = e.site(ctx, tx, site); err != nil {
			return err
		}
		changed, err := x.changes(ctx, tx)
		if err != nil {
			return err
		}
		for _, kind := range []Kind{Page, Article, Document} {
			all, err := siteItems(ctx, tx, site, kind)
			if err != nil {
				return err
			}
			for _, it := range all {
				if x.takes(it, changed) {
					x.items = append(x.items, it)
				}
			}
		}
		return nil
	})
	return x, err
}

// change names an item in the journal.
type change struct {
	kind    Kind
	uuid    string
	private bool
}

// changes reads the journal behind the watermark: what was written since, and, into x, what was
// deleted.
func (x *exporting) changes(ctx context.Context, tx *sql.Tx) (map[change]bool, error) {
	type row struct {
		change
		seq     int64
		deleted bool
	}
	rows, err := collect(ctx, tx, func(r *sql.Rows) (w row, err error) {
		return w, r.Scan(&w.seq, &w.kind, &w.uuid, &w.private, &w.deleted)
	}, `SELECT seq, kind, uuid, private, deleted FROM journal WHERE site = ?1 AND seq >
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
		if deleted[c] && (c.kind != Page || c.private == x.opt.Private) {
			x.deletions = append(x.deletions, deletion{c.kind, c.uuid})
		}
	}
	return written, nil
}

func (x *exporting) takes(it Item, changed map[change]bool) bool {
	if it.Kind == Page && it.Private != x.opt.Private {
		return false
	}
	return !x.opt.SinceLastPublish || changed[change{it.Kind, it.UUID, it.Private}]
}

func (x *exporting) summary() Summary {
	s := Summary{Site: x.site.ID, Private: x.opt.Private, Items: map[Kind]int{},
		Deletions: len(x.deletions), Watermark: x.upTo}
	for _, it := range x.items {
		s.Items[it.Kind]++
	}
	return s
}

// writeLAR writes the entries, the manifest last as the vendor does.
func (e *Engine) writeLAR(ctx context.Context, w *archive.Writer, x *exporting) error {
	for _, it := range x.items {
		if err := e.writeEntries(ctx, w, it, x.at); err != nil {
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
	manifest, err := e.manifest(x)
	if err == nil {
		err = w.Put(archive.ManifestName, x.at, manifest)
	}
	if err != nil {
		return err
	}
	return w.Close()
}

func (e *Engine) writeEntries(ctx context.Context, w *archive.Writer, it Item, at time.Time) error {
	text, err := writeItem(it, "/"+contentName(it))
	if err != nil {
		return err
	}
	if err := w.Put(itemName(it), at, text); err != nil {
		return err
	}
	r, err := e.content.open(ctx, e.db, it.SHA256)
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

func itemName(it Item) string { return itemBase(it) + ".xml" }

func contentName(it Item) string { return itemBase(it) + "/content" }

func itemBase(it Item) string { return fmt.Sprintf("group/%d/%s/%d", it.Site, classes[it.Kind], it.ID) }
