package engine

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
}

const siteColumns = `id, company, uuid, name, friendly_url, locales, settings, staging_count`

func scanSite(row interface{ Scan(...any) error }) (Site, error) {
	var s Site
	var locales string
	err := row.Scan(&s.ID, &s.CompanyID, &s.UUID, &s.Name, &s.FriendlyURL, &locales, &s.Settings, &s.StagingCount)
	s.Locales = strings.Split(locales, ",")
	return s, err
}

// CreateSite makes a site; what is empty in s gets a value. Every id and every name exists once.
func (e *Engine) CreateSite(ctx context.Context, s Site) (Site, error) {
	if s.ID <= 0 || s.Name == "" {
		return s, fmt.Errorf("site %d: needs an id and a name", s.ID)
	}
	var err error
	if s, err = e.completeSite(s); err != nil {
		return s, err
	}
	err = e.change(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO sites (`+siteColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			s.ID, s.CompanyID, s.UUID, s.Name, s.FriendlyURL, strings.Join(s.Locales, ","), s.Settings, s.StagingCount)
		return err
	})
	return s, err
}

func (e *Engine) completeSite(s Site) (_ Site, err error) {
	if s.CompanyID == 0 {
		s.CompanyID = e.cfg.CompanyID
	}
	if s.UUID == "" {
		if s.UUID, err = e.uuid(); err != nil {
			return s, err
		}
	}
	if s.FriendlyURL == "" {
		s.FriendlyURL = slug(s.Name)
	}
	if len(s.Locales) == 0 {
		s.Locales = []string{"en_US"}
	}
	return s, nil
}

// Site returns the site of that id, or a NoSuchGroupException.
func (e *Engine) Site(ctx context.Context, id int64) (Site, error) { return e.site(ctx, e.db, id) }

func (e *Engine) site(ctx context.Context, q querier, id int64) (Site, error) {
	s, err := scanSite(q.QueryRowContext(ctx, `SELECT `+siteColumns+` FROM sites WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return s, e.noGroup(id)
	}
	return s, err
}

// Sites returns every site, by id.
func (e *Engine) Sites(ctx context.Context) ([]Site, error) {
	return collect(ctx, e.db, func(r *sql.Rows) (Site, error) { return scanSite(r) },
		`SELECT `+siteColumns+` FROM sites ORDER BY id`)
}

// slug makes a friendly URL of a name.
func slug(name string) string {
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
