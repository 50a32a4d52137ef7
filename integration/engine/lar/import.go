package lar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/content/vault"
	"github.com/stagelock/stagelock/integration/engine/revisions"
)

const deletionsName = "deletion-system-events.xml"

// intake is an archive on its way into a site: unpacked and durable, but pointed at by nothing yet.
type intake struct {
	pack      *vault.Pack
	entries   []content.Item        // every file of the archive
	blobs     map[string]vault.Blob // by entry
	items     []incoming            // what is of this engine's own form
	deletions []deletion
}

type incoming struct {
	content.Item
	entry, body string // names of the entries that hold the item and its content
}

// importArchive unpacks lar and then, in one transaction, makes its content the site's. It is
// called when nothing can be wrong with the archive any more.
func (a *Archives) importArchive(ctx context.Context, c *content.Invocation, lar *archive.Archive, o Order) error {
	in := &intake{blobs: map[string]vault.Blob{}}
	var err error
	if in.pack, err = a.store.NewPack(); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer in.pack.Close()
	if err := a.unpack(ctx, c, lar, in, o); err != nil {
		return err
	}
	a.store.Pause(c.Method + ":unpacked")
	if o.Apply != nil {
		o.Apply(ctx)
	}
	err = a.store.Change(ctx, func(tx *content.Tx) error {
		if err := a.apply(ctx, tx, in, o); err != nil {
			return err
		}
		a.store.Pause(c.Method + ":before-commit")
		return a.store.Record(ctx, tx, c)
	})
	in.pack.Committed(err == nil)
	return err
}

// unpack stores the bytes of every entry and reads the items among them.
func (a *Archives) unpack(
	ctx context.Context, c *content.Invocation, lar *archive.Archive, in *intake, o Order,
) error {
	p := Progress{Site: o.Target.ID, Request: o.Request, OfEntries: lar.Len(), OfBytes: lar.Total()}
	for _, f := range lar.Entries() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := a.unpackEntry(lar, f, in); err != nil {
			return err
		}
		p.Entries, p.Bytes = p.Entries+1, p.Bytes+f.Size
		for _, tell := range []func(Progress){a.cfg.Progress, o.Tell} {
			if tell != nil {
				tell(p)
			}
		}
		a.store.Pause(c.Method + ":entry")
	}
	if i := slices.IndexFunc(in.items, func(it incoming) bool { return !fitsSite(o.Target, it.Kind) }); i >= 0 {
		return content.Errorf(content.NotInLibrary, "an asset library has no %s", in.items[i].Kind)
	}
	if err := in.complete(); err != nil {
		return content.Errorf(BadEntry, "%v", err)
	}
	if !o.Deletions {
		in.deletions = nil
	}
	return in.pack.Sync()
}

func fitsSite(s content.Site, kind content.Kind) bool {
	return slices.Contains(content.Types(s.Library), content.TypeOf(kind))
}

func (a *Archives) unpackEntry(lar *archive.Archive, f archive.Entry, in *intake) error {
	if f.Dir {
		return nil
	}
	r, err := lar.Open(f)
	if err != nil {
		return badArchive(err)
	}
	defer r.Close()
	var text bytes.Buffer
	from := io.Reader(r)
	if strings.HasSuffix(f.Name, ".xml") && f.Size <= maxItemXML {
		from = io.TeeReader(r, &text)
	}
	b, err := in.pack.Add(from)
	if err != nil {
		return badArchive(err)
	}
	in.blobs[f.Name] = b
	in.entries = append(in.entries, content.Item{
		Kind: content.Entry, Path: f.Name, Size: b.Size, SHA256: b.SHA256})
	if err := in.read(f.Name, text.Bytes()); err != nil {
		return content.Errorf(BadEntry, "%v", fmt.Errorf("%s: %w", f.Name, err))
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
	it, body, err := readItem(text)
	if errors.Is(err, errForeignItem) {
		return nil
	}
	in.items = append(in.items, incoming{it, name, entryName(body)})
	return err
}

// complete gives every item its content.
func (in *intake) complete() error {
	seen := map[[2]string]bool{}
	for i := range in.items {
		it := &in.items[i]
		b, found := in.blobs[it.body]
		if !found {
			return fmt.Errorf("%s: content %q is not in the archive", it.entry, it.body)
		}
		it.SHA256, it.Size = b.SHA256, b.Size
		key := [2]string{string(it.Kind), it.UUID}
		if seen[key] {
			return fmt.Errorf("%s: %s %s stands twice in the archive", it.entry, it.Kind, it.UUID)
		}
		seen[key] = true
	}
	return nil
}

// apply makes the unpacked archive the site's content.
func (a *Archives) apply(ctx context.Context, tx *content.Tx, in *intake, o Order) (err error) {
	p := content.Publish{Site: o.Target.ID, Request: o.Request, Checksum: o.Checksum, Login: o.Login,
		At: a.store.Now(), Entries: len(in.entries), Bytes: in.pack.Size, Warnings: o.warnings}
	if p.ID, err = tx.AddPublish(ctx, p); err != nil {
		return err
	}
	if err := a.applyEntries(ctx, tx, in, p); err != nil {
		return err
	}
	a.store.Pause("publishStagingRequest:half-applied")
	if err := applyDeletions(ctx, tx, in.deletions, &p); err != nil {
		return err
	}
	for _, it := range in.items {
		if err := applyItem(ctx, tx, it.Item, o, &p); err != nil {
			return fmt.Errorf("%s: %w", it.entry, err)
		}
		a.store.Pause("publishStagingRequest:item")
	}
	if err := tx.CountPublish(ctx, p); err != nil || o.Arrived == nil {
		return err
	}
	return o.Arrived(ctx, tx, p)
}

// rowsAtOnce is how many rows are written between two looks at whether the call still lasts.
const rowsAtOnce = 1000

// applyEntries makes the unpacked bytes count, and notes where in the archive they stood. Rows are written in the
// order of their index: in any other one each of them costs the more the larger the database is.
func (a *Archives) applyEntries(ctx context.Context, tx *content.Tx, in *intake, p content.Publish) error {
	byDigest := func(a, b vault.Blob) int { return strings.Compare(a.SHA256, b.SHA256) }
	blobs := slices.SortedFunc(slices.Values(in.pack.Blobs()), byDigest)
	for some := range slices.Chunk(blobs, rowsAtOnce) {
		if err := tx.Keep(ctx, some...); err != nil {
			return err
		}
		a.store.Pause("publishStagingRequest:kept")
	}
	slices.SortFunc(in.entries, func(a, b content.Item) int { return strings.Compare(a.Path, b.Path) })
	for some := range slices.Chunk(in.entries, rowsAtOnce) {
		if err := tx.AddEntries(ctx, p, some...); err != nil {
			return err
		}
		a.store.Pause("publishStagingRequest:listed")
	}
	return nil
}

func applyDeletions(
	ctx context.Context, tx *content.Tx, all []deletion, p *content.Publish,
) error {
	for _, d := range all {
		for _, private := range []bool{false, true} {
			found, err := tx.Remove(ctx, p.Site, d.kind, private, d.uuid)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			p.Deleted++
			gone := content.Item{Site: p.Site, Kind: d.kind, Private: private, UUID: d.uuid, Publish: p.ID}
			if err := tx.Journal(ctx, gone, true, p.At); err != nil {
				return err
			}
		}
	}
	return nil
}

// applyItem writes one item; one that is already the same stays as it is.
func applyItem(
	ctx context.Context, tx *content.Tx, it content.Item, o Order, p *content.Publish,
) error {
	it.Site, it.Publish = o.Target.ID, p.ID
	it.Private = it.Kind == content.Page && o.Private
	old, found, err := tx.Item(ctx, it.Site, it.Kind, it.Private, it.UUID)
	if err != nil || found && same(old, it) {
		return err
	}
	stored, added, err := tx.Put(ctx, it)
	if err == nil {
		err = tx.Journal(ctx, stored, false, p.At)
	}
	if err == nil {
		_, err = revisions.Note(ctx, tx, stored)
	}
	if added {
		p.Added++
	} else {
		p.Updated++
	}
	return err
}

// same reports whether two items differ in nothing that a visitor could see.
func same(a, b content.Item) bool {
	return a.SHA256 == b.SHA256 && a.Name == b.Name && a.FriendlyURL == b.FriendlyURL &&
		a.ParentLayoutID == b.ParentLayoutID && a.MediaType == b.MediaType && a.Parent == b.Parent &&
		slices.Equal(a.Portlets, b.Portlets) && slices.Equal(a.Tags, b.Tags) && slices.Equal(a.Categories, b.Categories) &&
		maps.EqualFunc(a.Permissions, b.Permissions, slices.Equal)
}
