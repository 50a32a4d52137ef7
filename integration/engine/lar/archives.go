package lar

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/integration/engine/content"
)

// Config says what archives are held to. Build and Dir are needed.
type Config struct {
	Dir        string            // exports are written here; made if it is missing
	Build      string            // build number: older archives must carry the same one
	Portlets   map[string]string // schema versions of the data handlers by root portlet id; nil means OwnPortlets
	AnyBuild   bool              // another build or schema version is a warning of the publish, no refusal
	MaxArchive int64             // unpacked bytes of an archive; 0 means 4 GiB
	Progress   func(Progress)    // told after every entry of an import; nil means nobody
}

// Progress says how far the import of one publish has come.
type Progress struct {
	Site, Request      int64
	Entries, OfEntries int
	Bytes, OfBytes     int64 // unpacked
}

const defaultMaxArchive = 4 << 30

// Archives exports and imports. It is safe for concurrent use.
type Archives struct {
	cfg   Config
	store *content.Store
}

// New returns the Archives of a store, and throws away exports that an engine left that is gone.
func New(ctx context.Context, cfg Config, store *content.Store) (*Archives, error) {
	if cfg.Portlets == nil {
		cfg.Portlets = OwnPortlets()
	}
	if cfg.MaxArchive == 0 {
		cfg.MaxArchive = defaultMaxArchive
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	return &Archives{cfg: cfg, store: store}, store.Sweep(ctx, cfg.Dir, `SELECT pack FROM blobs WHERE false`)
}

// Why an archive is not imported, each with the values that its Error carries.
const (
	BadManifest        content.Code = "bad-manifest"         // the refusal
	BadArchive         content.Code = "bad-archive"          // the refusal
	BadEntry           content.Code = "bad-entry"            // what is wrong
	WrongBuild         content.Code = "wrong-build"          // of the archive, of the engine
	WrongSchema        content.Code = "wrong-schema"         // of the archive, of the engine
	WrongType          content.Code = "wrong-type"           // of the archive, the types that there are
	TemplateOnly       content.Code = "template-only"        // none
	NotPortlet         content.Code = "not-portlet"          // type of the archive
	WrongPortlet       content.Code = "wrong-portlet"        // of the archive, of the call
	NoDataHandler      content.Code = "no-data-handler"      // portlet
	WrongPortletSchema content.Code = "wrong-portlet-schema" // of the archive, portlet, of the engine
	NoLocale           content.Code = "no-locale"            // locale, those of the archive, those of the site
	NoTemplate         content.Code = "no-template"          // uuid
)

// ofBuilds are the refusals that AnyBuild turns into warnings.
var ofBuilds = []content.Code{WrongBuild, WrongSchema, WrongPortletSchema}

// Order is what a publish call asks for.
type Order struct {
	Target     content.Site
	Request    int64
	Checksum   string // MD5 of the whole archive in lower-case hex
	Login      string
	Portlet    string // instance id of the application, empty for a publish of pages
	Private    bool
	PrivateSet bool // Private was said by the call, not left to the archive
	Deletions  bool
	DryRun     bool // everything but the import

	Tell    func(Progress)                                            // after every entry; nil means nobody
	Arrived func(context.Context, *content.Tx, content.Publish) error // with the import, before it is committed; nil: nothing
	Apply   func(context.Context)                                     // before the site is changed; nil: nothing

	warnings []string
	required map[string]bool // applications that the archive says must have a data handler
}

// Import holds the archive of size bytes in f to the engine and to o.Target and then, unless
// references are missing that must be there, makes its content the site's in one transaction with
// the ledger's row of c. Missing references are returned; they are no error.
func (a *Archives) Import(
	ctx context.Context, c *content.Invocation, f io.ReaderAt, size int64, o Order,
) (*MissingReferences, error) {
	lar, m, err := a.inspect(ctx, f, size, &o)
	if err != nil {
		return nil, err
	}
	a.store.Pause(c.Method + ":checked")
	refs, err := a.missing(ctx, lar, m, o)
	if err != nil {
		return nil, err
	}
	if o.DryRun || len(refs.Dependency) > 0 {
		return refs, a.store.Change(ctx, func(tx *content.Tx) error { return a.store.Record(ctx, tx, c) })
	}
	if !o.PrivateSet {
		o.Private = m.Header.PrivateLayout
	}
	return refs, a.importArchive(ctx, c, lar, o)
}

// inspect reads the archive strictly, its manifest and every entry's checksum, and holds it to the
// portal and the site.
func (a *Archives) inspect(
	ctx context.Context, f io.ReaderAt, size int64, o *Order,
) (*archive.Archive, *manifest.Manifest, error) {
	lim := archive.DefaultLimits()
	lim.Total = a.cfg.MaxArchive
	lar, err := archive.Open(f, size, lim)
	if err != nil {
		return nil, nil, badArchive(err)
	}
	if err := lar.Verify(ctx, nil); err != nil {
		return nil, nil, badArchive(err)
	}
	m, err := manifest.Of(lar)
	if err == nil {
		o.required, err = requiredPortlets(lar)
	}
	if err != nil {
		return nil, nil, badArchive(err)
	}
	for _, check := range checks {
		switch refusal := check(a, m, *o); {
		case refusal == nil:
		case a.cfg.AnyBuild && slices.Contains(ofBuilds, refusal.Code):
			o.warnings = append(o.warnings, refusal.Error())
		default:
			return nil, nil, refusal
		}
	}
	return lar, m, nil
}

// requiredPortlets are the applications for which the manifest wants a data handler to exist.
func requiredPortlets(lar *archive.Archive) (map[string]bool, error) {
	e, _ := lar.Lookup(manifest.Name)
	r, err := lar.Open(e)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	required, d := map[string]bool{}, xml.NewDecoder(r)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return required, nil
		}
		if err != nil {
			return nil, err
		}
		el, ok := token.(xml.StartElement)
		if ok && el.Name.Local == "portlet" && attr(el, "validate-existing-data-handler") == "true" {
			required[attr(el, "portlet-id")] = true
		}
	}
}

func attr(el xml.StartElement, name string) string {
	for _, a := range el.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// badArchive is a refusal for what the archive itself is to blame for; other errors stay what they
// are.
func badArchive(err error) error {
	var r *refusal.Refusal
	if !errors.As(err, &r) {
		return fmt.Errorf("read lar: %w", err)
	}
	if r.Code == refusal.CodeManifest {
		return content.Errorf(BadManifest, "manifest.xml is missing or not complete: %v", r)
	}
	return content.Errorf(BadArchive, "%v", r)
}
