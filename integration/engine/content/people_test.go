package content_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content"
)

func TestCreateSite(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   content.Site
		want content.Code // empty: made
		says string
	}{
		{"next id", content.Site{Name: "Next"}, "", ""},
		{"own id", content.Site{ID: 9, Name: "Own"}, "", ""},
		{"same name in another company", content.Site{Name: "Guest", CompanyID: 5}, "", ""},
		{"name of quotes", content.Site{Name: `O'Neil "; DROP TABLE sites;--`}, "", ""},
		{"below zero", content.Site{ID: -1, Name: "x"}, content.BadItem, "-1"},
		{"no name", content.Site{ID: 3}, content.BadItem, "needs a name"},
		{"control panel", content.Site{ID: content.ControlPanel, Name: "x"}, content.BadItem, "control panel"},
		{"id is taken", content.Site{ID: 20121, Name: "x"}, content.Taken, "20121"},
		{"name is taken", content.Site{Name: "Guest"}, content.Taken, `"Guest"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			addSite(t, s, content.Site{Name: "Guest"})
			made, err := s.CreateSite(t.Context(), tt.in)
			if tt.want != "" {
				if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %v, want %s with %s", err, tt.want, tt.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if made.ID == 0 || made.UUID == "" || made.CompanyID == 0 || made.FriendlyURL == "" || len(made.Locales) == 0 {
				t.Errorf("not complete: %+v", made)
			}
			got, err := s.Site(t.Context(), made.ID)
			if err != nil || !reflect.DeepEqual(got, made) {
				t.Errorf("stored %+v, %v; made %+v", got, err, made)
			}
		})
	}
}

func TestSitesOfOtherCompaniesDoNotExist(t *testing.T) {
	s := open(t)
	own := addSite(t, s, content.Site{Name: "Own"})
	other := addSite(t, s, content.Site{Name: "Other", CompanyID: 5})
	admin := addUser(t, s, content.User{Email: "root@example.com", ScreenName: "root", Admin: true})
	for _, tt := range []struct {
		name string
		find func() (content.Site, error)
		want content.Code
	}{
		{"own by id", func() (content.Site, error) { return s.SiteFor(t.Context(), admin, own.ID) }, ""},
		{"other by id", func() (content.Site, error) { return s.SiteFor(t.Context(), admin, other.ID) }, content.NoSite},
		{"none by id", func() (content.Site, error) { return s.SiteFor(t.Context(), admin, 1) }, content.NoSite},
		{"own by name", func() (content.Site, error) { return s.SiteNamed(t.Context(), admin, company, "Own") }, ""},
		{"other by name", func() (content.Site, error) { return s.SiteNamed(t.Context(), admin, 5, "Other") }, content.NoSiteNamed},
		{"own by other case", func() (content.Site, error) { return s.SiteNamed(t.Context(), admin, company, "own") }, content.NoSiteNamed},
		{"other, permitted", func() (content.Site, error) {
			return s.PermittedSite(t.Context(), admin, content.Update, other.ID)
		}, content.NoSite},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.find()
			if tt.want == "" {
				if err != nil || got.ID != own.ID {
					t.Errorf("got %+v, %v", got, err)
				}
				return
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if !strings.HasPrefix(err.Error(), "no site") && !strings.Contains(err.Error(), "has no site") {
				t.Errorf("%v: tells more than that there is none", err)
			}
		})
	}
}

// TestLogins holds the order in which a login is looked for: id, address, screen name.
func TestLogins(t *testing.T) {
	s := open(t)
	for _, u := range []content.User{
		{ID: 7, Email: "anna@example.com", ScreenName: "anna"},
		{ID: 8, Email: "bela@example.com", ScreenName: "7"},
		{ID: 9, Email: "carl@example.com", ScreenName: "bela@example.com"},
		{ID: 10, CompanyID: 5, Email: "dora@example.com", ScreenName: "dora"},
	} {
		if err := s.AddUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		login string
		want  int64 // 0: nobody
	}{
		{"7", 7}, {"8", 8}, {"anna@example.com", 7}, {"anna", 7},
		{"bela@example.com", 8}, {"carl@example.com", 9},
		{"", 0}, {"0", 0}, {"-7", 0}, {" 7", 0}, {"ANNA", 0}, {"anna@example.com ", 0}, {"%", 0}, {"' OR 1=1 --", 0},
		{"99999999999999999999", 0}, {"dora", 0}, {"10", 0},
	} {
		t.Run(tt.login, func(t *testing.T) {
			u, err := s.User(t.Context(), tt.login)
			if tt.want == 0 {
				if !errors.Is(err, content.NoUser) || u != (content.User{}) {
					t.Errorf("got %+v, %v; want nobody", u, err)
				}
				return
			}
			if err != nil || u.ID != tt.want {
				t.Errorf("got %+v, %v; want %d", u, err, tt.want)
			}
		})
	}
}

func TestAddUser(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   content.User
		want content.Code
	}{
		{"next id", content.User{Email: "b@example.com", ScreenName: "b"}, ""},
		{"same address in another company", content.User{CompanyID: 5, Email: "a@example.com", ScreenName: "a"}, ""},
		{"below zero", content.User{ID: -1, Email: "b@example.com", ScreenName: "b"}, content.BadItem},
		{"no address", content.User{ScreenName: "b"}, content.BadItem},
		{"no screen name", content.User{Email: "b@example.com"}, content.BadItem},
		{"id taken", content.User{ID: 20199, Email: "b@example.com", ScreenName: "b"}, content.Taken},
		{"id taken in another company", content.User{ID: 20199, CompanyID: 5, Email: "b@x", ScreenName: "b"}, content.Taken},
		{"address taken", content.User{Email: "a@example.com", ScreenName: "b"}, content.Taken},
		{"screen name taken", content.User{Email: "b@example.com", ScreenName: "a"}, content.Taken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			first := addUser(t, s, content.User{Email: "a@example.com", ScreenName: "a"})
			if first.ID != 20199 || first.CompanyID != company {
				t.Fatalf("the first is %+v", first)
			}
			err := s.AddUser(t.Context(), tt.in)
			if tt.want == "" && err != nil || tt.want != "" && !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			all, err := s.Users(t.Context())
			if n := map[bool]int{true: 2, false: 1}[tt.want == ""]; err != nil || len(all) != n {
				t.Errorf("%d users, %v; want %d", len(all), err, n)
			}
		})
	}
}

// TestAddUsersMakesAllOrNone holds: a list that is read again changes nothing, and one bad row makes
// none of the others.
func TestAddUsersMakesAllOrNone(t *testing.T) {
	s := open(t)
	list := []content.User{{Email: "a@example.com", ScreenName: "a"}, {Email: "b@example.com", ScreenName: "b", Admin: true}}
	for round, want := range []int{2, 0} {
		if made, err := s.AddUsers(t.Context(), list); err != nil || made != want {
			t.Errorf("round %d: made %d, %v; want %d", round, made, err, want)
		}
	}
	bad := []content.User{{Email: "c@example.com", ScreenName: "c"}, {Email: "a@example.com", ScreenName: "other"}}
	if made, err := s.AddUsers(t.Context(), bad); !errors.Is(err, content.Taken) || made != 0 {
		t.Errorf("made %d, %v; want none and taken", made, err)
	}
	all, err := s.Users(t.Context())
	if err != nil || len(all) != 2 || !all[1].Admin {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestPermissions(t *testing.T) {
	s := open(t)
	site, other := addSite(t, s, content.Site{Name: "one"}), addSite(t, s, content.Site{Name: "two"})
	anna := addUser(t, s, content.User{Email: "anna@example.com", ScreenName: "anna"})
	addUser(t, s, content.User{Email: "root@example.com", ScreenName: "root", Admin: true})
	for range 2 {
		if err := s.Grant(t.Context(), anna.ID, site.ID, content.PublishStaging, content.Update); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, login string
		action      content.Action
		site        int64
		want        bool
	}{
		{"granted", "anna", content.Update, site.ID, true},
		{"granted, by address", "anna@example.com", content.PublishStaging, site.ID, true},
		{"not granted", "anna", content.ManageStaging, site.ID, false},
		{"other site", "anna", content.Update, other.ID, false},
		{"no site", "anna", content.Update, 1, false},
		{"no action", "anna", "", site.ID, false},
		{"administrator", "root", content.ManageStaging, other.ID, true},
		{"nobody", "eve", content.Update, site.ID, false},
		{"empty login", "", content.Update, site.ID, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := s.Allowed(t.Context(), tt.login, tt.action, tt.site); err != nil || got != tt.want {
				t.Errorf("got %t, %v; want %t", got, err, tt.want)
			}
		})
	}
	if err := s.Permit(t.Context(), anna, content.ManageStaging, site.ID); !errors.Is(err, content.NoPermission) ||
		!strings.Contains(err.Error(), "MANAGE_STAGING") {
		t.Errorf("got %v, want one that names the permission", err)
	}
}

// TestGrantsNeedBothEnds holds: a permission of nobody, or in no site, is not kept until somebody
// gets that id.
func TestGrantsNeedBothEnds(t *testing.T) {
	s := open(t)
	site := addSite(t, s, content.Site{Name: "one"})
	anna := addUser(t, s, content.User{Email: "anna@example.com", ScreenName: "anna"})
	if err := s.Grant(t.Context(), anna.ID+1, site.ID, content.Update); err == nil {
		t.Error("granted to nobody")
	}
	if err := s.Grant(t.Context(), anna.ID, site.ID+1, content.Update); err == nil {
		t.Error("granted in no site")
	}
}

// TestRemovedUserLeavesNoPermission holds for whoever gets the id afterwards.
func TestRemovedUserLeavesNoPermission(t *testing.T) {
	s := open(t)
	site := addSite(t, s, content.Site{Name: "one"})
	anna := addUser(t, s, content.User{ID: 7, Email: "anna@example.com", ScreenName: "anna"})
	if err := s.Grant(t.Context(), anna.ID, site.ID, content.Actions()...); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.RemoveUser(t.Context(), anna.ID); err != nil {
			t.Fatal(err)
		}
	}
	addUser(t, s, content.User{ID: 7, Email: "eve@example.com", ScreenName: "eve"})
	for _, a := range content.Actions() {
		if got, err := s.Allowed(t.Context(), "eve", a, site.ID); err != nil || got {
			t.Errorf("%s: the next user of the id may, %v", a, err)
		}
	}
}

func TestLocksOfASite(t *testing.T) {
	for _, tt := range []struct {
		name   string
		site   content.Site
		attach []string // logins
		detach []string
		staged []content.Type
		locked []content.Type
		left   []string // logins
	}{
		{"never attached", content.Site{}, nil, nil, []content.Type{content.WebContent}, nil, nil},
		{"attached, nothing staged", content.Site{}, []string{"a"}, nil, nil, []content.Type{content.Pages}, []string{"a"}},
		{"attached twice, detached once", content.Site{}, []string{"a", "a"}, []string{"a"}, []content.Type{content.Tags},
			[]content.Type{content.Pages, content.Tags}, []string{"a"}},
		{"who detaches goes first", content.Site{}, []string{"a", "b", "c"}, []string{"a"}, nil,
			[]content.Type{content.Pages}, []string{"b", "c"}},
		{"a stranger detaches the last", content.Site{}, []string{"a", "b"}, []string{"x"}, nil,
			[]content.Type{content.Pages}, []string{"a"}},
		{"never below none", content.Site{}, []string{"a"}, []string{"a", "a", "b"}, nil, nil, nil},
		{"a library has no pages", content.Site{Library: true}, []string{"a"}, nil,
			[]content.Type{content.Pages, content.Documents}, []content.Type{content.Documents}, []string{"a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			tt.site.Name = "one"
			id := addSite(t, s, tt.site).ID
			change(t, s, func(tx *content.Tx) error {
				for _, login := range tt.attach {
					if err := tx.Attach(t.Context(), content.Attachment{Site: id, Login: login, At: noon()}); err != nil {
						return err
					}
				}
				for _, login := range tt.detach {
					if err := tx.Detach(t.Context(), id, login); err != nil {
						return err
					}
				}
				return tx.Stage(t.Context(), id, tt.staged)
			})
			site, err := s.Site(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if got := site.LockedTypes(); !slices.Equal(got, tt.locked) {
				t.Errorf("locked %v, want %v", got, tt.locked)
			}
			if site.StagingCount != len(tt.left) {
				t.Errorf("count %d, want %d", site.StagingCount, len(tt.left))
			}
			who, err := s.Attachments(t.Context(), id)
			var logins []string
			for _, a := range who {
				logins = append(logins, a.Login)
			}
			if err != nil || !slices.Equal(logins, tt.left) {
				t.Errorf("attached by %v, %v; want %v", logins, err, tt.left)
			}
		})
	}
}

func TestLockedSaysWhoHoldsIt(t *testing.T) {
	s := open(t)
	id := addSite(t, s, content.Site{Name: "one"}).ID
	counted := addSite(t, s, content.Site{Name: "two", StagingCount: 1})
	change(t, s, func(tx *content.Tx) error {
		for _, login := range []string{"anna", "bela"} {
			if err := tx.Attach(t.Context(), content.Attachment{Site: id, Login: login, At: noon()}); err != nil {
				return err
			}
		}
		if err := tx.Stage(t.Context(), id, []content.Type{content.WebContent}); err != nil {
			return err
		}
		site, err := tx.Site(t.Context(), id)
		if err != nil {
			return err
		}
		const at = " since 2026-03-01 12:00:00"
		for _, tt := range []struct {
			site content.Site
			kind content.Kind
			want string
		}{
			{site, content.Page, "anna" + at + " and bela" + at},
			{site, content.ArticleFolder, "web-content of site"},
			{site, content.Document, ""},
			{counted, content.Page, "the site is staged"},
			{counted, content.Article, ""},
		} {
			err := tx.Unlocked(t.Context(), tt.site, tt.kind)
			if tt.want == "" {
				if err != nil {
					t.Errorf("%s: %v", tt.kind, err)
				}
				continue
			}
			if !errors.Is(err, content.Locked) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %s", tt.kind, err, tt.want)
			}
		}
		if err := tx.Unlock(t.Context(), id); err != nil {
			return err
		}
		site, err = tx.Site(t.Context(), id)
		if site.StagingCount != 0 || site.Staged != nil || tx.Unlocked(t.Context(), site, content.Page) != nil {
			t.Errorf("unlocked and still %+v", site)
		}
		return err
	})
}
