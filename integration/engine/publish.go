package engine

import (
	"context"
	"database/sql"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/stagelock/stagelock/archive"
)

// Configuration is the object that a publish call of 7.0 and later carries.
type Configuration struct {
	Type     int64          // 2 and 4 publish pages, 9 an application; 0 means what the settings say
	Settings map[string]any // values as tunnel.Call has them; nil where the object had none
}

const typePublishPortlet = 9

// PublishStagingRequest imports the archive of the request into the site that conf names as its
// target. Permission is asked for the request's own site: the two need not be the same, which is
// the vendor's weakness and the gateway's business. If references are missing that must be there,
// nothing is imported and they are returned.
func (e *Engine) PublishStagingRequest(
	ctx context.Context, login string, id int64, conf Configuration,
) (*MissingReferences, error) {
	c := invoke(login, "publishStagingRequest", id, conf).onRequest(id)
	return e.publish(ctx, c, func(o *order) error {
		if conf.Settings == nil {
			return e.throw(system, "Export import configuration without a settings map")
		}
		target, _ := conf.Settings["targetGroupId"].(int64)
		s, err := e.site(ctx, e.db, target)
		if err != nil {
			return err
		}
		o.target = s
		o.portlet, _ = conf.Settings["portletId"].(string)
		if conf.Type == typePublishPortlet && o.portlet == "" {
			return e.throw(portletID, "Invalid portlet id")
		}
		o.private, o.privateSet = conf.Settings["remotePrivateLayout"].(bool)
		if !o.privateSet {
			o.private, o.privateSet = conf.Settings["privateLayout"].(bool)
		}
		params, _ := conf.Settings["parameterMap"].(map[string]any)
		o.deletions = flag(params, "DELETIONS")
		return nil
	})
}

// PublishStagingRequestMap is the form of 6.2 and the first 7 lines: it imports into the request's
// own site.
func (e *Engine) PublishStagingRequestMap(
	ctx context.Context, login string, id int64, private bool, params map[string]any,
) (*MissingReferences, error) {
	c := invoke(login, "publishStagingRequest", id, private, params).onRequest(id)
	return e.publish(ctx, c, e.ownSite(ctx, private, params))
}

// ValidateStagingRequest does everything that PublishStagingRequestMap does but the import.
func (e *Engine) ValidateStagingRequest(
	ctx context.Context, login string, id int64, private bool, params map[string]any,
) (*MissingReferences, error) {
	c := invoke(login, "validateStagingRequest", id, private, params).onRequest(id)
	own := e.ownSite(ctx, private, params)
	return e.publish(ctx, c, func(o *order) error {
		o.dryRun = true
		return own(o)
	})
}

func (e *Engine) ownSite(ctx context.Context, private bool, params map[string]any) func(*order) error {
	return func(o *order) (err error) {
		o.private, o.privateSet = private, true
		o.deletions = flag(params, "DELETIONS")
		o.target, err = e.site(ctx, e.db, o.request.Site)
		return err
	}
}

// flag reads a parameter as the vendor does: the first of its strings is true.
func flag(params map[string]any, name string) bool {
	switch v := params[name].(type) {
	case string:
		return strings.EqualFold(v, "true")
	case bool:
		return v
	case []any:
		return len(v) > 0 && flag(map[string]any{name: v[0]}, name)
	}
	return false
}

// publish carries out one publish or validate call and records what came of it.
func (e *Engine) publish(
	ctx context.Context, c *invocation, fill func(*order) error,
) (*MissingReferences, error) {
	o := order{login: c.login}
	refs, err := e.tryPublish(ctx, c, &o, fill)
	if err == nil {
		e.pause(c.method + ":committed")
	}
	return refs, e.thrown(ctx, c, err)
}

func (e *Engine) tryPublish(
	ctx context.Context, c *invocation, o *order, fill func(*order) error,
) (*MissingReferences, error) {
	if err := e.admit(ctx, c, o); err != nil {
		return nil, err
	}
	if err := fill(o); err != nil {
		return nil, err
	}
	c.site = o.target.ID
	e.pause(c.method + ":begin")
	joined, err := e.assemble(o.request)
	if err != nil {
		return nil, err
	}
	defer joined.Close()
	lar, m, err := e.inspect(ctx, joined, o)
	if err != nil {
		return nil, err
	}
	e.pause(c.method + ":checked")
	refs, err := e.missing(ctx, lar, m, *o)
	if err != nil {
		return nil, err
	}
	if o.dryRun || len(refs.Dependency) > 0 {
		return refs, e.change(ctx, func(tx *sql.Tx) error { return e.record(ctx, tx, c, OK) })
	}
	if !o.privateSet {
		o.private = m.Header.PrivateLayout
	}
	return refs, e.importArchive(ctx, c, lar, *o)
}

// admit finds the user, the request and the permission.
func (e *Engine) admit(ctx context.Context, c *invocation, o *order) error {
	u, err := e.user(ctx, e.db, c.login)
	if err != nil {
		return err
	}
	if o.request, err = e.permittedRequest(ctx, e.db, u, c.request); err != nil {
		return err
	}
	c.site = o.request.Site
	o.request.Parts, err = partsOf(ctx, e.db, c.request)
	return err
}

// inspect reads the archive strictly, its manifest and every entry's checksum, and holds it to the
// portal and the site.
func (e *Engine) inspect(
	ctx context.Context, f *assembled, o *order,
) (*archive.Archive, *archive.Manifest, error) {
	lim := archive.DefaultLimits()
	lim.Total = e.cfg.MaxArchive
	lar, err := archive.Open(f, f.size, lim)
	if err != nil {
		return nil, nil, e.badArchive(err)
	}
	if err := lar.Verify(ctx, nil); err != nil {
		return nil, nil, e.badArchive(err)
	}
	m, err := lar.Manifest()
	if err == nil {
		o.required, err = requiredPortlets(lar)
	}
	if err != nil {
		return nil, nil, e.badArchive(err)
	}
	for _, check := range checks {
		if x := check(e, m, *o); x != nil {
			return nil, nil, x
		}
	}
	return lar, m, nil
}

// requiredPortlets are the applications for which the manifest wants a data handler to exist.
func requiredPortlets(lar *archive.Archive) (map[string]bool, error) {
	e, _ := lar.Lookup(archive.ManifestName)
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

// badArchive throws what the archive itself is to blame for; other errors stay what they are.
func (e *Engine) badArchive(err error) error {
	var r *archive.Refusal
	if !errors.As(err, &r) {
		return fmt.Errorf("read lar: %w", err)
	}
	if r.Code == archive.CodeManifest {
		return e.throw(larFile, "manifest.xml is missing or not complete: %v", r)
	}
	return e.throw(larFile, "%v", r)
}
