package staging

import (
	"context"
	"maps"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
)

// CheckRemoteStagingGroup is the ping of a publisher: the site exists and belongs to the caller's
// company.
func (l *Live) CheckRemoteStagingGroup(ctx context.Context, login string, site int64) error {
	_, err := l.visibleSite(ctx, content.Invoke(login, "checkRemoteStagingGroup", site).OnSite(site), site)
	return err
}

// Group returns the site of that id.
func (l *Live) Group(ctx context.Context, login string, site int64) (content.Site, error) {
	return l.visibleSite(ctx, content.Invoke(login, "getGroup", site).OnSite(site), site)
}

// GroupByName returns the site of that name in company.
func (l *Live) GroupByName(
	ctx context.Context, login string, company int64, name string,
) (content.Site, error) {
	var s content.Site
	c := content.Invoke(login, "getGroup", company, name)
	err := l.store.Consult(ctx, c, func(v content.View, u content.User) (err error) {
		if name == controlPanelName && company == u.CompanyID {
			s = controlPanel(company)
			return nil
		}
		s, err = v.SiteNamed(ctx, u, company, name)
		return err
	})
	return s, err
}

// GroupDisplayURL returns the address of the site's pages.
func (l *Live) GroupDisplayURL(
	ctx context.Context, login string, site int64, private, secure bool,
) (string, error) {
	s, err := l.visibleSite(ctx, content.Invoke(login, "getGroupDisplayURL", site, private, secure).OnSite(site), site)
	if err != nil {
		return "", err
	}
	base := l.cfg.URL
	if _, rest, found := strings.Cut(base, "://"); found && secure {
		base = "https://" + rest
	}
	if private {
		return base + l.cfg.Context + "/group" + s.FriendlyURL, nil
	}
	return base + l.cfg.Context + "/web" + s.FriendlyURL, nil
}

// ClassName is what kind of thing a class name id stands for.
type ClassName struct {
	ID    int64
	Value string // a class of the CMS
}

// The class name ids of what the engine has.
const (
	GroupClassNameID   int64 = 20001 // of every site
	DepotClassNameID   int64 = 20002 // of every asset library
	CompanyClassNameID int64 = 20003 // of the site of a whole company
)

var classes = map[int64]string{
	GroupClassNameID: "com.liferay.portal.kernel.model.Group", DepotClassNameID: "com.liferay.depot.model.DepotEntry",
	CompanyClassNameID: "com.liferay.portal.kernel.model.Company",
}

// ClassName returns what a class name id stands for, or the zero ClassName for an unknown id. A
// publisher asks it of the remote site before it publishes: a site of a whole company is none that
// it may publish to.
func (l *Live) ClassName(ctx context.Context, login string, id int64) (ClassName, error) {
	err := l.store.Consult(ctx, content.Invoke(login, "fetchByClassNameId", id),
		func(content.View, content.User) error { return nil })
	value, known := classes[id]
	if err != nil || !known {
		return ClassName{}, err
	}
	return ClassName{ID: id, Value: value}, nil
}

func (l *Live) visibleSite(
	ctx context.Context, c *content.Invocation, site int64,
) (content.Site, error) {
	var s content.Site
	err := l.store.Consult(ctx, c, func(v content.View, u content.User) (err error) {
		switch site {
		case content.ControlPanel:
			s = controlPanel(u.CompanyID)
			return nil
		case content.Global:
			s = companySite(u.CompanyID)
			return nil
		}
		s, err = v.SiteFor(ctx, u, site)
		return err
	})
	return s, err
}

// EnableStaging counts one more staging site. Called twice it counts twice, as the vendor's does.
func (l *Live) EnableStaging(ctx context.Context, login string, site int64) error {
	return l.countStaging(ctx, content.Invoke(login, "enableStaging", site).OnSite(site), func(tx *content.Tx) error {
		return tx.Attach(ctx, content.Attachment{Site: site, Login: login, At: l.store.Now()})
	})
}

// DisableStaging counts one staging site less, never below none.
func (l *Live) DisableStaging(ctx context.Context, login string, site int64) error {
	return l.countStaging(ctx, content.Invoke(login, "disableStaging", site).OnSite(site), func(tx *content.Tx) error {
		return tx.Detach(ctx, site, login)
	})
}

func (l *Live) countStaging(
	ctx context.Context, c *content.Invocation, count func(*content.Tx) error,
) error {
	return l.store.Execute(ctx, c, func(tx *content.Tx, u content.User) error {
		if _, err := tx.PermittedSite(ctx, u, content.Update, c.Site); err != nil {
			return err
		}
		return count(tx)
	})
}

// Unlock ends the lock of a site that its staging environment cannot or does not end, as an operator
// decides it. It returns who held the lock; the ledger has the operator's name.
func (l *Live) Unlock(ctx context.Context, operator string, site int64) ([]content.Attachment, error) {
	var held []content.Attachment
	c := content.Invoke(operator, "unlock", site).OnSite(site)
	err := l.store.Change(ctx, func(tx *content.Tx) (err error) {
		if _, err = tx.Site(ctx, site); err != nil {
			return err
		}
		if held, err = tx.Attachments(ctx, site); err != nil {
			return err
		}
		if err := tx.Unlock(ctx, site); err != nil {
			return err
		}
		return l.store.Record(ctx, tx, c)
	})
	return held, l.store.Refused(ctx, c, err)
}

// UpdateStagedPortlets writes flags into the site's settings. Keys are written as they come: a line
// break in one writes any other setting, which is the vendor's weakness and the gateway's business.
func (l *Live) UpdateStagedPortlets(
	ctx context.Context, login string, site int64, flags map[string]string,
) error {
	c := content.Invoke(login, "updateStagedPortlets", site, flags).OnSite(site)
	return l.store.Execute(ctx, c, func(tx *content.Tx, u content.User) error {
		s, err := tx.PermittedSite(ctx, u, content.Update, site)
		if err != nil {
			return err
		}
		settings := content.ParseSettings(s.Settings)
		maps.Copy(settings, flags)
		_, err = tx.ExecContext(ctx, `UPDATE sites SET settings = ? WHERE id = ?`, settings.String(), site)
		if err != nil {
			return err
		}
		return tx.Stage(ctx, site, lar.StagedTypes(flags))
	})
}
