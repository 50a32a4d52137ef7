package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/libraries"
	"github.com/stagelock/stagelock/integration/engine/remote/link"
	"github.com/stagelock/stagelock/integration/engine/revisions"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// Why staging was not turned on or off, each with the values that its Error carries.
const (
	TypesFixed  content.Code = "types-fixed"  // none
	HalfEnabled content.Code = "half-enabled" // remote site, why
)

// Enable turns remote live staging on for a site or an asset library, or connects it to another live
// site. Live's site of the connection is locked for the types. If it fails nothing is kept here, and
// live is unlocked again; where that cannot be done either the error is a HalfEnabled and says so.
func (s *Staging) Enable(ctx context.Context, login string, site int64, c link.Connection) (State, error) {
	at, u, err := s.allowed(ctx, login, content.ManageStaging, site)
	if err != nil {
		return State{}, err
	}
	c = c.Clean()
	if c.Types == nil {
		c.Types = content.Types(at.Library)
	}
	if err := c.Check(at.Library); err != nil {
		return State{}, err
	}
	there, err := s.validate(ctx, c, at, u)
	if err != nil {
		return State{}, err
	}
	connected, err := libraries.Of(ctx, s.store.View, site)
	if err != nil {
		return State{}, err
	}
	if err := s.connect(ctx, c, at, u); err != nil {
		return State{}, err
	}
	if err := s.remember(ctx, site, there); err != nil {
		return State{}, err
	}
	st, err := s.State(ctx, site)
	if err != nil {
		return st, err
	}
	st.Parted, err = s.parted(ctx, site, connected)
	return st, err
}

// connect leaves the live site that the staging site had, if it had another one, and goes to the new one.
func (s *Staging) connect(ctx context.Context, c link.Connection, at content.Site, u content.User) error {
	before, err := s.State(ctx, at.ID)
	switch {
	case errors.Is(err, NotStaged):
		return s.attach(ctx, c, at, u)
	case err != nil:
		return err
	case !slices.Equal(before.Connection.Clean().Types, c.Types):
		return content.Errorf(TypesFixed, "what is staged cannot be changed while staging is on: disable it first")
	case before.Connection.Same(c):
		return s.keep(ctx, c, at, u)
	}
	if err := s.detach(ctx, before.Connection, u); err != nil {
		return err
	}
	return s.attach(ctx, c, at, u)
}

// remember writes what the live site is known by into the site's settings, where it also stays when staging
// is turned off, as the documentation has it.
func (s *Staging) remember(ctx context.Context, site int64, there names) error {
	return s.settings(ctx, site, func(m content.Settings) {
		for key, value := range map[string]string{"remoteGroupUUID": there.uuid, "remoteGroupExternalReferenceCode": there.code} {
			if value != "" {
				m[key] = value
			}
		}
	})
}

// parted returns which of the connections that there were are gone.
func (s *Staging) parted(ctx context.Context, site int64, before []libraries.Connection) ([]libraries.Connection, error) {
	left, err := libraries.Of(ctx, s.store.View, site)
	return slices.DeleteFunc(before, func(c libraries.Connection) bool { return slices.Contains(left, c) }), err
}

// attach locks the live site, keeps the settings, and tells live what is staged.
func (s *Staging) attach(ctx context.Context, c link.Connection, at content.Site, u content.User) error {
	client, err := s.client(c, u, nil)
	if err != nil {
		return err
	}
	if err := client.EnableStaging(ctx, c.Site); err != nil {
		var f *failure.Failure
		if errors.As(err, &f) && f.Kind == failure.Uncertain {
			return halfEnabled(c, err)
		}
		return c.Explained(err)
	}
	if err := client.UpdateStagedPortlets(ctx, c.Site, lar.StagedFlags(c.Types)); err != nil {
		return s.undo(ctx, client, c, c.Explained(err))
	}
	err = s.keep(ctx, c, at, u)
	if err == nil {
		err = s.lar.Forget(ctx, at.ID) // this live site has got nothing yet
	}
	if err != nil {
		return s.undo(ctx, client, c, err)
	}
	return nil
}

// undo unlocks live again, also when ctx has ended, and returns why.
func (s *Staging) undo(ctx context.Context, client *publisher.Client, c link.Connection, why error) error {
	if err := client.DisableStaging(context.WithoutCancel(ctx), c.Site); err != nil {
		return halfEnabled(c, errors.Join(why, err))
	}
	return why
}

func halfEnabled(c link.Connection, why error) error {
	return content.Errorf(HalfEnabled, "staging is not enabled, but the remote site %d may be locked: %s", c.Site, why.Error())
}

func (s *Staging) detach(ctx context.Context, c link.Connection, u content.User) error {
	client, err := s.client(c, u, nil)
	if err != nil {
		return err
	}
	if err := client.DisableStaging(ctx, c.Site); err != nil {
		return c.Explained(err)
	}
	return nil
}

// keep writes the connection, also into the site's settings under the documentation's names.
func (s *Staging) keep(ctx context.Context, c link.Connection, at content.Site, u content.User) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx *content.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO stagings (site, connection, login, at) VALUES (?, ?, ?, ?)
			ON CONFLICT (site) DO UPDATE SET connection = excluded.connection, login = excluded.login, at = excluded.at`,
			at.ID, string(b), u.Email, content.Stamp(s.store.Now()))
		if err == nil {
			err = s.version(ctx, tx, c, at.ID)
		}
		if err == nil {
			_, err = libraries.Part(ctx, tx, at.ID)
		}
		if err != nil {
			return err
		}
		return changeSettings(ctx, tx, at.ID, func(m content.Settings) {
			for key, value := range c.Settings() {
				m[key] = value
			}
		})
	})
}

// version turns the versions of the page sets on and off.
func (s *Staging) version(ctx context.Context, tx *content.Tx, c link.Connection, site int64) error {
	for _, private := range []bool{false, true} {
		set, err := revisions.Set{Site: site, Private: private}, error(nil)
		if c.Versions(private) {
			err = revisions.TurnOn(ctx, tx, set, s.store.Now())
		} else {
			err = revisions.TurnOff(ctx, tx, set)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Disable turns staging off here and at live. With force it is turned off here whatever live says:
// the warning is what live said, and live may stay locked.
func (s *Staging) Disable(ctx context.Context, login string, site int64, force bool) (warning string, err error) {
	_, u, err := s.allowed(ctx, login, content.ManageStaging, site)
	if err != nil {
		return "", err
	}
	st, err := s.State(ctx, site)
	if err != nil {
		return "", err
	}
	if err := s.detach(ctx, st.Connection, u); err != nil {
		if !force {
			return "", err
		}
		warning = fmt.Sprintf("the remote site %d may stay locked: %v", st.Connection.Site, err)
	}
	var ended []libraries.Connection
	err = s.store.Change(ctx, func(tx *content.Tx) (err error) {
		for _, table := range []string{"stagings", "schedules"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE site = ?`, site); err != nil {
				return err
			}
		}
		if err := s.version(ctx, tx, link.Connection{}, site); err != nil {
			return err
		}
		if ended, err = libraries.Part(ctx, tx, site); err != nil {
			return err
		}
		return changeSettings(ctx, tx, site, func(m content.Settings) {
			for key := range st.Connection.Settings() {
				delete(m, key)
			}
		})
	})
	for _, c := range ended {
		warning = strings.TrimPrefix(warning+"; "+fmt.Sprintf("site %d is no longer connected to the asset library %d, "+
			"which is still staged", c.Site, c.Library), "; ")
	}
	return warning, err
}
