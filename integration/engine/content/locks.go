package content

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"
)

// Attachment is a staging environment that said it stages a site.
type Attachment struct {
	Site  int64
	Login string // whose call it was
	At    time.Time
}

// Attach counts one more staging environment of the site. Twice counts twice, as the vendor's does.
func (t *Tx) Attach(ctx context.Context, a Attachment) error {
	_, err := t.ExecContext(ctx, `INSERT INTO attachments (site, login, at) VALUES (?, ?, ?)`,
		a.Site, a.Login, Stamp(a.At))
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `UPDATE sites SET staging_count = staging_count + 1 WHERE id = ?`, a.Site)
	return err
}

// Detach counts one staging environment less, never below none: the last that login attached, or
// else the last of all.
func (t *Tx) Detach(ctx context.Context, site int64, login string) error {
	_, err := t.ExecContext(ctx, `DELETE FROM attachments WHERE id = (SELECT id FROM attachments WHERE site = ?
		ORDER BY login = ? DESC, id DESC LIMIT 1)`, site, login)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `UPDATE sites SET staging_count = max(staging_count - 1, 0) WHERE id = ?`, site)
	return err
}

// Unlock forgets every staging environment of the site and which types it staged.
func (t *Tx) Unlock(ctx context.Context, site int64) error {
	_, err := t.ExecContext(ctx, `DELETE FROM attachments WHERE site = ?`, site)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `UPDATE sites SET staging_count = 0, staged = 'null' WHERE id = ?`, site)
	return err
}

// Stage writes which types of the site are staged elsewhere.
func (t *Tx) Stage(ctx context.Context, site int64, types []Type) error {
	_, err := t.ExecContext(ctx, `UPDATE sites SET staged = ? WHERE id = ?`, JSON{types}, site)
	return err
}

// Attachments returns who stages the site, oldest first.
func (v View) Attachments(ctx context.Context, site int64) ([]Attachment, error) {
	return Collect(ctx, v, func(r *sql.Rows) (a Attachment, err error) {
		var at string
		if err := r.Scan(&a.Site, &a.Login, &at); err != nil {
			return a, err
		}
		a.At, err = time.Parse(time.RFC3339Nano, at)
		return a, err
	}, `SELECT site, login, at FROM attachments WHERE site = ? ORDER BY id`, site)
}

// LockedTypes returns the types that can only be changed by a publish: those that are staged
// elsewhere, and pages with any of them.
func (s Site) LockedTypes() []Type {
	if s.StagingCount == 0 {
		return nil
	}
	var all []Type
	for _, t := range Types(s.Library) {
		if t == Pages || slices.Contains(s.Staged, t) {
			all = append(all, t)
		}
	}
	return all
}

// Unlocked returns a Locked if items of the kind can only be changed by a publish.
func (t *Tx) Unlocked(ctx context.Context, site Site, kind Kind) error {
	of := TypeOf(kind)
	if !slices.Contains(site.LockedTypes(), of) {
		return nil
	}
	who, err := t.Attachments(ctx, site.ID)
	if err != nil {
		return err
	}
	holders := []string{}
	for _, a := range who {
		holders = append(holders, a.Login+" since "+a.At.Format(time.DateTime))
	}
	if len(holders) == 0 {
		return Errorf(Locked, "%s of site %d can be changed by a publish only: the site is staged", of, site.ID)
	}
	return Errorf(Locked, "%s of site %d can be changed by a publish only: the site is staged by %s",
		of, site.ID, strings.Join(holders, " and "))
}
