// Package libraries knows which sites use the content of which asset libraries, and holds to the rule that
// a library that is staged is used by staged sites only.
package libraries

import (
	"context"
	"database/sql"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// Connection is an asset library whose content a site uses.
type Connection struct{ Library, Site int64 }

// Why a site cannot be connected to an asset library, each with the values that its Error carries.
const (
	NoLibrary content.Code = "no-library" // id of what is no asset library
	Unstaged  content.Code = "unstaged"   // library, site
)

// Connect lets a site use the content of an asset library; a second time changes nothing. A library
// that is staged here can only be connected to sites that are.
func Connect(ctx context.Context, s *content.Store, c Connection) error {
	return s.Change(ctx, func(tx *content.Tx) error {
		if err := c.check(ctx, tx.View); err != nil {
			return err
		}
		staged, err := stagedHere(ctx, tx.View, c.Library, c.Site)
		if err != nil {
			return err
		}
		if staged[c.Library] && !staged[c.Site] {
			return content.Errorf(Unstaged, "the asset library %d is staged: it can only be connected to sites that are staged too, "+
				"and site %d is not", c.Library, c.Site)
		}
		_, err = tx.ExecContext(ctx, `INSERT OR IGNORE INTO connections (library, site) VALUES (?, ?)`, c.Library, c.Site)
		return err
	})
}

// check refuses what is no asset library and what is no site.
func (c Connection) check(ctx context.Context, v content.View) error {
	library, err := v.Site(ctx, c.Library)
	if err != nil {
		return err
	}
	site, err := v.Site(ctx, c.Site)
	switch {
	case err != nil:
		return err
	case !library.Library:
		return content.Errorf(NoLibrary, "%d is no asset library", c.Library)
	case site.Library:
		return content.Errorf(NoLibrary, "%d is an asset library: a site is connected to one", c.Site)
	}
	return nil
}

// stagedHere says of each of the sites whether its staging is on here.
func stagedHere(ctx context.Context, v content.View, sites ...int64) (map[int64]bool, error) {
	staged := map[int64]bool{}
	for _, id := range sites {
		var n int
		if err := v.QueryRowContext(ctx, `SELECT count(*) FROM stagings WHERE site = ?`, id).Scan(&n); err != nil {
			return nil, err
		}
		staged[id] = n > 0
	}
	return staged, nil
}

// Disconnect ends the connection of a site to an asset library; one that is not there is no error.
func Disconnect(ctx context.Context, s *content.Store, c Connection) error {
	return s.Change(ctx, func(tx *content.Tx) error {
		if err := c.check(ctx, tx.View); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM connections WHERE library = ? AND site = ?`, c.Library, c.Site)
		return err
	})
}

// Of returns the connections of a site or of an asset library.
func Of(ctx context.Context, v content.View, id int64) ([]Connection, error) {
	return content.Collect(ctx, v, func(r *sql.Rows) (c Connection, err error) {
		return c, r.Scan(&c.Library, &c.Site)
	}, `SELECT library, site FROM connections WHERE library = ?1 OR site = ?1 ORDER BY library, site`, id)
}

// Part ends the connections between staged libraries and sites that are not staged, of which id is one
// end, and returns them: what staging was just turned on or off for.
func Part(ctx context.Context, t *content.Tx, id int64) ([]Connection, error) {
	all, err := Of(ctx, t.View, id)
	if err != nil {
		return nil, err
	}
	var ended []Connection
	for _, c := range all {
		staged, err := stagedHere(ctx, t.View, c.Library, c.Site)
		if err != nil {
			return nil, err
		}
		if !staged[c.Library] || staged[c.Site] {
			continue
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM connections WHERE library = ? AND site = ?`, c.Library, c.Site); err != nil {
			return nil, err
		}
		ended = append(ended, c)
	}
	return ended, nil
}
