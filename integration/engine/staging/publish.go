package staging

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/arrivals"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
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
func (l *Live) PublishStagingRequest(
	ctx context.Context, login string, id int64, conf Configuration,
) (*lar.MissingReferences, error) {
	c := content.Invoke(login, "publishStagingRequest", id, conf).OnRequest(id)
	return l.publish(ctx, c, func(r Request, o *lar.Order) error {
		if conf.Settings == nil {
			return content.Errorf(NoConfiguration, "a publish configuration without settings")
		}
		target, _ := conf.Settings["targetGroupId"].(int64)
		s, err := l.store.Site(ctx, target)
		if err != nil {
			return err
		}
		o.Target = s
		o.Portlet, _ = conf.Settings["portletId"].(string)
		if conf.Type == typePublishPortlet && o.Portlet == "" {
			return content.Errorf(NoPortlet, "a publish of an application without its id")
		}
		if err := l.holdsApplication(ctx, conf, *o); err != nil {
			return err
		}
		o.Private, o.PrivateSet = conf.Settings["remotePrivateLayout"].(bool)
		if !o.PrivateSet {
			o.Private, o.PrivateSet = conf.Settings["privateLayout"].(bool)
		}
		params, _ := conf.Settings["parameterMap"].(map[string]any)
		o.Deletions = flag(params, "DELETIONS")
		return nil
	})
}

// holdsApplication returns why nothing can be published onto the page that the settings name: it is
// not there, of another site, or without the application. 0 is no page.
func (l *Live) holdsApplication(ctx context.Context, conf Configuration, o lar.Order) error {
	plid, _ := conf.Settings["targetPlid"].(int64)
	if plid == 0 || plid == controlPanelPlid {
		return nil
	}
	page, found, err := l.store.ItemByID(ctx, plid)
	switch {
	case err != nil:
		return err
	case !found || page.Kind != content.Page || page.Site != o.Target.ID:
		return content.Errorf(NoPageID, "no page of id %d", plid)
	case !slices.Contains(page.Portlets, o.Portlet):
		return content.Errorf(NotOnPage, "there is no application %s on page %d", o.Portlet, plid)
	}
	return nil
}

// PublishStagingRequestMap is the form of 6.2 and the first 7 lines: it imports into the request's
// own site.
func (l *Live) PublishStagingRequestMap(
	ctx context.Context, login string, id int64, private bool, params map[string]any,
) (*lar.MissingReferences, error) {
	c := content.Invoke(login, "publishStagingRequest", id, private, params).OnRequest(id)
	return l.publish(ctx, c, l.ownSite(ctx, private, params))
}

// ValidateStagingRequest does everything that PublishStagingRequestMap does but the import.
func (l *Live) ValidateStagingRequest(
	ctx context.Context, login string, id int64, private bool, params map[string]any,
) (*lar.MissingReferences, error) {
	c := content.Invoke(login, "validateStagingRequest", id, private, params).OnRequest(id)
	own := l.ownSite(ctx, private, params)
	return l.publish(ctx, c, func(r Request, o *lar.Order) error {
		o.DryRun = true
		return own(r, o)
	})
}

func (l *Live) ownSite(ctx context.Context, private bool, params map[string]any) func(Request, *lar.Order) error {
	return func(r Request, o *lar.Order) (err error) {
		o.Private, o.PrivateSet = private, true
		o.Deletions = flag(params, "DELETIONS")
		o.Target, err = l.store.Site(ctx, r.Site)
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
func (l *Live) publish(
	ctx context.Context, c *content.Invocation, fill func(Request, *lar.Order) error,
) (*lar.MissingReferences, error) {
	refs, err := l.tryPublish(ctx, c, fill)
	if err == nil {
		l.store.Pause(c.Method + ":committed")
	}
	return refs, l.store.Refused(ctx, c, err)
}

func (l *Live) tryPublish(
	ctx context.Context, c *content.Invocation, fill func(Request, *lar.Order) error,
) (*lar.MissingReferences, error) {
	r, err := l.admit(ctx, c)
	if err != nil {
		return nil, err
	}
	o := lar.Order{Login: c.Login, Request: r.ID, Checksum: r.Checksum}
	if err := fill(r, &o); err != nil {
		return nil, err
	}
	c.Site = o.Target.ID
	l.store.Pause(c.Method + ":begin")
	if o.DryRun {
		return l.bring(ctx, c, r, o)
	}
	entry, err := l.log.Begin(ctx, arrivals.Arrival{Site: c.Site, Request: r.ID, Login: c.Login})
	if err != nil {
		return nil, err
	}
	o.Tell = func(p lar.Progress) { entry.Progress(ctx, p.Entries, p.OfEntries, p.Bytes, p.OfBytes) }
	o.Apply = entry.Apply
	o.Arrived = func(ctx context.Context, tx *content.Tx, p content.Publish) error {
		return entry.Arrived(ctx, tx, p.ID)
	}
	refs, err := l.bring(ctx, c, r, o)
	switch {
	case err != nil:
		entry.Fail(ctx, err.Error())
	case len(refs.Dependency) > 0:
		entry.Fail(ctx, fmt.Sprintf("references are missing that must be there: %d; nothing was imported", len(refs.Dependency)))
	}
	return refs, err
}

// bring puts the archive of a request together and imports it.
func (l *Live) bring(
	ctx context.Context, c *content.Invocation, r Request, o lar.Order,
) (*lar.MissingReferences, error) {
	joined, err := l.assemble(r)
	if err != nil {
		return nil, err
	}
	defer joined.Close()
	return l.lar.Import(ctx, c, joined, joined.size, o)
}

// admit finds the user, the request and the permission.
func (l *Live) admit(ctx context.Context, c *content.Invocation) (r Request, err error) {
	err = l.store.Read(ctx, func(v content.View) error {
		u, err := v.User(ctx, c.Login)
		if err != nil {
			return err
		}
		if r, err = permittedRequest(ctx, v, u, c.Request); err != nil {
			return err
		}
		c.Site = r.Site
		r.Parts, err = partsOf(ctx, v, c.Request)
		return err
	})
	return r, err
}
