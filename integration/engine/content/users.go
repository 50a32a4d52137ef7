package content

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Action is something that a user may be allowed to do in a site.
type Action string

// The permissions that staging asks for. Nobody has any unless it was granted.
const (
	ExportImportLayouts Action = "EXPORT_IMPORT_LAYOUTS" // every staging call, on the live site
	PublishStaging      Action = "PUBLISH_STAGING"       // publishing, on the staging site
	Update              Action = "UPDATE"                // enabling, disabling, staged applications
	ManageStaging       Action = "MANAGE_STAGING"        // enabling and disabling, on the staging site
)

// Actions returns every permission that there is.
func Actions() []Action {
	return []Action{ExportImportLayouts, PublishStaging, Update, ManageStaging}
}

// KnownAction reports whether a is a permission.
func KnownAction(a Action) bool { return slices.Contains(Actions(), a) }

// User is somebody who may call. An administrator may do everything.
type User struct {
	ID         int64
	CompanyID  int64 // 0 means the engine's own company
	Email      string
	ScreenName string
	Admin      bool
}

// firstUser is the id of the first user that is made without one.
const firstUser = 20199

// AddUser makes a user, with the next id if it has none; the three things that can be a login are
// its id, its e-mail address and its screen name.
func (s *Store) AddUser(ctx context.Context, u User) error {
	if u.ID < 0 || u.Email == "" || u.ScreenName == "" {
		return Errorf(BadItem, "user %d: needs an e-mail address and a screen name", u.ID)
	}
	if u.CompanyID == 0 {
		u.CompanyID = s.cfg.CompanyID
	}
	return s.Change(ctx, func(tx *Tx) error { return tx.addUser(ctx, u) })
}

func (t *Tx) addUser(ctx context.Context, u User) error {
	if err := t.freeUser(ctx, &u); err != nil {
		return err
	}
	_, err := t.ExecContext(ctx, `INSERT INTO users (id, company, email, screen_name, admin) VALUES (?, ?, ?, ?, ?)`,
		u.ID, u.CompanyID, u.Email, u.ScreenName, u.Admin)
	return err
}

// AddUsers makes all of them or, if one cannot be made, none. Those that are there with the same
// address and screen name stay as they are. It returns how many were made.
func (s *Store) AddUsers(ctx context.Context, all []User) (made int, err error) {
	err = s.Change(ctx, func(tx *Tx) error {
		for _, u := range all {
			if u.CompanyID == 0 {
				u.CompanyID = s.cfg.CompanyID
			}
			var there int
			err := tx.QueryRowContext(ctx, `SELECT count(*) FROM users WHERE company = ? AND email = ? COLLATE NOCASE
				AND screen_name = ? COLLATE NOCASE`, u.CompanyID, u.Email, u.ScreenName).Scan(&there)
			if err != nil || there > 0 {
				if err != nil {
					return err
				}
				continue
			}
			if err := tx.addUser(ctx, u); err != nil {
				return err
			}
			made++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return made, nil
}

// freeUser gives a user without an id the next one, and refuses a login that is taken.
func (t *Tx) freeUser(ctx context.Context, u *User) error {
	if u.ID == 0 {
		err := t.QueryRowContext(ctx, `SELECT max(coalesce(max(id), 0) + 1, ?) FROM users`, firstUser).Scan(&u.ID)
		if err != nil {
			return err
		}
	}
	var other User
	err := t.QueryRowContext(ctx, `SELECT id, email, screen_name FROM users WHERE id = ? OR company = ? AND
		(email = ? COLLATE NOCASE OR screen_name = ? COLLATE NOCASE) LIMIT 1`, u.ID, u.CompanyID, u.Email, u.ScreenName).
		Scan(&other.ID, &other.Email, &other.ScreenName)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case other.ID == u.ID:
		return Errorf(Taken, "there is a user with the id %d already", u.ID)
	case strings.EqualFold(other.Email, u.Email):
		return Errorf(Taken, "there is a user with the address %s already", other.Email)
	}
	return Errorf(Taken, "there is a user with the screen name %s already", other.ScreenName)
}

// Users returns every user, by id.
func (v View) Users(ctx context.Context) ([]User, error) {
	return Collect(ctx, v, func(r *sql.Rows) (u User, err error) {
		return u, r.Scan(&u.ID, &u.CompanyID, &u.Email, &u.ScreenName, &u.Admin)
	}, `SELECT id, company, email, screen_name, admin FROM users ORDER BY id`)
}

// RemoveUser takes a user and every permission of it away; an unknown one is no error.
func (s *Store) RemoveUser(ctx context.Context, id int64) error {
	return s.Change(ctx, func(tx *Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM permissions WHERE user = ?`, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM users WHERE id = ?`, id)
		return err
	})
}

// Grant allows user the actions in site; a second grant changes nothing.
func (s *Store) Grant(ctx context.Context, user, site int64, actions ...Action) error {
	return s.Change(ctx, func(tx *Tx) error {
		for _, a := range actions {
			if _, err := tx.ExecContext(ctx,
				`INSERT OR IGNORE INTO permissions (user, site, action) VALUES (?, ?, ?)`, user, site, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// Allowed reports whether login may do action in site; an unknown login may nothing.
func (v View) Allowed(ctx context.Context, login string, action Action, site int64) (bool, error) {
	u, err := v.User(ctx, login)
	if err == nil {
		err = v.Permit(ctx, u, action, site)
	}
	if refused(err) {
		return false, nil
	}
	return err == nil, err
}

// User finds a login as the vendor does from 6.2 on: by id when it is a number, by e-mail address,
// by screen name. An unknown one is a NoUser.
func (v View) User(ctx context.Context, login string) (User, error) {
	id, err := strconv.ParseInt(login, 10, 64)
	if err != nil {
		id = 0
	}
	var u User
	err = v.QueryRowContext(ctx, `SELECT id, company, email, screen_name, admin FROM users
		WHERE company = ?1 AND (id = ?2 OR email = ?3 OR screen_name = ?3)
		ORDER BY CASE WHEN id = ?2 THEN 0 WHEN email = ?3 THEN 1 ELSE 2 END LIMIT 1`,
		v.company, id, login).Scan(&u.ID, &u.CompanyID, &u.Email, &u.ScreenName, &u.Admin)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, Errorf(NoUser, "no user %s", login)
	}
	return u, err
}

// Permit returns a NoPermission unless u may do action in site.
func (v View) Permit(ctx context.Context, u User, action Action, site int64) error {
	if u.Admin {
		return nil
	}
	var n int
	err := v.QueryRowContext(ctx, `SELECT count(*) FROM permissions WHERE user = ? AND site = ? AND action = ?`,
		u.ID, site, action).Scan(&n)
	if err != nil {
		return err
	}
	if n == 0 {
		return Errorf(NoPermission, "user %d has no %s permission for site %d", u.ID, string(action), site)
	}
	return nil
}

// LoginBy is what of a user its login is made of, as a company decides it for all of its users.
type LoginBy string

// The kinds of logins. The zero LoginBy is ByMail.
const (
	ByMail       LoginBy = "mail"
	ByScreenName LoginBy = "screen-name"
	ByID         LoginBy = "id"
)

// Valid reports whether there is such a kind.
func (b LoginBy) Valid() bool { return b == "" || b == ByMail || b == ByScreenName || b == ByID }

// Login returns the login of a user.
func (b LoginBy) Login(u User) string {
	switch b {
	case ByScreenName:
		return u.ScreenName
	case ByID:
		return strconv.FormatInt(u.ID, 10)
	}
	return u.Email
}
