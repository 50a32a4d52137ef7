package remote

import (
	"context"
	"errors"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/remote/link"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// marker is the setting by which a site is told from itself: written here and read there.
const marker = "validationTimestamp"

// companyClass is what a class name id of a company's own site stands for.
const companyClass = "com.liferay.portal.kernel.model.Company"

// validate asks the live side whether site can be staged there, in the documentation's order: it
// answers, it knows the login, the site is there and of the same kind, and it is not the staging site
// itself. It returns what else the live site is known by.
func (s *Staging) validate(ctx context.Context, c link.Connection, site content.Site, u content.User) (names, error) {
	client, err := s.client(c, u, nil)
	if err != nil {
		return names{}, err
	}
	if err := client.CheckRemoteStagingGroup(ctx, c.Site); err != nil {
		return names{}, c.Explained(err)
	}
	g, err := client.Do(ctx, "getGroup", c.Site)
	if err != nil {
		return names{}, c.Explained(err)
	}
	if err := s.sameScope(ctx, client, c, site, g); err != nil {
		return names{}, err
	}
	there := names{}
	there.uuid, _ = g.Text("_uuid")
	there.code, _ = g.Text("_externalReferenceCode")
	if there.uuid != site.UUID || c.Site != site.ID {
		return there, nil
	}
	same, err := s.sameStore(ctx, client, c, site.ID)
	if err == nil && same {
		err = content.Errorf(link.SameSite, "the remote site must be different from the current site")
	}
	return there, err
}

// names are what a live site is known by beside its id; empty is what the line does not have.
type names struct{ uuid, code string }

// typeDepot is the type of the group of an asset library.
const typeDepot = 5

// model is an answer whose fields can be read.
type model interface {
	Text(field string) (string, bool)
	Long(field string) (int64, bool)
}

// sameScope refuses the site of a whole company, and a site for an asset library or the reverse.
func (s *Staging) sameScope(
	ctx context.Context, client *publisher.Client, c link.Connection, site content.Site, g model,
) error {
	wrong := content.Errorf(link.WrongScope, "the remote site %d is of another kind: "+
		"a site is staged to a site, an asset library to an asset library", c.Site)
	if kind, ok := g.Long("_type"); ok && (kind == typeDepot) != site.Library {
		return wrong
	}
	class, ok := g.Long("_classNameId")
	if !ok || s.cfg.Line == "6.2" {
		return nil
	}
	r, err := client.Do(ctx, "fetchByClassNameId", class)
	var f *failure.Failure
	if errors.As(err, &f) && f.Kind == failure.BadAnswer {
		return nil // an id that live does not know is answered with nothing
	}
	if err != nil {
		return c.Explained(err)
	}
	if name, _ := r.Text("_value"); name == companyClass {
		return wrong
	}
	return nil
}

// sameStore reports whether the live site is the staging site itself: what is written here stands
// there. What was written is taken back.
func (s *Staging) sameStore(
	ctx context.Context, client *publisher.Client, c link.Connection, site int64,
) (same bool, err error) {
	stamp := content.Stamp(s.store.Now())
	if err := s.mark(ctx, site, stamp); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.mark(context.WithoutCancel(ctx), site, "")) }()
	g, err := client.Do(ctx, "getGroup", c.Site)
	if err != nil {
		return false, c.Explained(err)
	}
	text, _ := g.Text("_typeSettings")
	return content.ParseSettings(text)[marker] == stamp, nil
}

func (s *Staging) mark(ctx context.Context, site int64, stamp string) error {
	return s.settings(ctx, site, func(m content.Settings) {
		delete(m, marker)
		if stamp != "" {
			m[marker] = stamp
		}
	})
}

// settings changes the type settings of a site.
func (s *Staging) settings(ctx context.Context, site int64, change func(content.Settings)) error {
	return s.store.Change(ctx, func(tx *content.Tx) error { return changeSettings(ctx, tx, site, change) })
}

func changeSettings(ctx context.Context, tx *content.Tx, site int64, change func(content.Settings)) error {
	at, err := tx.Site(ctx, site)
	if err != nil {
		return err
	}
	m := content.ParseSettings(at.Settings)
	change(m)
	_, err = tx.ExecContext(ctx, `UPDATE sites SET settings = ? WHERE id = ?`, m.String(), site)
	return err
}
