package content

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Site is one group of the engine.
type Site struct {
	ID           int64
	CompanyID    int64 // 0 means the engine's own company
	UUID         string
	Name         string
	FriendlyURL  string   // such as /guest
	Locales      []string // none means en_US
	Settings     string   // type settings as the vendor keeps them: one key=value a line
	StagingCount int      // how many staging sites say they are attached
	Library      bool     // an asset library: no pages
	Staged       []Type   // types that are staged elsewhere: locked here while StagingCount is above 0
}

const siteColumns = `id, company, uuid, name, friendly_url, locales, settings, staging_count, library, staged`

func scanSite(row interface{ Scan(...any) error }) (Site, error) {
	var s Site
	var locales string
	err := row.Scan(&s.ID, &s.CompanyID, &s.UUID, &s.Name, &s.FriendlyURL, &locales, &s.Settings, &s.StagingCount,
		&s.Library, JSON{&s.Staged})
	s.Locales = strings.Split(locales, ",")
	return s, err
}

// The ids of groups that every company has and that no site can have: its control panel, and the site of all of it.
const (
	ControlPanel int64 = 20002
	Global       int64 = 20003
)

// firstSite is the id of the first site that is made without one.
const firstSite = 20121

// CreateSite makes a site; what is empty in it gets a value, the id included. Every id and every
// name exists once: a second one is a Taken.
func (s *Store) CreateSite(ctx context.Context, site Site) (Site, error) {
	switch {
	case site.ID < 0:
		return site, Errorf(BadItem, "site %d: an id is above 0", site.ID)
	case site.Name == "":
		return site, Errorf(BadItem, "site %d: needs a name", site.ID)
	case site.ID == ControlPanel:
		return site, Errorf(BadItem, "site %d: the id belongs to the control panel", site.ID)
	case site.ID == Global:
		return site, Errorf(BadItem, "site %d: the id belongs to the site of the whole company", site.ID)
	}
	asked := site.FriendlyURL != ""
	site, err := s.completeSite(site)
	if err != nil {
		return site, err
	}
	err = s.Change(ctx, func(tx *Tx) error {
		err := tx.freeSite(ctx, &site)
		if err == nil {
			err = tx.freeAddress(ctx, &site, asked)
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO sites (`+siteColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			site.ID, site.CompanyID, site.UUID, site.Name, site.FriendlyURL, strings.Join(site.Locales, ","),
			site.Settings, site.StagingCount, site.Library, JSON{site.Staged})
		return err
	})
	return site, err
}

// freeSite gives a site without an id the next one, and refuses an id or a name that is taken.
func (t *Tx) freeSite(ctx context.Context, site *Site) error {
	if site.ID == 0 {
		err := t.QueryRowContext(ctx, `SELECT max(coalesce(max(id), 0) + 1, ?) FROM sites`, firstSite).Scan(&site.ID)
		if err != nil {
			return err
		}
	}
	var id int64
	err := t.QueryRowContext(ctx, `SELECT id FROM sites WHERE id = ? OR company = ? AND name = ? LIMIT 1`,
		site.ID, site.CompanyID, site.Name).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case id == site.ID:
		return Errorf(Taken, "there is a site with the id %d already", id)
	}
	return Errorf(Taken, "there is a site with the name %q already", site.Name)
}

// freeAddress refuses a friendly URL that was asked for and is taken; one that was made of the name gets the id.
func (t *Tx) freeAddress(ctx context.Context, site *Site, asked bool) error {
	var n int
	err := t.QueryRowContext(ctx, `SELECT count(*) FROM sites WHERE company = ? AND friendly_url = ?`,
		site.CompanyID, site.FriendlyURL).Scan(&n)
	if err != nil || n == 0 {
		return err
	}
	if asked {
		return Errorf(Taken, "there is a site at %s already", site.FriendlyURL)
	}
	site.FriendlyURL = fmt.Sprintf("%s-%d", site.FriendlyURL, site.ID)
	return nil
}

func (s *Store) completeSite(site Site) (_ Site, err error) {
	if site.CompanyID == 0 {
		site.CompanyID = s.cfg.CompanyID
	}
	if site.UUID == "" {
		if site.UUID, err = s.NewUUID(); err != nil {
			return site, err
		}
	}
	if site.FriendlyURL == "" {
		site.FriendlyURL = Slug(site.Name)
	}
	if len(site.Locales) == 0 {
		site.Locales = []string{"en_US"}
	}
	return site, nil
}

// Site returns the site of that id, or a NoSite.
func (v View) Site(ctx context.Context, id int64) (Site, error) {
	s, err := scanSite(v.QueryRowContext(ctx, `SELECT `+siteColumns+` FROM sites WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return s, noSite(id)
	}
	return s, err
}

// Sites returns every site, by id.
func (v View) Sites(ctx context.Context) ([]Site, error) {
	return Collect(ctx, v, func(r *sql.Rows) (Site, error) { return scanSite(r) },
		`SELECT `+siteColumns+` FROM sites ORDER BY id`)
}

// SiteFor returns a site of the user's own company; another company's does not exist for it.
func (v View) SiteFor(ctx context.Context, u User, site int64) (Site, error) {
	s, err := v.Site(ctx, site)
	if err == nil && s.CompanyID != u.CompanyID {
		return Site{}, noSite(site)
	}
	return s, err
}

// SiteNamed returns the site of that name in the company, which must be the user's own.
func (v View) SiteNamed(ctx context.Context, u User, company int64, name string) (Site, error) {
	s, err := scanSite(v.QueryRowContext(ctx,
		`SELECT `+siteColumns+` FROM sites WHERE company = ? AND name = ?`, company, name))
	if errors.Is(err, sql.ErrNoRows) || err == nil && s.CompanyID != u.CompanyID {
		return Site{}, Errorf(NoSiteNamed, "company %d has no site %q", company, name)
	}
	return s, err
}

// PermittedSite returns a site of the user's own company if the user may do a in it.
func (v View) PermittedSite(ctx context.Context, u User, a Action, site int64) (Site, error) {
	s, err := v.SiteFor(ctx, u, site)
	if err != nil {
		return s, err
	}
	return s, v.Permit(ctx, u, a, site)
}

// Slug makes a friendly URL of a name.
func Slug(name string) string {
	b := []byte{'/'}
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b = append(b, byte(r))
		case b[len(b)-1] != '-' && b[len(b)-1] != '/':
			b = append(b, '-')
		}
	}
	return strings.TrimRight(string(b), "-")
}
