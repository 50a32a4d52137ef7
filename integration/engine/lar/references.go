package lar

import (
	"context"
	"strings"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
)

// MissingReferences is the answer of a publish: what the archive needs and the site lacks.
type MissingReferences struct {
	Dependency []manifest.MissingReference // must be there: nothing was imported
	Weak       []manifest.MissingReference // may be missing: a warning
}

// missing returns the references of the archive that neither the archive nor the site satisfies.
func (a *Archives) missing(
	ctx context.Context, lar *archive.Archive, m *manifest.Manifest, o Order,
) (*MissingReferences, error) {
	refs := &MissingReferences{}
	for _, ref := range m.Missing {
		if _, inside := lar.Lookup(entryName(ref.ElementPath)); inside {
			continue
		}
		there, err := a.hasReferred(ctx, ref, o)
		switch {
		case err != nil:
			return nil, err
		case there:
		case ref.Type == weak:
			refs.Weak = append(refs.Weak, ref)
		default:
			refs.Dependency = append(refs.Dependency, ref)
		}
	}
	return refs, nil
}

// The two types of references.
const (
	weak       = "weak"
	dependency = "dependency"
)

// entryName is the name of an entry that a manifest or an item names by its path.
func entryName(path string) string { return strings.TrimPrefix(path, "/") }

func (a *Archives) hasReferred(ctx context.Context, m manifest.MissingReference, o Order) (bool, error) {
	for kind, class := range classes {
		if class != m.ClassName {
			continue
		}
		for _, private := range []bool{false, true} {
			if _, found, err := a.store.Item(ctx, o.Target.ID, kind, private, m.UUID); found || err != nil {
				return found, err
			}
		}
	}
	return false, nil
}
