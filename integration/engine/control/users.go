package control

import (
	"context"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// User is a user as commands take and show it.
type User struct {
	ID         int64  `json:"id,omitempty"`
	Email      string `json:"email"`
	ScreenName string `json:"screen_name"`
	Admin      bool   `json:"admin,omitempty"`
}

// Grant is the input of user.grant.
type Grant struct {
	Login   string           `json:"login"`
	Site    int64            `json:"site"`
	Actions []content.Action `json:"actions"`
}

func (s *Server) addUser(ctx context.Context, in User) (User, error) {
	if err := in.check(); err != nil {
		return User{}, err
	}
	err := s.cfg.Store.AddUser(ctx, content.User{ID: in.ID, Email: in.Email, ScreenName: in.ScreenName, Admin: in.Admin})
	if err != nil {
		return User{}, err
	}
	u, err := s.cfg.Store.User(ctx, in.Email)
	return userOf(u), err
}

func userOf(u content.User) User {
	return User{ID: u.ID, Email: u.Email, ScreenName: u.ScreenName, Admin: u.Admin}
}

func (s *Server) listUsers(ctx context.Context, _ struct{}) ([]User, error) {
	all, err := s.cfg.Store.Users(ctx)
	list := []User{}
	for _, u := range all {
		list = append(list, userOf(u))
	}
	return list, err
}

func (s *Server) grant(ctx context.Context, in Grant) (struct{}, error) {
	u, err := s.cfg.Store.User(ctx, in.Login)
	if err != nil {
		return struct{}{}, err
	}
	if _, err := s.cfg.Store.Site(ctx, in.Site); err != nil {
		return struct{}{}, err
	}
	for _, a := range in.Actions {
		if !content.KnownAction(a) {
			return struct{}{}, content.Errorf(content.BadItem, "there is no permission %q", string(a))
		}
	}
	return struct{}{}, s.cfg.Store.Grant(ctx, u.ID, in.Site, in.Actions...)
}

// Imported is the answer of user.import.
type Imported struct {
	Added int `json:"added"`
	There int `json:"there"` // already
}

func (s *Server) importUsers(ctx context.Context, in []User) (Imported, error) {
	var all []content.User
	for _, u := range in {
		if err := u.check(); err != nil {
			return Imported{}, err
		}
		all = append(all, content.User{ID: u.ID, Email: u.Email, ScreenName: u.ScreenName, Admin: u.Admin})
	}
	n, err := s.cfg.Store.AddUsers(ctx, all)
	return Imported{Added: n, There: len(all) - n}, err
}
