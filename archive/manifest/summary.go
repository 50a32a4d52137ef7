package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/parts"
)

// Summary is what an operator wants to know about an archive before it is published.
type Summary struct {
	Type          string            `json:"type"`
	BuildNumber   int               `json:"buildNumber"`
	SchemaVersion string            `json:"schemaVersion,omitempty"`
	CompanyID     int64             `json:"companyId,omitempty"`
	GroupID       int64             `json:"groupId"`
	PrivateLayout bool              `json:"privateLayout"`
	RootPortletID string            `json:"rootPortletId,omitempty"`
	Locales       []string          `json:"locales,omitempty"`
	ExportDate    *time.Time        `json:"exportDate,omitempty"`
	StartDate     *time.Time        `json:"startDate,omitempty"`
	EndDate       *time.Time        `json:"endDate,omitempty"`
	Header        map[string]string `json:"header"` // all attributes as they stand

	Portlets  []Portlet              `json:"portlets,omitempty"`
	Layouts   []Layout               `json:"layouts,omitempty"`
	Missing   []MissingReference     `json:"missingReferences,omitempty"` // those that the archive does not satisfy
	Models    map[string]int         `json:"models,omitempty"`            // entities listed in the manifest
	Counts    map[string]ModelCounts `json:"counts,omitempty"`            // the exporter's own counts
	Deletions int64                  `json:"deletions"`

	Entries     Tally            `json:"entries"`
	Directories int              `json:"directories"`
	ByModel     map[string]Tally `json:"byModel,omitempty"` // by the model or application in the path
	ByType      map[string]Tally `json:"byType,omitempty"`  // by the extension of the file

	parts.Digests
}

// Tally counts files.
type Tally struct {
	Files      int   `json:"files"`
	Size       int64 `json:"size"`
	Compressed int64 `json:"compressed"`
}

func (t Tally) add(e archive.Entry) Tally {
	return Tally{Files: t.Files + 1, Size: t.Size + e.Size, Compressed: t.Compressed + e.Compressed}
}

// Summarize reads the manifest, the list of deletions and, for the digests, the whole archive once.
func Summarize(ctx context.Context, a *archive.Archive) (*Summary, error) {
	m, err := Of(a)
	if err != nil {
		return nil, err
	}
	s := summarize(m)
	for _, e := range a.Entries() {
		s.count(e)
	}
	if s.Deletions == 0 {
		if s.Deletions, err = deletions(ctx, a); err != nil {
			return nil, err
		}
	}
	s.Digests, err = parts.Digest(ctx, a.Bytes())
	return s, err
}

func summarize(m *Manifest) *Summary {
	h := m.Header
	s := &Summary{
		Type: h.Type, BuildNumber: h.BuildNumber, SchemaVersion: h.SchemaVersion, CompanyID: h.CompanyID,
		GroupID: h.GroupID, PrivateLayout: h.PrivateLayout, RootPortletID: h.RootPortletID, Locales: h.Locales,
		ExportDate: given(h.ExportDate), StartDate: given(h.StartDate), EndDate: given(h.EndDate),
		Header: m.Attributes, Portlets: m.Portlets, Layouts: m.Layouts, Models: m.Models, Counts: m.Summary,
		Deletions: m.Deletions, ByModel: map[string]Tally{}, ByType: map[string]Tally{},
	}
	for _, ref := range m.Missing {
		if ref.ElementPath == "" {
			s.Missing = append(s.Missing, ref)
		}
	}
	return s
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Summary) count(e archive.Entry) {
	if e.Dir {
		s.Directories++
		return
	}
	s.Entries = s.Entries.add(e)
	model, kind := modelOf(e.Name), strings.TrimPrefix(path.Ext(e.Name), ".")
	if strings.Trim(kind, "0123456789") == "" {
		kind = "other" // versions like 1.0 are names of binaries
	}
	s.ByModel[model] = s.ByModel[model].add(e)
	s.ByType[kind] = s.ByType[kind].add(e)
}

// modelOf takes the model's class from paths of 6.1 and later (group/<id>/<class>/…,
// company/<id>/<class>/…), the application and its folder from those of 6.0
// (groups/<id>/portlets/<id>/<folder>/…).
func modelOf(name string) string {
	s := strings.Split(name, "/")
	if len(s) < 3 {
		return "archive"
	}
	switch dirs := s[2 : len(s)-1]; {
	case s[0] != "group" && s[0] != "groups" && s[0] != "company":
		return "other"
	case len(dirs) == 0:
		return "site"
	case dirs[0] != "portlets" && dirs[0] != "portlet":
		return dirs[0]
	case len(dirs) > 2 && strings.Trim(dirs[2], "0123456789") != "":
		return strings.Join(dirs[:3], "/")
	default:
		return strings.Join(dirs[:min(2, len(dirs))], "/")
	}
}

// deletions counts the entities that the archive asks to delete, for archives whose summary does
// not tell.
func deletions(ctx context.Context, a *archive.Archive) (int64, error) {
	var n int64
	for _, e := range a.Entries() {
		if path.Base(e.Name) != "deletion-system-events.xml" || e.Dir {
			continue
		}
		found, err := countElements(ctx, a, e, "deletion-system-event")
		if err != nil {
			return 0, fmt.Errorf("%s: %w", e.Name, err)
		}
		n += found
	}
	return n, nil
}

func countElements(ctx context.Context, a *archive.Archive, e archive.Entry, element string) (int64, error) {
	r, err := a.Open(e)
	if err != nil {
		return 0, err
	}
	doc, n := newElements(r, a.Limits()), int64(0)
	for ctx.Err() == nil {
		_, err := doc.next()
		if errors.Is(err, io.EOF) {
			return n, r.Close()
		}
		if err != nil {
			return 0, err
		}
		if doc.path[len(doc.path)-1] == element {
			n++
		}
	}
	return 0, context.Cause(ctx)
}
