package staging

import (
	"context"
	"errors"
	"slices"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// The control panel's page and group, which every company has.
const (
	controlPanelPlid = 20007
	controlPanelName = "Control Panel"
)

// controlPanel is the group of a company's control panel: 7.1 GA1 asks for it before it publishes
// single content, and for its default page afterwards.
func controlPanel(company int64) content.Site {
	return content.Site{ID: content.ControlPanel, CompanyID: company, Name: controlPanelName,
		UUID: "00000000-0000-4000-8000-000000020002", FriendlyURL: "/control_panel"}
}

// companySite is the group of a whole company, which nothing is published to.
func companySite(company int64) content.Site {
	return content.Site{ID: content.Global, CompanyID: company, Name: "Global",
		UUID: "00000000-0000-4000-8000-000000020003", FriendlyURL: "/global"}
}

// HasRemoteLayout reports whether the site has that page; staging asks it before every publish.
func (l *Live) HasRemoteLayout(
	ctx context.Context, login, uuid string, site int64, private bool,
) (bool, error) {
	c := content.Invoke(login, "hasRemoteLayout", uuid, site, private).OnSite(site)
	found := false
	err := l.store.Consult(ctx, c, func(v content.View, u content.User) error {
		if _, err := v.PermittedSite(ctx, u, content.ExportImportLayouts, site); err != nil {
			return err
		}
		_, ok, err := v.Item(ctx, site, content.Page, private, uuid)
		found = ok
		return err
	})
	return found, err
}

// HasLayout reports whether the site has that page.
func (l *Live) HasLayout(
	ctx context.Context, login, uuid string, site int64, private bool,
) (bool, error) {
	_, err := l.layout(ctx, content.Invoke(login, "hasLayout", uuid, site, private).OnSite(site), uuid, private)
	if errors.Is(err, errNoLayout) {
		return false, nil
	}
	return err == nil, err
}

// Layout returns a page by its uuid, or a NoSuchLayoutException.
func (l *Live) Layout(
	ctx context.Context, login, uuid string, site int64, private bool,
) (content.Item, error) {
	c := content.Invoke(login, "getLayoutByUuidAndGroupId", uuid, site, private).OnSite(site)
	return l.existingLayout(ctx, c, uuid, private)
}

// LayoutPlid returns the id of a page, or a NoSuchLayoutException.
func (l *Live) LayoutPlid(
	ctx context.Context, login, uuid string, site int64, private bool,
) (int64, error) {
	c := content.Invoke(login, "getLayoutPlid", uuid, site, private).OnSite(site)
	it, err := l.existingLayout(ctx, c, uuid, private)
	return it.ID, err
}

// FetchLayoutPlid returns the id of a page, 0 if there is no such page.
func (l *Live) FetchLayoutPlid(
	ctx context.Context, login, uuid string, site int64, private bool,
) (int64, error) {
	c := content.Invoke(login, "fetchLayoutPlid", uuid, site, private).OnSite(site)
	it, err := l.layout(ctx, c, uuid, private)
	if errors.Is(err, errNoLayout) {
		return 0, nil
	}
	return it.ID, err
}

// errNoLayout is what a look-up finds when there is no such page; callers that must have one throw.
var errNoLayout = errors.New("no such layout")

// layout looks a page up; the look-up is recorded as carried out whether or not there is one.
func (l *Live) layout(ctx context.Context, c *content.Invocation, uuid string, private bool) (content.Item, error) {
	var it content.Item
	found := false
	err := l.store.Consult(ctx, c, func(v content.View, u content.User) (err error) {
		if _, err := v.SiteFor(ctx, u, c.Site); err != nil {
			return err
		}
		it, found, err = v.Item(ctx, c.Site, content.Page, private, uuid)
		return err
	})
	if err == nil && !found {
		return it, errNoLayout
	}
	return it, err
}

func (l *Live) existingLayout(
	ctx context.Context, c *content.Invocation, uuid string, private bool,
) (content.Item, error) {
	it, err := l.layout(ctx, c, uuid, private)
	if errors.Is(err, errNoLayout) {
		return it, content.Errorf(NoPage, "no page %s in site %d, private %t",
			uuid, c.Site, private)
	}
	return it, err
}

// DefaultPlid returns the id of the site's first page, 0 if it has none; with a portlet id, of the
// first page that holds it.
func (l *Live) DefaultPlid(
	ctx context.Context, login string, site int64, private bool, portlet string,
) (int64, error) {
	return l.defaultPlid(ctx, content.Invoke(login, "getDefaultPlid", site, private, portlet).OnSite(site), portlet,
		func(it content.Item) bool { return it.Private == private })
}

// AnyDefaultPlid is DefaultPlid over public and private pages.
func (l *Live) AnyDefaultPlid(
	ctx context.Context, login string, site int64, portlet string,
) (int64, error) {
	return l.defaultPlid(ctx, content.Invoke(login, "getDefaultPlid", site, portlet).OnSite(site), portlet,
		func(content.Item) bool { return true })
}

func (l *Live) defaultPlid(
	ctx context.Context, c *content.Invocation, portlet string, among func(content.Item) bool,
) (int64, error) {
	var plid int64
	err := l.store.Consult(ctx, c, func(v content.View, u content.User) error {
		if c.Site == content.ControlPanel {
			plid = controlPanelPlid
			return nil
		}
		if _, err := v.SiteFor(ctx, u, c.Site); err != nil {
			return err
		}
		pages, err := v.Items(ctx, c.Site, content.Page)
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

// HasPortletID reports whether the page of that plid holds an application.
func (l *Live) HasPortletID(
	ctx context.Context, login string, plid int64, portlet string,
) (bool, error) {
	has := false
	c := content.Invoke(login, "hasPortletId", plid, portlet)
	err := l.store.Consult(ctx, c, func(v content.View, u content.User) error {
		if plid == controlPanelPlid { // which has room for every application
			has = true
			return nil
		}
		it, found, err := v.ItemByID(ctx, plid)
		if err != nil {
			return err
		}
		if !found || it.Kind != content.Page {
			return content.Errorf(NoPageID, "no page of id %d", plid)
		}
		if _, err := v.SiteFor(ctx, u, it.Site); err != nil {
			return err
		}
		has = slices.Contains(it.Portlets, portlet)
		return nil
	})
	return has, err
}

// ControlPanelPlid returns the id of the control panel's page.
func (l *Live) ControlPanelPlid(ctx context.Context, login string) (int64, error) {
	err := l.store.Consult(ctx, content.Invoke(login, "getControlPanelLayoutPlid"),
		func(content.View, content.User) error { return nil })
	if err != nil {
		return 0, err
	}
	return controlPanelPlid, nil
}
