package content_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// TestWordsOfTheStore holds what each refusal says, and that it makes nothing.
func TestWordsOfTheStore(t *testing.T) {
	s := open(t)
	site := addSite(t, s, content.Site{Name: "one"})
	anna := addUser(t, s, content.User{Email: "anna@example.com", ScreenName: "anna"})
	create := func(x content.Site) func() error {
		return func() error { _, err := s.CreateSite(t.Context(), x); return err }
	}
	for _, tt := range []struct {
		name string
		do   func() error
		code content.Code
		want string
	}{
		{"a site without a name", create(content.Site{}), content.BadItem, "site 0: needs a name"},
		{"an id below 0", create(content.Site{ID: -1, Name: "x"}), content.BadItem, "site -1: an id is above 0"},
		{"the control panel", create(content.Site{ID: content.ControlPanel, Name: "x"}), content.BadItem,
			"site 20002: the id belongs to the control panel"},
		{"the whole company", create(content.Site{ID: content.Global, Name: "x"}), content.BadItem,
			"site 20003: the id belongs to the site of the whole company"},
		{"a name twice", create(content.Site{Name: "one"}), content.Taken, `there is a site with the name "one" already`},
		{"a friendly URL twice", create(content.Site{Name: "x", FriendlyURL: "/one"}), content.Taken, "there is a site at /one already"},
		{"an id twice", create(content.Site{ID: site.ID, Name: "x"}), content.Taken,
			fmt.Sprintf("there is a site with the id %d already", site.ID)},
		{"a user without an address", func() error { return s.AddUser(t.Context(), content.User{ScreenName: "x"}) }, content.BadItem,
			"user 0: needs an e-mail address and a screen name"},
		{"a user without a screen name", func() error { return s.AddUser(t.Context(), content.User{ID: 3, Email: "x"}) }, content.BadItem,
			"user 3: needs an e-mail address and a screen name"},
		{"a user of an id below 0", func() error { return s.AddUser(t.Context(), content.User{ID: -3, Email: "x", ScreenName: "x"}) }, content.BadItem,
			"user -3: needs an e-mail address and a screen name"},
		{"an address twice", func() error { return s.AddUser(t.Context(), content.User{Email: anna.Email, ScreenName: "x"}) }, content.Taken,
			"there is a user with the address anna@example.com already"},
		{"an address in large letters", func() error {
			return s.AddUser(t.Context(), content.User{Email: "ANNA@example.com", ScreenName: "x"})
		}, content.Taken, "there is a user with the address anna@example.com already"},
		{"an id of somebody else", func() error {
			return s.AddUser(t.Context(), content.User{ID: anna.ID, Email: "x@example.com", ScreenName: "x"})
		}, content.Taken, fmt.Sprintf("there is a user with the id %d already", anna.ID)},
		{"no user", func() error { _, err := s.User(t.Context(), "%"); return err }, content.NoUser, "no user %"},
		{"no user of an id", func() error { _, err := s.User(t.Context(), "0"); return err }, content.NoUser, "no user 0"},
		{"no site", func() error { _, err := s.Site(t.Context(), -1); return err }, content.NoSite, "no site -1"},
		{"no permission", func() error { return s.Permit(t.Context(), anna, content.Update, site.ID) }, content.NoPermission,
			fmt.Sprintf("user %d has no UPDATE permission for site %d", anna.ID, site.ID)},
		{"one bad user among good ones", func() error {
			_, err := s.AddUsers(t.Context(), []content.User{{Email: "b@x", ScreenName: "b"}, {Email: "c@x", ScreenName: "anna"}})
			return err
		}, content.Taken, "there is a user with the screen name anna already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(); !errors.Is(err, tt.code) || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			users, err := s.Users(t.Context())
			sites, other := s.Sites(t.Context())
			if err != nil || other != nil || len(users) != 1 || len(sites) != 1 {
				t.Errorf("users %+v, sites %+v", users, sites)
			}
		})
	}
}

// TestSlugs are what addresses are made of.
func TestSlugs(t *testing.T) {
	for name, want := range map[string]string{
		"": "/", "Home": "/home", "  About   us!  ": "/about-us", "ÄÖÜ": "/", "a/b\\c": "/a-b-c", "../../etc": "/etc", "--a--": "/a", "A1 日本 b": "/a1-b",
		"a\x00b": "/a-b", "\u212a": "/k", // the sign of Kelvin in lower case is a plain k
	} {
		if got := content.Slug(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestSettingsAreRead in any form a portal has kept them.
func TestSettingsAreRead(t *testing.T) {
	for text, want := range map[string]content.Settings{
		"": {}, "a": {}, "a=": {"a": ""}, "=b": {"": "b"}, "a=b=c": {"a": "b=c"}, " a = b": {"a": " b"}, "#a=b\n # c=d\ne=f": {"e": "f"},
		"a=1\na=2": {"a": "2"}, "a=x_SAFE_NEWLINE_CHARACTER_y": {"a": "x\ny"}, "a=b\r\n": {"a": "b\r"}, "\n\n": {},
	} {
		got := content.ParseSettings(text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q\n%s", text, diff)
		}
		if diff := cmp.Diff(got, content.ParseSettings(got.String())); diff != "" {
			t.Errorf("%q is written as something else\n%s", text, diff)
		}
	}
}

// TestLocksInAnyOrder has staging environments come and go: the count is that of those who came and did not go, who
// holds the lock is told oldest first, and types are locked while there is any.
func TestLocksInAnyOrder(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := rand.New(rand.NewPCG(seed, 5))
			s := open(t)
			site := addSite(t, s, content.Site{Name: "one"})
			var held []string
			for i := range 60 {
				who := string(rune('a' + x.IntN(3)))
				switch x.IntN(7) {
				case 0:
					change(t, s, func(tx *content.Tx) error { return tx.Unlock(t.Context(), site.ID) })
					held = nil
				case 1, 2, 3:
					change(t, s, func(tx *content.Tx) error { return tx.Detach(t.Context(), site.ID, who) })
					at := -1
					for j, h := range held {
						if h == who {
							at = j
						}
					}
					if at < 0 {
						at = len(held) - 1
					}
					if at >= 0 {
						held = slices.Delete(held, at, at+1)
					}
				default:
					change(t, s, func(tx *content.Tx) error {
						return errors.Join(tx.Attach(t.Context(), content.Attachment{Site: site.ID, Login: who, At: noon()}),
							tx.Stage(t.Context(), site.ID, []content.Type{content.Tags}))
					})
					held = append(held, who)
				}
				got, err := s.Site(t.Context(), site.ID)
				all, other := s.Attachments(t.Context(), site.ID)
				if err = errors.Join(err, other); err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, a := range all {
					names = append(names, a.Login)
				}
				var locked []content.Type
				if len(held) > 0 {
					locked = []content.Type{content.Pages, content.Tags}
				}
				if !slices.Equal(names, held) || got.StagingCount != len(held) || !slices.Equal(got.LockedTypes(), locked) {
					t.Fatalf("step %d: held by %q, want %q; counted %d, locked %v, want %v", i, names, held, got.StagingCount, got.LockedTypes(), locked)
				}
			}
		})
	}
}
