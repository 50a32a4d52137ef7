package kentico_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf/kentico"
	"github.com/stagelock/stagelock/conf/settings/scalar"
)

func account(user, password string) kentico.Account {
	return kentico.Account{User: user, Secret: kentico.Password{Value: scalar.NewSecret(password)}}
}

func address(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// section is one that nothing is wrong with, both ways.
func section(t *testing.T) *kentico.Section {
	t.Helper()
	return &kentico.Section{
		Name: "live", Receives: account("stagelock", "a"), Sends: kentico.Sender{Account: account("own", "b")},
		Peers: []kentico.Peer{{
			Name: "dev", Sends: kentico.Sender{Account: account("dev", "c")}, Bounds: kentico.Bounds{RunAs: "stager=" + guid},
			Target: kentico.Target{Account: account("live", "d"), URL: address(t, "https://dev.example.com/cms"), PathContext: "/to-dev"},
		}},
	}
}

const guid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(s *kentico.Section)
		path    string // of the one finding, below kentico; empty: none
		says    string
		warning bool
	}{
		{"both ways", func(*kentico.Section) {}, "", "", false},
		{"no name", func(s *kentico.Section) { s.Name = "" }, ".name", "code name", false},
		{"a name with a semicolon", func(s *kentico.Section) { s.Name = "a;b" }, ".name", "code name", false},
		{"the word for gateways", func(s *kentico.Section) { s.Peers[0].Name = "StageLock" }, ".peers[0].name", "stands for gateways", false},
		{"no assembly", func(s *kentico.Section) { s.Assembly = "CMS.Synchronization" }, ".assembly", "full name", false},
		{"another version", func(s *kentico.Section) {
			s.Assembly = strings.Replace(kentico.Kentico13, "13.0.13.0", "12.0.0.0", 1)
		}, "", "", false},
		{"no peers", func(s *kentico.Section) { s.Peers = nil; s.Receives, s.Sends = kentico.Account{}, kentico.Sender{} }, ".peers", "is empty", false},
		{"a peer that does nothing", func(s *kentico.Section) {
			s.Peers = append(s.Peers, kentico.Peer{Name: "test"})
		}, ".peers[1]", "neither sends", false},
		{"no user for live", func(s *kentico.Section) { s.Receives.User = "" }, ".receives.user", "is needed", false},
		{"no password for live", func(s *kentico.Section) { s.Receives.Secret = kentico.Password{} }, ".receives.secret", "is needed", false},
		{"a user with a line break", func(s *kentico.Section) { s.Receives.User = "a\nb" }, ".receives.user", "nobody can type", false},
		{"no user of live", func(s *kentico.Section) { s.Sends.User = "" }, ".sends.user", "is needed", false},
		{"an account that nobody uses", func(s *kentico.Section) {
			s.Peers[0].Target = kentico.Target{}
		}, ".sends.user", "is not used", true},
		{"no password of a peer", func(s *kentico.Section) { s.Peers[0].Sends.Secret = kentico.Password{} }, ".peers[0].sends.secret", "is needed", false},
		{"no user at a target", func(s *kentico.Section) { s.Peers[0].Target.User = "" }, ".peers[0].target.user", "is needed", false},
		{"without TLS", func(s *kentico.Section) { s.Peers[0].Target.URL.Scheme = "http" }, ".peers[0].target.url", "without TLS", false},
		{"without TLS on this machine", func(s *kentico.Section) {
			s.Peers[0].Target.URL.Scheme, s.Peers[0].Target.URL.Host = "http", "127.0.0.1:80"
		}, "", "", false},
		{"another scheme", func(s *kentico.Section) { s.Peers[0].Target.URL.Scheme = "ftp" }, ".peers[0].target.url", "not the URL", false},
		{"a query", func(s *kentico.Section) { s.Peers[0].Target.URL.RawQuery = "wsdl" }, ".peers[0].target.url", "more than", false},
		{"the service itself", func(s *kentico.Section) {
			s.Peers[0].Target.URL.Path = "/CMSPages/Staging/SyncServer.asmx"
		}, ".peers[0].target.url", "the service itself", false},
		{"a target without a path", func(s *kentico.Section) { s.Peers[0].Target.PathContext = "" }, ".peers[0].target.path_context", "begins with a slash", false},
		{"a path that climbs", func(s *kentico.Section) { s.Peers[0].Target.PathContext = "/a/.." }, ".peers[0].target.path_context", "begins with a slash", false},
		{"the path of live", func(s *kentico.Section) { s.Peers[0].Target.PathContext = "/live" }, ".peers[0].target.path_context", "is engine.path_context", false},
		{"a path without a target", func(s *kentico.Section) {
			s.Peers[0].Target = kentico.Target{PathContext: "/to-dev"}
			s.Sends = kentico.Sender{}
		}, ".peers[0].target.path_context", "leads nowhere", false},
		{"a table without a type", func(s *kentico.Section) { s.Peers[0].Tables = []string{"Custom_Article"} }, ".peers[0].tables[0]", "type:table", false},
		{"tables", func(s *kentico.Section) {
			s.Peers[0].Tables = []string{"pages:Custom_Article", "customtableitem.shop.city:Shop_City"}
		}, "", "", false},
		{"a user without a GUID", func(s *kentico.Section) { s.Peers[0].Users = []string{"editor"} }, ".peers[0].users[0]", "name=GUID", false},
		{"nobody to run as", func(s *kentico.Section) { s.Peers[0].RunAs = "editor=1" }, ".peers[0].run_as", "name=GUID", false},
		{"any user", func(s *kentico.Section) { s.Peers[0].RunAs = "" }, ".peers[0].users", "whatever user", true},
		{"dangerous types without tables", func(s *kentico.Section) { s.Peers[0].Dangerous = true }, ".peers[0].dangerous_types", "opens nothing", false},
		{"dangerous types", func(s *kentico.Section) {
			s.Peers[0].Dangerous, s.Peers[0].Tables = true, []string{"cms.role:CMS_Role"}
		}, ".peers[0].dangerous_types", "take the server over", true},
		{"the name of live", func(s *kentico.Section) { s.Peers[0].Name = "LIVE" }, ".peers[0].name", "without case", false},
		{"two peers of one user", func(s *kentico.Section) {
			s.Peers = append(s.Peers, kentico.Peer{Name: "test", Sends: s.Peers[0].Sends, Bounds: kentico.Bounds{RunAs: s.Peers[0].RunAs}})
		}, ".peers[1].sends.user", "could not be told", false},
		{"store and forward", func(s *kentico.Section) { s.Peers, s.Forward = nil, forwarded() }, "", "", false},
		{"store and forward beside peers", func(s *kentico.Section) { s.Forward = forwarded() }, ".peers", "on two ways", false},
		{"store and forward under no path", func(s *kentico.Section) {
			s.Peers, s.Forward = nil, forwarded()
			s.Forward.PathContext = "handed-in"
		}, ".experimental_store_and_forward.path_context", "begins with a slash", false},
		{"nobody is sent to", func(s *kentico.Section) { s.Peers, s.Forward, s.Receives.User = nil, forwarded(), "" }, ".receives.user", "is needed", false},
		{"nobody hands in", func(s *kentico.Section) {
			s.Peers, s.Forward, s.Sends.Secret = nil, forwarded(), kentico.Password{}
		}, ".sends.secret", "is needed", false},
		{"store and forward as any user", func(s *kentico.Section) {
			s.Peers, s.Forward = nil, forwarded()
			s.Forward.RunAs = ""
		}, ".experimental_store_and_forward.users", "whatever user", true},
		{"store and forward of dangerous types", func(s *kentico.Section) {
			s.Peers, s.Forward = nil, forwarded()
			s.Forward.Dangerous = true
		}, ".experimental_store_and_forward.dangerous_types", "opens nothing", false},
		{"store and forward of a table without a type", func(s *kentico.Section) {
			s.Peers, s.Forward = nil, forwarded()
			s.Forward.Tables = []string{"Custom_Article"}
		}, ".experimental_store_and_forward.tables[0]", "type:table", false},
		{"two targets of one path", func(s *kentico.Section) {
			s.Peers = append(s.Peers, kentico.Peer{Name: "test", Target: s.Peers[0].Target})
		}, ".peers[1].target.path_context", "another target", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := section(t)
			tt.change(s)
			found := kentico.Check(s, "kentico", "/live")
			switch {
			case tt.path == "" && len(found) == 0:
			case tt.path == "" || len(found) != 1:
				t.Errorf("found %+v", found)
			case found[0].Path != "kentico"+tt.path || !strings.Contains(found[0].Msg, tt.says) || found[0].Warning != tt.warning || found[0].Cure == "":
				t.Errorf("found %+v", found[0])
			}
		})
	}
}

// forwarded is a Forward that nothing is wrong with.
func forwarded() kentico.Forward {
	return kentico.Forward{PathContext: "/handed-in", Bounds: kentico.Bounds{RunAs: "stager=" + guid}}
}

func TestParseUser(t *testing.T) {
	name, got, err := kentico.ParseUser("a=b=" + guid)
	if want := [11]int64{0x6f9619ff, -0x747a, -0x2fef, 0xb4, 0x2d, 0, 0xcf, 0x4f, 0xc9, 0x64, 0xff}; err != nil || name != "a=b" || got != want {
		t.Errorf("%q %x %v", name, got, err)
	}
	if _, got, err := kentico.ParseUser("a=ffffffff-ffff-ffff-ffff-ffffffffffff"); err != nil || got[0] != -1 || got[1] != -1 || got[10] != 255 {
		t.Errorf("%v %v", got, err)
	}
	for _, s := range []string{
		"", "a", "=" + guid, "a=", "a=" + guid[1:], "a=" + guid + "0", "a=" + strings.Replace(guid, "-", "", 1),
		"a=" + strings.Replace(guid, "6", "g", 1), "a=" + strings.Replace(guid, "6f", "+f", 1), "a={" + guid + "}",
	} {
		if _, _, err := kentico.ParseUser(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestEachPasswordIsFound(t *testing.T) {
	var paths []string
	s := section(t)
	s.EachPassword("kentico", func(path string, p *kentico.Password) {
		if !p.Value.IsSet() {
			t.Errorf("%s is not set", path)
		}
		paths = append(paths, path)
	})
	want := "kentico.receives.secret kentico.sends.secret kentico.peers[0].sends.secret kentico.peers[0].target.secret"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("got %s", got)
	}
}
