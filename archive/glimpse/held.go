package glimpse

import (
	"errors"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/record"
)

// Held is what an archive holds: what its manifest says, and what its directory does.
type Held struct {
	Manifest     *manifest.Manifest
	Models       []string // classes of which entries are there
	Applications []string // ids of those whose data is there
	Deleted      []string // classes of which something is to be deleted
	// Strange is an entry where no portal puts anything, if there is one: what it is of cannot be told.
	Strange string
}

// Look reads what the archive that the parts are holds, from what was kept of them. Errors are *Unseen, or
// what manifest.Read returns.
func Look(parts []Sight, lim archive.Limits) (*Held, error) {
	b := assemble(parts)
	dir, err := b.directory()
	if err != nil {
		return nil, err
	}
	m, err := b.manifest(dir, lim)
	if err != nil {
		return nil, err
	}
	h := &Held{Manifest: m}
	if err := b.entries(dir, h); err != nil {
		return nil, err
	}
	h.Deleted, err = b.deleted(dir, lim)
	return h, err
}

// entries reads the marks of the directory: those that were noted as the parts went by, and those of
// records that the parts cut.
func (b *bits) entries(dir record.End, h *Held) error {
	marks := slices.Clone(b.marks)
	for _, r := range b.ranges {
		var n notes
		for x := range headers(r.Bytes, 0) {
			if x.central && x.lacks == 0 {
				n.add(x, r.Off+int64(x.at))
			}
		}
		if n.full {
			return &Unseen{Entries, "it has more kinds of content than are noted"}
		}
		marks = append(marks, n.marks()...)
	}
	for _, m := range marks {
		if m.Off < dir.Offset {
			continue
		}
		if name, is := strings.CutPrefix(m.What, markStrange); is {
			h.Strange = name
		}
		if class, is := strings.CutPrefix(m.What, markModel); is {
			h.Models = append(h.Models, class)
		}
		if id, is := strings.CutPrefix(m.What, markApplication); is {
			h.Applications = append(h.Applications, id)
		}
	}
	if b.blind != "" {
		return &Unseen{Entries, "an earlier version of the gateway looked at part " + b.blind + ": publish again"}
	}
	h.Models, h.Applications = distinct(h.Models), distinct(h.Applications)
	return nil
}

func distinct(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// deleted reads the lists of deletions that the directory names.
func (b *bits) deleted(dir record.End, lim archive.Limits) ([]string, error) {
	var all []string
	for _, r := range b.ranges {
		for x := range headers(r.Bytes, 0) {
			if !x.central || !x.place.Deletions || r.Off+int64(x.at) < dir.Offset {
				continue
			}
			classes, err := b.list(r.Bytes[x.at:], dir, lim)
			var u *Unseen
			if errors.As(err, &u) {
				return nil, &Unseen{Deletions, u.Why}
			}
			if err != nil {
				return nil, err
			}
			all = append(all, classes...)
		}
	}
	return distinct(all), nil
}

// list reads the list of deletions whose record begins in.
func (b *bits) list(in []byte, dir record.End, lim archive.Limits) ([]string, error) {
	rec, err := parseRecord(in)
	if err != nil {
		return nil, err
	}
	r, err := b.content(rec, dir, lim)
	if err != nil {
		return nil, err
	}
	classes, err := manifest.Deleted(r, lim)
	return classes, r.ended(rec, err)
}
