package manifest

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/refusal"
)

// Name is the entry that says what an archive holds.
const Name = "manifest.xml"

// Manifest is what manifest.xml says about an archive.
type Manifest struct {
	Header     Header
	Portlets   []Portlet
	Layouts    []Layout
	Services   int // site services with settings
	Missing    []MissingReference
	Models     map[string]int         // entities by their simple class name, as listed one by one
	Summary    map[string]ModelCounts // the exporter's own counts, by its key
	Additions  int64                  // sum over Summary
	Deletions  int64                  // sum over Summary
	Attributes map[string]string      // all attributes of the header
}

// Header is the header element; what it does not have is zero.
type Header struct {
	Type                string // layout-set, layout-prototype, layout-set-prototype or portlet
	BuildNumber         int
	SchemaVersion       string
	CompanyID           int64
	CompanyGroupID      int64
	GroupID             int64
	PrivateLayout       bool
	RootPortletID       string
	Locales             []string
	ExportDate          time.Time
	StartDate, EndDate  time.Time
	TypeUUID            string
	LayoutPrototypeUUID string
}

// Portlet is an application whose content or settings the archive holds.
type Portlet struct {
	ID            string `json:"id"`
	LayoutID      string `json:"layoutId,omitempty"`
	SchemaVersion string `json:"schemaVersion,omitempty"`
	DisplayName   string `json:"displayName,omitempty"`
	Path          string `json:"path,omitempty"`
	Data          string `json:"-"` // false: only its settings are there; older exporters do not say
}

// Layout is a page.
type Layout struct {
	ID   string `json:"id,omitempty"`
	UUID string `json:"uuid,omitempty"`
	Path string `json:"path,omitempty"`
}

// MissingReference is something that the content refers to and the archive does not hold.
type MissingReference struct {
	ClassName         string `json:"className"`
	ClassPK           string `json:"classPK,omitempty"`
	UUID              string `json:"uuid,omitempty"`
	GroupID           string `json:"groupId,omitempty"`
	DisplayName       string `json:"displayName,omitempty"`
	Type              string `json:"type,omitempty"` // dependency must exist on the other side; weak only should
	ReferrerClassName string `json:"referrerClassName,omitempty"`
	ReferrerName      string `json:"referrerDisplayName,omitempty"`
	ElementPath       string `json:"elementPath,omitempty"` // set: the archive does hold it after all
}

// ModelCounts is one line of the exporter's summary.
type ModelCounts struct {
	Additions int64 `json:"additions"`
	Deletions int64 `json:"deletions"`
}

// Of reads the manifest.xml of an archive.
func Of(a *archive.Archive) (*Manifest, error) {
	e, ok := a.Lookup(Name)
	if !ok || e.Dir {
		return nil, noManifest(a)
	}
	if e.Size > a.Limits().Manifest {
		return nil, refusal.New(refusal.CodeXMLLimit, "%s of %d bytes is longer than %d",
			Name, e.Size, a.Limits().Manifest)
	}
	r, err := a.Open(e)
	if err != nil {
		return nil, err
	}
	m, err := Read(r, a.Limits())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	return m, r.Close()
}

// noManifest says where the manifest is, if it is elsewhere.
func noManifest(a *archive.Archive) *refusal.Refusal {
	for _, e := range a.Entries() {
		dir, name := path.Split(e.Name)
		switch {
		case e.Dir || strings.HasPrefix(e.Name, "__MACOSX/"):
		case name == Name:
			return refusal.New(refusal.CodeManifest, "%s is in the folder %q: the folder was packed, not what it holds", Name, dir).
				Heal("pack from within the folder (zip -r ../site.lar .), or " + refusal.Repack)
		case strings.HasSuffix(strings.ToLower(name), ".lar"):
			return refusal.New(refusal.CodeManifest, "the archive %q is inside of this one", name).Heal("unzip it first")
		}
	}
	return refusal.New(refusal.CodeManifest, "archive has no %s, so it is no LAR", Name)
}

// Read reads a manifest from r to its end.
func Read(r io.Reader, lim archive.Limits) (*Manifest, error) {
	p := &manifestParser{m: &Manifest{Models: map[string]int{}, Summary: map[string]ModelCounts{}}}
	doc := newElements(&atMost{r: r, left: lim.Manifest}, lim)
	for {
		attrs, err := doc.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if ref := p.element(doc.path, attrs); ref != nil {
			return nil, ref
		}
	}
	if p.m.Attributes == nil {
		return nil, refusal.New(refusal.CodeManifest, "manifest has no header")
	}
	return p.m, nil
}

// atMost is a LimitReader that refuses instead of pretending an end.
type atMost struct {
	r    io.Reader
	left int64
}

func (a *atMost) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if a.left -= int64(n); a.left < 0 {
		return 0, refusal.New(refusal.CodeXMLLimit, "document is longer than allowed")
	}
	return n, err
}

type manifestParser struct{ m *Manifest }

// manifestElements says what to do with the elements that matter, by path below the root. Where the
// vendor moved an element, both places are listed.
var manifestElements = map[string]func(*manifestParser, attributes) *refusal.Refusal{
	"header":                               (*manifestParser).header,
	"portlet":                              (*manifestParser).portlet, // 6.x, application archives
	"portlets/portlet":                     (*manifestParser).portlet, // 6.x, site archives
	"site-portlets/portlet":                (*manifestParser).portlet,
	"site-services/service":                (*manifestParser).service,
	"layouts/layout":                       (*manifestParser).layout, // 6.0
	"Layout/staged-model":                  (*manifestParser).stagedLayout,
	"missing-references/missing-reference": (*manifestParser).missing,
	"manifest-summary/staged-model":        (*manifestParser).counts,
}

func (p *manifestParser) element(path []string, attrs attributes) *refusal.Refusal {
	if path[0] != "root" {
		return refusal.New(refusal.CodeManifest, "root element is not named root")
	}
	if len(path) > 3 {
		return nil
	}
	if read := manifestElements[strings.Join(path[1:], "/")]; read != nil {
		return read(p, attrs)
	}
	if len(path) == 3 && path[2] == "staged-model" {
		p.m.Models[path[1]]++
	}
	return nil
}

func (p *manifestParser) header(attrs attributes) *refusal.Refusal {
	if p.m.Attributes != nil {
		return refusal.New(refusal.CodeManifest, "manifest has two headers")
	}
	p.m.Attributes = attrs
	h := &p.m.Header
	for _, f := range headerFields(h) {
		value, given := attrs[f.name]
		if !given || value == "" {
			continue
		}
		if err := f.set(value); err != nil {
			return &refusal.Refusal{Code: refusal.CodeManifest, Index: -1, Offset: -1, Msg: "header attribute " + f.name, Err: err}
		}
	}
	return nil
}

type headerField struct {
	name string
	set  func(string) error
}

func headerFields(h *Header) []headerField {
	return []headerField{
		{"type", text(&h.Type)},
		{"build-number", number(&h.BuildNumber)},
		{"schema-version", text(&h.SchemaVersion)},
		{"company-id", number(&h.CompanyID)},
		{"company-group-id", number(&h.CompanyGroupID)},
		{"group-id", number(&h.GroupID)},
		{"private-layout", truth(&h.PrivateLayout)},
		{"root-portlet-id", text(&h.RootPortletID)},
		{"available-locales", list(&h.Locales)},
		{"export-date", date(&h.ExportDate)},
		{"start-date", date(&h.StartDate)},
		{"end-date", date(&h.EndDate)},
		{"type-uuid", text(&h.TypeUUID)},
		{"layout-set-prototype-uuid", text(&h.LayoutPrototypeUUID)},
	}
}

func text(to *string) func(string) error {
	return func(s string) error { *to = s; return nil }
}

func number[T int | int64](to *T) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return err
		}
		if *to = T(n); n < 0 || int64(*to) != n {
			return fmt.Errorf("%d is out of range", n)
		}
		return nil
	}
}

func truth(to *bool) func(string) error {
	return func(s string) (err error) { *to, err = strconv.ParseBool(s); return err }
}

func list(to *[]string) func(string) error {
	return func(s string) error {
		*to = slices.DeleteFunc(strings.Split(s, ","), func(s string) bool { return s == "" })
		return nil
	}
}

// dateForms are RFC 822 as Java writes it, with the zone as a number or by name, and with days of
// one digit.
var dateForms = []string{
	time.RFC1123Z, time.RFC1123, "Mon, _2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST",
}

func date(to *time.Time) func(string) error {
	return func(s string) (err error) {
		for _, form := range dateForms {
			if *to, err = time.Parse(form, s); err == nil {
				return nil
			}
		}
		return err
	}
}

func (p *manifestParser) portlet(attrs attributes) *refusal.Refusal {
	p.m.Portlets = append(p.m.Portlets, Portlet{
		ID: attrs["portlet-id"], LayoutID: attrs["layout-id"], SchemaVersion: attrs["schema-version"],
		DisplayName: attrs["display-name"], Path: attrs["path"], Data: attrs["portlet-data"],
	})
	return nil
}

func (p *manifestParser) service(attributes) *refusal.Refusal {
	p.m.Services++
	return nil
}

func (p *manifestParser) layout(attrs attributes) *refusal.Refusal {
	uuid := attrs["layout-uuid"]
	if uuid == "" {
		uuid = attrs["uuid"]
	}
	p.m.Layouts = append(p.m.Layouts, Layout{ID: attrs["layout-id"], UUID: uuid, Path: attrs["path"]})
	return nil
}

func (p *manifestParser) stagedLayout(attrs attributes) *refusal.Refusal {
	p.m.Models["Layout"]++
	return p.layout(attrs)
}

func (p *manifestParser) missing(attrs attributes) *refusal.Refusal {
	p.m.Missing = append(p.m.Missing, MissingReference{
		ClassName: attrs["class-name"], ClassPK: attrs["class-pk"], UUID: attrs["uuid"],
		GroupID: attrs["group-id"], DisplayName: attrs["display-name"], Type: attrs["type"],
		ReferrerClassName: attrs["referrer-class-name"], ReferrerName: attrs["referrer-display-name"],
		ElementPath: attrs["element-path"],
	})
	return nil
}

func (p *manifestParser) counts(attrs attributes) *refusal.Refusal {
	var c ModelCounts
	for name, to := range map[string]*int64{"addition-count": &c.Additions, "deletion-count": &c.Deletions} {
		if s := attrs[name]; s != "" {
			if err := number(to)(s); err != nil {
				return &refusal.Refusal{Code: refusal.CodeManifest, Index: -1, Offset: -1, Msg: name, Err: err}
			}
		}
	}
	p.m.Summary[attrs["manifest-summary-key"]] = c
	p.m.Additions += c.Additions
	p.m.Deletions += c.Deletions
	return nil
}
