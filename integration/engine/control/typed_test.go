package control_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/control"
)

// refusal is what a command was told that was not carried out.
func refusal(t *testing.T, err error) string {
	t.Helper()
	var f *control.Failure
	if err != nil && !errors.As(err, &f) {
		t.Fatal(err)
	}
	if f == nil {
		return ""
	}
	return f.Message
}

// What is mistyped for a site is refused with its value, and what is unusual is not.
func TestSitesAsTheyAreTyped(t *testing.T) {
	s := open(t, 20121)
	for _, tt := range []struct {
		name string
		in   control.NewSite
		want string // empty for what is taken
	}{
		{"blanks for a name", control.NewSite{Name: " \t"}, "a site needs a name"},
		{"no name of a library", control.NewSite{Library: true}, "an asset library needs a name"},
		{"a line break in the name", control.NewSite{Name: "a\nb"}, `the name "a\nb" has characters that cannot be printed`},
		{"a name without end", control.NewSite{Name: strings.Repeat("x", 256)}, "more than 255 bytes"},
		{"an address without a slash", control.NewSite{Name: "x", FriendlyURL: "shop"}, `the friendly URL "shop" is not valid`},
		{"the root", control.NewSite{Name: "x", FriendlyURL: "/"}, `the friendly URL "/" is not valid`},
		{"a slash at the end", control.NewSite{Name: "x", FriendlyURL: "/shop/"}, "is not valid"},
		{"two slashes", control.NewSite{Name: "x", FriendlyURL: "/a//b"}, "is not valid"},
		{"a blank", control.NewSite{Name: "x", FriendlyURL: "/a b"}, "is not valid"},
		{"a query", control.NewSite{Name: "x", FriendlyURL: "/a?b"}, "is not valid"},
		{"an escape", control.NewSite{Name: "x", FriendlyURL: "/%2e"}, "is not valid"},
		{"a line break", control.NewSite{Name: "x", FriendlyURL: "/a\r\nb"}, "is not valid"},
		{"no locale", control.NewSite{Name: "x", Locales: []string{""}}, `"" is no locale`},
		{"a country for a locale", control.NewSite{Name: "x", Locales: []string{"DE"}}, `"DE" is no locale`},
		{"a locale with a dash", control.NewSite{Name: "x", Locales: []string{"en_US", "de-DE"}}, `"de-DE" is no locale`},
		{"several locales in one", control.NewSite{Name: "x", Locales: []string{"en_US de_DE"}}, "is no locale"},
		{"letters of any script", control.NewSite{Name: "Läden 🛍", FriendlyURL: "/läden"}, ""},
		{"two parts", control.NewSite{Name: "y", FriendlyURL: "/shop/north"}, ""},
		{"locales of every form", control.NewSite{Name: "z", Locales: []string{"de", "en_GB", "zh_Hans_CN", "es_419", "ca_ES_VALENCIA"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := control.Do[control.Site](t.Context(), s.Client, "site.create", tt.in)
			if got := refusal(t, err); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
	if all := must[[]control.Site](s, "site.list", struct{}{}); len(all) != 4 {
		t.Errorf("%d sites, want 4: %+v", len(all), all)
	}
}

// What is mistyped for a piece of content is refused; before, it was passed over in silence or kept as it was.
func TestContentAsItIsTyped(t *testing.T) {
	s := open(t, 20121)
	s.add(control.NewItem{Site: 20121, Kind: content.Page, Name: "Contact"}, "x")
	page := func(change func(*control.NewItem)) control.NewItem {
		in := control.NewItem{Site: 20121, Kind: content.Page, Name: "Home"}
		change(&in)
		return in
	}
	of := func(kind content.Kind, change func(*control.NewItem)) control.NewItem {
		in := control.NewItem{Site: 20121, Kind: kind, Name: "Sale"}
		change(&in)
		return in
	}
	for _, tt := range []struct {
		name string
		in   control.NewItem
		want string
	}{
		{"blanks for a name", page(func(in *control.NewItem) { in.Name = "  " }), "a page needs a name"},
		{"a name of blanks that nobody sees", of(content.Article, func(in *control.NewItem) { in.Name = "\u0085\u00a0\u2028" }), "an article needs a name"},
		{"a friendly URL without a slash", page(func(in *control.NewItem) { in.FriendlyURL = "home" }), `the friendly URL "home" is not valid`},
		{"a friendly URL that is taken", page(func(in *control.NewItem) { in.FriendlyURL = "/contact" }), "there is a page at /contact already"},
		{"a private article", of(content.Article, func(in *control.NewItem) { in.Private = true }), "only a page can be private; this is an article"},
		{"an article with an address", of(content.Article, func(in *control.NewItem) { in.FriendlyURL = "/a" }), "only a page has a friendly URL"},
		{"a tag with an application", of(content.Tag, func(in *control.NewItem) { in.Portlets = []string{"x"} }), "only a page holds applications; this is a tag"},
		{"an application without a name", page(func(in *control.NewItem) { in.Portlets = []string{""} }), "an application needs a name"},
		{"a media type of an article", of(content.Article, func(in *control.NewItem) { in.MediaType = "text/plain" }), "only a document has a media type"},
		{"a media type that is none", of(content.Document, func(in *control.NewItem) { in.MediaType = "picture" }), `"picture" is no media type`},
		{"a tag without a name", of(content.Article, func(in *control.NewItem) { in.Tags = []string{"new", " "} }), "a tag needs a name"},
		{"a need of no kind", of(content.Article, func(in *control.NewItem) { in.Refs = []content.Ref{{Kind: "thing", UUID: "u"}} }), "thing:u is no content"},
		{"a need of nothing", of(content.Article, func(in *control.NewItem) { in.Refs = []content.Ref{{Kind: content.Page}} }), "page: is no content"},
		{"a permission for nobody", of(content.Article, func(in *control.NewItem) { in.Permissions = map[string][]string{"": {"VIEW"}} }), "=VIEW is no permission"},
		{"a permission of nothing", of(content.Article, func(in *control.NewItem) { in.Permissions = map[string][]string{"Guest": {""}} }), "Guest= is no permission"},
		{"a permission in small letters", of(content.Article, func(in *control.NewItem) { in.Permissions = map[string][]string{"Guest": {"view"}} }), "Guest=view is no permission"},
		{"what is as it should be", page(func(in *control.NewItem) {
			in.FriendlyURL, in.Private, in.Portlets, in.Permissions = "/contact", true, []string{"x_INSTANCE_1"}, map[string][]string{"Guest": {"VIEW", "ADD_DISCUSSION"}}
		}), ""},
		{"a document with its media type", of(content.Document, func(in *control.NewItem) { in.MediaType = `text/html; charset="utf-8"` }), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := control.Upload[control.Item](t.Context(), s.Client, "content.add", tt.in, strings.NewReader("x"))
			if got := refusal(t, err); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
		})
	}
	if all := must[[]control.Item](s, "content.list", control.SiteID{Site: 20121}); len(all) != 3 {
		t.Errorf("%d items, want 3: %+v", len(all), all)
	}
}

// Pages of one name have addresses of their own, of the public pages and of the private ones.
func TestPagesOfOneName(t *testing.T) {
	s := open(t, 20121)
	var got []string
	for _, private := range []bool{false, false, true, false} {
		got = append(got, s.add(control.NewItem{Site: 20121, Kind: content.Page, Name: "Home", Private: private}, "x").Path)
	}
	if want := "/web/home /web/home-1 /group/home /web/home-2"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUsersAsTheyAreTyped(t *testing.T) {
	s := open(t, 20121)
	before := len(must[[]control.User](s, "user.list", struct{}{}))
	for _, tt := range []struct {
		name string
		in   control.User
		want string
	}{
		{"no address", control.User{Email: "bob", ScreenName: "bob"}, `"bob" is no e-mail address`},
		{"a blank in it", control.User{Email: "a b@example.com", ScreenName: "bob"}, "is no e-mail address"},
		{"half of one", control.User{Email: "bob@", ScreenName: "bob"}, "is no e-mail address"},
		{"two", control.User{Email: "a@example.com, b@example.com", ScreenName: "bob"}, "is no e-mail address"},
		{"a name in front of it", control.User{Email: "Bob <bob@example.com>", ScreenName: "bob"}, "is no e-mail address"},
		{"a line break", control.User{Email: "bob\n@example.com", ScreenName: "bob"}, "is no e-mail address"},
		{"a screen name of two lines", control.User{Email: "bob@example.com", ScreenName: "bob\nb"}, `"bob\nb" is no screen name`},
		{"no screen name", control.User{Email: "bob@example.com"}, `"" is no screen name`},
		{"an id below 0", control.User{ID: -4, Email: "bob@example.com", ScreenName: "bob"}, "user -4: an id is above 0"},
		{"one that is right", control.User{Email: "bob@example.com", ScreenName: "bob"}, ""},
		{"the same in large letters", control.User{Email: "BOB@example.com", ScreenName: "b"}, "there is a user with the address bob@example.com already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := control.Do[control.User](t.Context(), s.Client, "user.add", tt.in)
			if got := refusal(t, err); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("told %q, want %q", got, tt.want)
			}
			if tt.want == "" || strings.Contains(tt.want, "already") {
				return
			}
			if _, err = control.Do[control.Imported](t.Context(), s.Client, "user.import", []control.User{{Email: "new@example.com", ScreenName: "new"}, tt.in}); !strings.Contains(refusal(t, err), tt.want) {
				t.Errorf("imported: told %q, want %q", refusal(t, err), tt.want)
			}
		})
	}
	if all := must[[]control.User](s, "user.list", struct{}{}); len(all) != before+1 {
		t.Errorf("%d users, want %d: %+v", len(all), before+1, all)
	}
}

// A site that there is not has no history, no schedules and no libraries: that is not the same as none.
func TestNoSiteIsNotAnEmptyOne(t *testing.T) {
	s := open(t, 20121)
	for _, name := range []string{"staging.history", "staging.schedules", "staging.status", "site.show", "site.arrivals", "site.received", "content.list"} {
		_, err := control.Do[any](t.Context(), s.Client, name, control.SiteID{Site: 404})
		if got := refusal(t, err); got != "no site 404" {
			t.Errorf("%s: told %q", name, got)
		}
	}
	for _, name := range []string{"site.connect", "site.disconnect"} {
		for _, in := range []control.Connection{{Library: 404, Site: 20121}, {Library: 20121, Site: 404}, {Library: 20121, Site: 20121}} {
			_, err := control.Do[any](t.Context(), s.Client, name, in)
			if got := refusal(t, err); got != "no site 404" && got != "20121 is no asset library" {
				t.Errorf("%s %+v: told %q", name, in, got)
			}
		}
	}
}

// Who did what to a site is on record, the newest first, of this site only, and refusals too.
func TestCallsAboutASite(t *testing.T) {
	s := open(t, 20121)
	other := must[control.Site](s, "site.create", control.NewSite{Name: "Other"})
	for _, by := range []string{"anna", "bob"} {
		must[[]control.Holder](s, "site.unlock", control.SiteID{Site: 20121, Operator: by})
	}
	must[[]control.Holder](s, "site.unlock", control.SiteID{Site: other.ID, Operator: "carl"})
	for _, tt := range []struct {
		last int
		want string
	}{{0, "bob anna"}, {1, "bob"}, {1000, "bob anna"}} {
		var got []string
		for _, c := range must[[]control.Call](s, "site.calls", control.CallsOf{Site: 20121, Last: tt.last}) {
			if c.Method != "unlock" || c.Outcome != content.OK || c.At.IsZero() || c.Seq == 0 {
				t.Errorf("%+v", c)
			}
			got = append(got, c.Login)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("the last %d are by %q, want %q", tt.last, got, tt.want)
		}
	}
}
