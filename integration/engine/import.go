package engine

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/stagelock/stagelock/archive"
)

const deletionsName = "deletion-system-events.xml"

// intake is an archive on its way into a site: unpacked and durable, but pointed at by nothing yet.
type intake struct {
	pack      *pack
	entries   []Item          // every file of the archive
	blobs     map[string]blob // by entry
	items     []incoming      // what is of this engine's own form
	deletions []deletion
}

type incoming struct {
	Item
	entry, content string // names of the entries that hold the item and its content
}

// importArchive unpacks lar and then, in one transaction, makes its content the site's. It is
// called when nothing can be wrong with the archive any more.
func (e *Engine) importArchive(ctx context.Context, c *invocation, lar *archive.Archive, o order) error {
	in := &intake{blobs: map[string]blob{}}
	var err error
	if in.pack, err = e.content.create(); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer in.pack.close()
	if err := e.unpack(ctx, c, lar, in, o); err != nil {
		return err
	}
	e.pause(c.method + ":unpacked")
	err = e.change(ctx, func(tx *sql.Tx) error {
		if err := e.apply(ctx, tx, in, o); err != nil {
			return err
		}
		e.pause(c.method + ":before-commit")
		return e.record(ctx, tx, c, OK)
	})
	in.pack.kept = err == nil
	return err
}

// unpack stores the bytes of every entry and reads the items among them.
func (e *Engine) unpack(
	ctx context.Context, c *invocation, lar *archive.Archive, in *intake, o order,
) error {
	p := Progress{Site: o.target.ID, Request: o.request.ID, OfEntries: lar.Len(), OfBytes: lar.Total()}
	for _, f := range lar.Entries() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := e.unpackEntry(lar, f, in); err != nil {
			return err
		}
		p.Entries, p.Bytes = p.Entries+1, p.Bytes+f.Size
		if e.cfg.Progress != nil {
			e.cfg.Progress(p)
		}
		e.pause(c.method + ":entry")
	}
	if err := in.complete(); err != nil {
		return e.throw(larFile, "%v", err)
	}
	if !o.deletions {
		in.deletions = nil
	}
	return in.pack.sync()
}

func (e *Engine) unpackEntry(lar *archive.Archive, f archive.Entry, in *intake) error {
	if f.Dir {
		return nil
	}
	r, err := lar.Open(f)
	if err != nil {
		return e.badArchive(err)
	}
	defer r.Close()
	var text bytes.Buffer
	from := io.Reader(r)
	if strings.HasSuffix(f.Name, ".xml") && f.Size <= maxItemXML {
		from = io.TeeReader(r, &text)
	}
	b, err := in.pack.add(from)
	if err != nil {
		return e.badArchive(err)
	}
	in.blobs[f.Name] = b
	in.entries = append(in.entries, Item{Kind: Entry, Path: f.Name, Size: b.size, SHA256: b.sha256})
	if err := in.read(f.Name, text.Bytes()); err != nil {
		return e.throw(larFile, "%s: %v", f.Name, err)
	}
	return nil
}

// read takes an item or the deletions out of the text of an entry, if they are there.
func (in *intake) read(name string, text []byte) error {
	if path.Base(name) == deletionsName {
		all, err := readDeletions(text)
		in.deletions = append(in.deletions, all...)
		return err
	}
	it, content, err := readItem(text)
	if errors.Is(err, errForeignItem) {
		return nil
	}
	in.items = append(in.items, incoming{it, name, entryName(content)})
	return err
}

// complete gives every item its content.
func (in *intake) complete() error {
	seen := map[[2]string]bool{}
	for i := range in.items {
		it := &in.items[i]
		b, found := in.blobs[it.content]
		if !found {
			return fmt.Errorf("%s: content %q is not in the archive", it.entry, it.content)
		}
		it.SHA256, it.Size = b.sha256, b.size
		key := [2]string{string(it.Kind), it.UUID}
		if seen[key] {
			return fmt.Errorf("%s: %s %s stands twice in the archive", it.entry, it.Kind, it.UUID)
		}
		seen[key] = true
	}
	return nil
}

// apply makes the unpacked archive the site's content.
func (e *Engine) apply(ctx context.Context, tx *sql.Tx, in *intake, o order) error {
	if err := in.pack.keep(ctx, tx); err != nil {
		return err
	}
	p := Publish{Site: o.target.ID, Request: o.request.ID, Checksum: o.request.Checksum, Login: o.login,
		At: e.cfg.Now().UTC(), Entries: len(in.entries), Bytes: in.pack.size}
	id, err := insertPublish(ctx, tx, p)
	if err != nil {
		return err
	}
	p.ID = id
	if err := insertEntries(ctx, tx, p, in.entries); err != nil {
		return err
	}
	e.pause("publishStagingRequest:half-applied")
	if err := applyDeletions(ctx, tx, in.deletions, &p); err != nil {
		return err
	}
	for _, it := range in.items {
		if err := applyItem(ctx, tx, it.Item, o, &p); err != nil {
			return fmt.Errorf("%s: %w", it.entry, err)
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE publishes SET added = ?, updated = ?, deleted = ? WHERE id = ?`,
		p.Added, p.Updated, p.Deleted, p.ID)
	return err
}

func insertPublish(ctx context.Context, tx *sql.Tx, p Publish) (int64, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO publishes
		(site, request, checksum, login, at, entries, bytes, added, updated, deleted)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0)`, p.Site, p.Request, p.Checksum, p.Login, stampOf(p.At), p.Entries, p.Bytes)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func insertEntries(ctx context.Context, tx *sql.Tx, p Publish, entries []Item) error {
	insert, err := tx.PrepareContext(ctx,
		`INSERT INTO entries (publish, site, path, sha256, size) VALUES (?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, it := range entries {
		if _, err := insert.ExecContext(ctx, p.ID, p.Site, it.Path, it.SHA256, it.Size); err != nil {
			return err
		}
	}
	return nil
}

func applyDeletions(ctx context.Context, tx *sql.Tx, all []deletion, p *Publish) error {
	for _, d := range all {
		for _, private := range []bool{false, true} {
			found, err := remove(ctx, tx, p.Site, d.kind, private, d.uuid)
			if err != nil {
				return err
			}
			if found {
				p.Deleted++
			}
		}
	}
	return nil
}

// applyItem writes one item; one that is already the same stays as it is.
func applyItem(ctx context.Context, tx *sql.Tx, it Item, o order, p *Publish) error {
	it.Site, it.Publish = o.target.ID, p.ID
	it.Private = it.Kind == Page && o.private
	old, found, err := findItem(ctx, tx, it.Site, it.Kind, it.Private, it.UUID)
	if err != nil || found && old.same(it) {
		return err
	}
	_, added, err := put(ctx, tx, it)
	if added {
		p.Added++
	} else {
		p.Updated++
	}
	return err
}

// same says whether two items differ in nothing that a visitor could see.
func (it Item) same(other Item) bool {
	return it.SHA256 == other.SHA256 && it.Name == other.Name && it.FriendlyURL == other.FriendlyURL &&
		it.ParentLayoutID == other.ParentLayoutID && it.MediaType == other.MediaType
}
