package engine

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
)

// CheckRemoteStagingGroup is the ping of a publisher: the site exists and belongs to the caller's
// company.
func (e *Engine) CheckRemoteStagingGroup(ctx context.Context, login string, site int64) error {
	_, err := e.visibleSite(ctx, invoke(login, "checkRemoteStagingGroup", site).onSite(site), site)
	return err
}

// Group returns the site of that id.
func (e *Engine) Group(ctx context.Context, login string, site int64) (Site, error) {
	return e.visibleSite(ctx, invoke(login, "getGroup", site).onSite(site), site)
}

// GroupByName returns the site of that name in company.
func (e *Engine) GroupByName(
	ctx context.Context, login string, company int64, name string,
) (Site, error) {
	var s Site
	err := e.execute(ctx, invoke(login, "getGroup", company, name), func(tx *sql.Tx, u User) (err error) {
		s, err = scanSite(tx.QueryRowContext(ctx,
			`SELECT `+siteColumns+` FROM sites WHERE company = ? AND name = ?`, company, name))
		if errors.Is(err, sql.ErrNoRows) || err == nil && s.CompanyID != u.CompanyID {
			return e.throw(noSuchGroup, "No Group exists with the key {companyId=%d, groupKey=%s}", company, name)
		}
		return err
	})
	return s, err
}

// GroupDisplayURL returns the address of the site's pages.
func (e *Engine) GroupDisplayURL(
	ctx context.Context, login string, site int64, private, secure bool,
) (string, error) {
	s, err := e.visibleSite(ctx, invoke(login, "getGroupDisplayURL", site, private, secure).onSite(site), site)
	if err != nil {
		return "", err
	}
	base := e.cfg.URL
	if _, rest, found := strings.Cut(base, "://"); found && secure {
		base = "https://" + rest
	}
	if private {
		return base + e.cfg.Context + "/group" + s.FriendlyURL, nil
	}
	return base + e.cfg.Context + "/web" + s.FriendlyURL, nil
}

// ClassName is what kind of thing a class name id stands for.
type ClassName struct {
	ID    int64
	Value string // a class of the CMS
}

// GroupClassNameID is the class name id of every site of the engine.
const GroupClassNameID int64 = 20001

// ClassName returns what a class name id stands for, or the zero ClassName for an unknown id. A
// publisher asks it of the remote site before it publishes: a site of a whole company is none that
// it may publish to.
func (e *Engine) ClassName(ctx context.Context, login string, id int64) (ClassName, error) {
	err := e.execute(ctx, invoke(login, "fetchByClassNameId", id), func(*sql.Tx, User) error { return nil })
	if err != nil || id != GroupClassNameID {
		return ClassName{}, err
	}
	return ClassName{ID: id, Value: "com.liferay.portal.kernel.model.Group"}, nil
}

func (e *Engine) visibleSite(ctx context.Context, c *invocation, site int64) (Site, error) {
	var s Site
	err := e.execute(ctx, c, func(tx *sql.Tx, u User) (err error) {
		s, err = e.siteFor(ctx, tx, u, site)
		return err
	})
	return s, err
}

// siteFor returns a site of the user's own company; another company's does not exist for it.
func (e *Engine) siteFor(ctx context.Context, q querier, u User, site int64) (Site, error) {
	s, err := e.site(ctx, q, site)
	if err == nil && s.CompanyID != u.CompanyID {
		return Site{}, e.noGroup(site)
	}
	return s, err
}

// EnableStaging counts one more staging site. Called twice it counts twice, as the vendor's does.
func (e *Engine) EnableStaging(ctx context.Context, login string, site int64) error {
	return e.countStaging(ctx, invoke(login, "enableStaging", site).onSite(site),
		`UPDATE sites SET staging_count = staging_count + 1 WHERE id = ?`)
}

// DisableStaging counts one staging site less, never below none.
func (e *Engine) DisableStaging(ctx context.Context, login string, site int64) error {
	return e.countStaging(ctx, invoke(login, "disableStaging", site).onSite(site),
		`UPDATE sites SET staging_count = max(staging_count - 1, 0) WHERE id = ?`)
}

func (e *Engine) countStaging(ctx context.Context, c *invocation, update string) error {
	return e.execute(ctx, c, func(tx *sql.Tx, u User) error {
		if _, err := e.permittedSite(ctx, tx, u, Update, c.site); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, update, c.site)
		return err
	})
}

func (e *Engine) permittedSite(
	ctx context.Context, q querier, u User, a Action, site int64,
) (Site, error) {
	s, err := e.siteFor(ctx, q, u, site)
	if err != nil {
		return s, err
	}
	return s, e.permit(ctx, q, u, a, site)
}

// UpdateStagedPortlets writes flags into the site's settings. Keys are written as they come: a line
// break in one writes any other setting, which is the vendor's weakness and the gateway's business.
func (e *Engine) UpdateStagedPortlets(
	ctx context.Context, login string, site int64, flags map[string]string,
) error {
	c := invoke(login, "updateStagedPortlets", site, flags).onSite(site)
	return e.execute(ctx, c, func(tx *sql.Tx, u User) error {
		s, err := e.permittedSite(ctx, tx, u, Update, site)
		if err != nil {
			return err
		}
		settings := parseSettings(s.Settings)
		maps.Copy(settings, flags)
		_, err = tx.ExecContext(ctx, `UPDATE sites SET settings = ? WHERE id = ?`, settings.String(), site)
		return err
	})
}

// settings are a site's type settings: lines of key=value.
type settings map[string]string

func parseSettings(s string) settings {
	m := settings{}
	for _, line := range strings.Split(s, "\n") {
		if key, value, found := strings.Cut(line, "="); found && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			m[strings.TrimSpace(key)] = strings.ReplaceAll(value, safeNewline, "\n")
		}
	}
	return m
}

// safeNewline stands for a line break in a value, not in a key.
const safeNewline = "_SAFE_NEWLINE_CHARACTER_"

func (m settings) String() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b.WriteString(key + "=" + strings.ReplaceAll(m[key], "\n", safeNewline) + "\n")
	}
	return b.String()
}
