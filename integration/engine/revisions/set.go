package revisions

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// Main is the name of the variation that a page set always has, and of the branch that a page always
// has.
const Main = "Main Variation"

// Set is one of the two page sets of a site.
type Set struct {
	Site    int64
	Private bool
}

func (s Set) String() string {
	if s.Private {
		return "private pages"
	}
	return "public pages"
}

// Why something of a page's versions cannot be, each with the values that its Error carries.
const (
	NotVersioned content.Code = "not-versioned" // site, which pages
	NoVariation  content.Code = "no-variation"  // name, site
	NoBranch     content.Code = "no-branch"     // name, page, variation
	NoRevision   content.Code = "no-revision"   // id
	MainStays    content.Code = "main-stays"    // none
)

// Variation is a version of a whole page set.
type Variation struct {
	ID   int64
	Name string
	Main bool
	At   time.Time // when it was made
}

// Versioned reports whether the pages of the set are versioned.
func Versioned(ctx context.Context, v content.View, s Set) (bool, error) {
	var n int
	err := v.QueryRowContext(ctx, `SELECT count(*) FROM variations WHERE site = ? AND private = ?`,
		s.Site, s.Private).Scan(&n)
	return n > 0, err
}

// TurnOn makes the main variation: each page that is there gets its first revision, which is ready,
// since it is what a publish took until now. A set that is versioned already stays as it is.
func TurnOn(ctx context.Context, tx *content.Tx, s Set, now time.Time) error {
	if on, err := Versioned(ctx, tx.View, s); err != nil || on {
		return err
	}
	id, err := addVariation(ctx, tx, s, Variation{Name: Main, Main: true, At: now})
	if err != nil {
		return err
	}
	pages, err := tx.Items(ctx, s.Site, content.Page)
	if err != nil {
		return err
	}
	for _, p := range pages {
		if p.Private != s.Private {
			continue
		}
		r := revisionOf(p)
		r.Branch, r.Number, r.Ready = Main, 1, true
		if _, err := insert(ctx, tx, id, r); err != nil {
			return err
		}
	}
	return nil
}

// TurnOff forgets every variation and revision of the set. The pages stay as their newest revision in
// the main variation is.
func TurnOff(ctx context.Context, tx *content.Tx, s Set) error {
	for _, query := range []string{
		`DELETE FROM revisions WHERE variation IN (SELECT id FROM variations WHERE site = ? AND private = ?)`,
		`DELETE FROM variations WHERE site = ? AND private = ?`,
	} {
		if _, err := tx.ExecContext(ctx, query, s.Site, s.Private); err != nil {
			return err
		}
	}
	return nil
}

func addVariation(ctx context.Context, tx *content.Tx, s Set, v Variation) (int64, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO variations (site, private, name, main, at) VALUES (?, ?, ?, ?, ?)`,
		s.Site, s.Private, v.Name, v.Main, content.Stamp(v.At))
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// find returns the variation of that name; no name is the main one.
func find(ctx context.Context, v content.View, s Set, name string) (Variation, error) {
	if name == "" {
		name = Main
	}
	all, err := variations(ctx, v, s)
	if err != nil {
		return Variation{}, err
	}
	for _, v := range all {
		if v.Name == name {
			return v, nil
		}
	}
	if len(all) == 0 {
		return Variation{}, content.Errorf(NotVersioned, "site %d has no versions of its %s", s.Site, s.String())
	}
	return Variation{}, content.Errorf(NoVariation, "there is no variation %q of the pages of site %d", name, s.Site)
}

func variations(ctx context.Context, v content.View, s Set) ([]Variation, error) {
	return content.Collect(ctx, v, func(r *sql.Rows) (v Variation, err error) {
		var at string
		if err := r.Scan(&v.ID, &v.Name, &v.Main, &at); err != nil {
			return v, err
		}
		v.At, err = time.Parse(time.RFC3339Nano, at)
		return v, err
	}, `SELECT id, name, main, at FROM variations WHERE site = ? AND private = ? ORDER BY id`, s.Site, s.Private)
}

// Known returns a NoVariation or a NotVersioned unless the set has that variation. No name is the main
// one, which is also known where nothing is versioned.
func Known(ctx context.Context, v content.View, s Set, name string) error {
	_, err := find(ctx, v, s, name)
	if name == "" && errors.Is(err, NotVersioned) {
		return nil
	}
	return err
}
