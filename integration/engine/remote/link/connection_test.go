package link

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// good is a connection that keeps every rule.
func good() Connection {
	return Connection{Address: "live.example.com", Port: 8443, PathContext: "/live", Site: 20121, Secure: true}
}

func TestAddresses(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, tt := range []struct {
		typed, want string // want is empty for an address that is refused
	}{
		{"live.example.com", "live.example.com"},
		{"live", "live"},
		{"LIVE.Example.com", "LIVE.Example.com"},
		{"http://live.example.com", "live.example.com"},
		{"https://live.example.com", "live.example.com"},
		{"10.0.0.1", "10.0.0.1"},
		{"::1", "::1"},
		{"[::1]", "::1"},
		{"https://[2001:db8::1]", "2001:db8::1"},
		{"[2001:0db8:0:0:0:0:0:1]", "2001:db8::1"},
		{"[::ffff:10.0.0.1]", "::ffff:10.0.0.1"},
		{"[fe80::1%eth0]", "fe80::1%eth0"},
		{"fe80::1%eth0", "fe80::1%eth0"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{long + ".example", long + ".example"},
		{"3com.example", "3com.example"},
		{"", ""},
		{"ftp://live.example.com", ""},
		{"live.example.com:8443", ""},
		{"live.example.com/", ""},
		{"https://live.example.com/live", ""},
		{"publisher@live.example.com", ""},
		{"live..example.com", ""},
		{".example.com", ""},
		{"example.com.", ""},
		{"-live.example.com", ""},
		{"live-.example.com", ""},
		{"live_1.example.com", ""},
		{"live example.com", ""},
		{"live\r\nHost: x", ""},
		{"bücher.example", ""},
		{long + "a.example", ""},
		{strings.Repeat(long+".", 4) + "example", ""},
		{"256.1.1.1", ""},
		{"1.2.3", ""},
		{"10.0.0.1/8", ""},
		{"[::1", ""},
		{"::1]", ""},
		{"[]", ""},
		{"[10.0.0.1]", ""},
		{"[live.example.com]", ""},
		{"[::1]:8443", ""},
		{"fe80::1%et/h", ""},
		{"fe80::1%#0", ""},
		{"fe80::1%" + strings.Repeat("e", 33), ""},
	} {
		t.Run(tt.typed, func(t *testing.T) {
			c := good()
			c.Address = tt.typed
			c = c.Clean()
			err := c.Check(false)
			if tt.want == "" {
				if !errors.Is(err, BadAddress) || !strings.Contains(err.Error(), "the remote address ") ||
					!strings.HasSuffix(err.Error(), " is not valid") {
					t.Errorf("error %v, want %s", err, BadAddress)
				}
				return
			}
			if err != nil || c.Address != tt.want {
				t.Errorf("address %q, error %v, want %q", c.Address, err, tt.want)
			}
		})
	}
}

// A list of no types is none of them; only one that was not given means all.
func TestNoTypesAreNotAllTypes(t *testing.T) {
	if got := (Connection{Types: []content.Type{}}).Clean().Types; got == nil || len(got) > 0 {
		t.Errorf("of none: %#v", got)
	}
	if got := (Connection{}).Clean().Types; got != nil {
		t.Errorf("of a list that was not given: %#v", got)
	}
}

// Each rule refuses with the documentation's words, and says the value that was typed.
func TestRules(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(*Connection)
		library bool
		code    content.Code // empty for a connection that is good
		text    string
	}{
		{"nothing changed", func(*Connection) {}, false, "", ""},
		{"the first port", func(c *Connection) { c.Port = 1 }, false, "", ""},
		{"the last port", func(c *Connection) { c.Port = 65535 }, false, "", ""},
		{"no port", func(c *Connection) { c.Port = 0 }, false, BadPort, "the remote port 0 is not valid"},
		{"a negative port", func(c *Connection) { c.Port = -1 }, false, BadPort, "the remote port -1 is not valid"},
		{"a port too high", func(c *Connection) { c.Port = 65536 }, false, BadPort, "the remote port 65536 is not valid"},
		{"no path context", func(c *Connection) { c.PathContext = "" }, false, "", ""},
		{"a path context of two segments", func(c *Connection) { c.PathContext = "/a/b" }, false, "", ""},
		{"the root", func(c *Connection) { c.PathContext = "/" }, false, BadPathContext, `the remote path context "/" is not valid`},
		{"no slash in front", func(c *Connection) { c.PathContext = "live" }, false, BadPathContext,
			`the remote path context "live" is not valid`},
		{"a slash at the end", func(c *Connection) { c.PathContext = "/live/" }, false, BadPathContext,
			`the remote path context "/live/" is not valid`},
		{"a query", func(c *Connection) { c.PathContext = "/live?x" }, false, BadPathContext,
			`the remote path context "/live?x" is not valid`},
		{"a fragment", func(c *Connection) { c.PathContext = "/live#x" }, false, BadPathContext,
			`the remote path context "/live#x" is not valid`},
		{"an escape", func(c *Connection) { c.PathContext = "/%2e" }, false, BadPathContext,
			`the remote path context "/%2e" is not valid`},
		{"a line break", func(c *Connection) { c.PathContext = "/a\r\nb" }, false, BadPathContext,
			`the remote path context "/a\r\nb" is not valid`},
		{"a space", func(c *Connection) { c.PathContext = "/a b" }, false, BadPathContext,
			`the remote path context "/a b" is not valid`},
		{"no site", func(c *Connection) { c.Site = 0 }, false, BadSiteID, "the remote site id 0 is not valid"},
		{"a negative site", func(c *Connection) { c.Site = -20121 }, false, BadSiteID, "the remote site id -20121 is not valid"},
		{"a manual URL", func(c *Connection) { c.RemoteURL = "https://www.example.com/web/shop" }, false, "", ""},
		{"a URL without a host", func(c *Connection) { c.RemoteURL = "https:///web" }, false, BadRemoteURL,
			`the remote URL "https:///web" is not valid`},
		{"a URL of another scheme", func(c *Connection) { c.RemoteURL = "javascript://x/" }, false, BadRemoteURL,
			`the remote URL "javascript://x/" is not valid`},
		{"a URL that is none", func(c *Connection) { c.RemoteURL = "://" }, false, BadRemoteURL, `the remote URL "://" is not valid`},
		{"page versioning", func(c *Connection) { c.VersionPublic, c.VersionPrivate = true, true }, false, "", ""},
		{"page versioning of a library", func(c *Connection) { c.VersionPublic = true }, true, NoPages,
			"an asset library has no pages to version"},
		{"private page versioning of a library", func(c *Connection) { c.VersionPrivate = true }, true, NoPages,
			"an asset library has no pages to version"},
		{"every type of a site", func(c *Connection) { c.Types = content.Types(false) }, false, "", ""},
		{"every type of a library", func(c *Connection) { c.Types = content.Types(true) }, true, "", ""},
		{"pages of a library", func(c *Connection) { c.Types = content.Types(false) }, true, BadType,
			`"pages" cannot be staged in an asset library`},
		{"a type that there is not", func(c *Connection) { c.Types = []content.Type{content.Pages, "wiki"} }, false, BadType,
			`"wiki" cannot be staged in a site`},
		{"a type without a name", func(c *Connection) { c.Types = []content.Type{""} }, false, BadType, "cannot be staged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good()
			tt.change(&c)
			err := c.Clean().Check(tt.library)
			if tt.code == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, tt.code) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %s with %q", err, tt.code, tt.text)
			}
		})
	}
}

// A connection that breaks every rule is told of the first one; when that is mended, of the next one.
func TestRulesInTheirOrder(t *testing.T) {
	c := Connection{Address: "a b", Port: 0, PathContext: "/", Site: 0, RemoteURL: "x", VersionPublic: true, Types: []content.Type{content.Pages}}
	for _, step := range []struct {
		code content.Code
		mend func()
	}{
		{BadAddress, func() { c.Address = "live" }},
		{BadPort, func() { c.Port = 443 }},
		{BadPathContext, func() { c.PathContext = "" }},
		{BadSiteID, func() { c.Site = 1 }},
		{BadRemoteURL, func() { c.RemoteURL = "" }},
		{NoPages, func() { c.VersionPublic = false }},
		{BadType, func() { c.Types = nil }},
	} {
		if err := c.Check(true); !errors.Is(err, step.code) {
			t.Errorf("error %v, want %s", err, step.code)
		}
		step.mend()
	}
	if err := c.Check(true); err != nil {
		t.Errorf("refused in the end: %v", err)
	}
}

func TestURL(t *testing.T) {
	for _, tt := range []struct {
		address, path string
		port          int
		secure        bool
		want          string
	}{
		{"live.example.com", "", 80, false, "http://live.example.com:80"},
		{"live.example.com", "/live", 443, true, "https://live.example.com:443/live"},
		{"[::1]", "", 8080, false, "http://[::1]:8080"},
		{"::1", "/a/b", 8443, true, "https://[::1]:8443/a/b"},
		{"fe80::1%eth0", "", 8080, false, "http://[fe80::1%25eth0]:8080"},
		{"http://10.0.0.1", "/live", 8080, true, "https://10.0.0.1:8080/live"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			c := Connection{Address: tt.address, Port: tt.port, PathContext: tt.path, Secure: tt.secure, Site: 1}.Clean()
			if err := c.Check(false); err != nil {
				t.Fatal(err)
			}
			if got := c.URL().String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSame(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Connection)
		want   bool
	}{
		{"nothing changed", func(*Connection) {}, true},
		{"other pages are shown", func(c *Connection) { c.RemoteURL = "https://www.example.com" }, true},
		{"pages are versioned", func(c *Connection) { c.VersionPublic = true }, true},
		{"another address", func(c *Connection) { c.Address = "live2.example.com" }, false},
		{"another port", func(c *Connection) { c.Port++ }, false},
		{"another path context", func(c *Connection) { c.PathContext = "" }, false},
		{"another site", func(c *Connection) { c.Site++ }, false},
		{"no TLS", func(c *Connection) { c.Secure = false }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good()
			tt.change(&c)
			if c.Same(good()) != tt.want || good().Same(c) != tt.want {
				t.Errorf("same is %t, want %t", c.Same(good()), tt.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	c := good()
	c.Types, c.VersionPrivate = []content.Type{content.Documents}, true
	want := map[string]string{
		"staged": "true", "stagedRemotely": "true", "remoteAddress": "live.example.com", "remotePort": "8443",
		"remotePathContext": "/live", "remoteGroupId": "20121", "secureConnection": "true",
		"branchingPublic": "false", "branchingPrivate": "true", "overrideRemoteSiteURL": "false", "remoteSiteURL": "",
		"staged-portlet_com_liferay_layout_admin_web_portlet_GroupPagesPortlet":                     "false",
		"staged-portlet_com_liferay_journal_web_portlet_JournalPortlet":                             "false",
		"staged-portlet_com_liferay_document_library_web_portlet_DLAdminPortlet":                    "true",
		"staged-portlet_com_liferay_asset_tags_admin_web_portlet_AssetTagsAdminPortlet":             "false",
		"staged-portlet_com_liferay_asset_categories_admin_web_portlet_AssetCategoriesAdminPortlet": "false",
	}
	if diff := cmp.Diff(want, c.Settings()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestVersions(t *testing.T) {
	for _, public := range []bool{false, true} {
		for _, private := range []bool{false, true} {
			c := Connection{VersionPublic: public, VersionPrivate: private}
			if c.Versions(false) != public || c.Versions(true) != private {
				t.Errorf("%+v: public %t, private %t", c, c.Versions(false), c.Versions(true))
			}
		}
	}
}
