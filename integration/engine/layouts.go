package engine

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// controlPanelPlid is the page that the control panel has in every engine.
const controlPanelPlid = 20007

// HasRemoteLayout says whether the site has that page; staging asks it before every publish.
func (e *Engine) HasRemoteLayout(
	ctx context.Context, login, uuid string, site int64, private bool,
) (bool, error) {
	c := invoke(login, "hasRemoteLayout", uuid, site, private).onSite(site)
	found := false
	err := e.execute(ctx, c, func(tx *sql.Tx, u User) error {
		if _, err := e.permittedSite(ctx, tx, u, ExportImportLayouts, site); err != nil {
			return err
		}
		_, ok, err := findItem(ctx, tx, site, Page, private, uuid)
		found = ok
		return err
	})
	return found, err
}

// HasLayout says whether the site has that page.
func (e *Engine) HasLayout(
	ctx context.Context, login, uuid string, site int64, private bool,
) (bool, error) {
	_, err := e.layout(ctx, invoke(login, "hasLayout", uuid, site, private).onSite(site), uuid, private)
	if errors.Is(err, errNoLayout) {
		return false, nil
	}
	return err == nil, err
}

// Layout returns a page by its uuid, or a NoSuchLayoutException.
func (e *Engine) Layout(
	ctx context.Context, login, uuid string, site int64, private bool,
) (Item, error) {
	c := invoke(login, "getLayoutByUuidAndGroupId", uuid, site, private).onSite(site)
	return e.existingLayout(ctx, c, uuid, private)
}

// LayoutPlid returns the id of a page, or a NoSuchLayoutException.
func (e *Engine) LayoutPlid(
	ctx context.Context, login, uuid string, site int64, private bool,
) (int64, error) {
	c := invoke(login, "getLayoutPlid", uuid, site, private).onSite(site)
	it, err := e.existingLayout(ctx, c, uuid, private)
	return it.ID, err
}

// errNoLayout is what a look-up finds when there is no such page; callers that must have one throw.
var errNoLayout = errors.New("no such layout")

// layout looks a page up; the look-up is recorded as carried out whether or not there is one.
func (e *Engine) layout(ctx context.Context, c *invocation, uuid string, private bool) (Item, error) {
	var it Item
	found := false
	err := e.execute(ctx, c, func(tx *sql.Tx, u User) (err error) {
		if _, err := e.siteFor(ctx, tx, u, c.site); err != nil {
			return err
		}
		it, found, err = findItem(ctx, tx, c.site, Page, private, uuid)
		return err
	})
	if err == nil && !found {
		return it, errNoLayout
	}
	return it, err
}

func (e *Engine) existingLayout(
	ctx context.Context, c *invocation, uuid string, private bool,
) (Item, error) {
	it, err := e.layout(ctx, c, uuid, private)
	if errors.Is(err, errNoLayout) {
		return it, e.throw(noSuchLayout, "No Layout exists with the key {uuid=%s, groupId=%d, privateLayout=%t}",
			uuid, c.site, private)
	}
	return it, err
}

// DefaultPlid returns the id of the site's first page, 0 if it has none; with a portlet id, of the
// first page that holds it.
func (e *Engine) DefaultPlid(
	ctx context.Context, login string, site int64, private bool, portlet string,
) (int64, error) {
	return e.defaultPlid(ctx, invoke(login, "getDefaultPlid", site, private, portlet).onSite(site), portlet,
		func(it Item) bool { return it.Private == private })
}

// AnyDefaultPlid is DefaultPlid over public and private pages.
func (e *Engine) AnyDefaultPlid(
	ctx context.Context, login string, site int64, portlet string,
) (int64, error) {
	return e.defaultPlid(ctx, invoke(login, "getDefaultPlid", site, portlet).onSite(site), portlet,
		func(Item) bool { return true })
}

func (e *Engine) defaultPlid(
	ctx context.Context, c *invocation, portlet string, among func(Item) bool,
) (int64, error) {
	var plid int64
	err := e.execute(ctx, c, func(tx *sql.Tx, u User) error {
		if _, err := e.siteFor(ctx, tx, u, c.site); err != nil {
			return err
		}
		pages, err := siteItems(ctx, tx, c.site, Page)
		if err != nil {
			return err
		}
		for _, p := range pages {
			if among(p) && (portlet == "" || slices.Contains(p.Portlets, portlet)) {
				plid = p.ID
				return nil
			}
		}
		return nil
	})
	return plid, err
}

// HasPortletID says whether the page of that plid holds an application.
func (e *Engine) HasPortletID(
	ctx context.Context, login string, plid int64, portlet string,
) (bool, error) {
	has := false
	err := e.execute(ctx, invoke(login, "hasPortletId", plid, portlet), func(tx *sql.Tx, u User) error {
		it, found, err := itemByID(ctx, tx, plid)
		if err != nil {
			return err
		}
		if !found || it.Kind != Page {
			return e.throw(noSuchLayout, "No Layout exists with the primary key %d", plid)
		}
		if _, err := e.siteFor(ctx, tx, u, it.Site); err != nil {
			return err
		}
		has = slices.Contains(it.Portlets, portlet)
		return nil
	})
	return has, err
}

// ControlPanelPlid returns the id of the control panel's page.
func (e *Engine) ControlPanelPlid(ctx context.Context, login string) (int64, error) {
	err := e.execute(ctx, invoke(login, "getControlPanelLayoutPlid"), func(*sql.Tx, User) error { return nil })
	if err != nil {
		return 0, err
	}
	return controlPanelPlid, nil
}
