package syncserver_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

func TestServersRoundTrip(t *testing.T) {
	many := ";"
	for i := range 65 {
		many += fmt.Sprintf("s%d;", i)
	}
	for s, n := range map[string]int{
		"": 0, ";a;": 1, ";a;b.c-d_e;": 2, strings.TrimSuffix(many, "s64;"): 64,
		many: -1, ";": -1, ";;": -1, ";;;": -1, "a;b": -1, ";a b;": -1, ";a;;b;": -1, ";a;A;": -1,
		";" + strings.Repeat("a", 101) + ";": -1,
	} {
		got, err := syncserver.ParseServers(s)
		if (err != nil) != (n < 0) || n >= 0 && len(got) != n {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, ok := range map[string]bool{
		"brand/logo.png": true, "a b/ü.png": true, "v1.2/logo.png": true, "brand/": false,
		"": false, "/": false, "a//b": false, "./a": false, "a/.": false, "..": false, "a/../b": false,
		`a\b`: false, "c:a": false, "a%2e": false, "~/a": false, "a<b": false, "a|b": false, "a?": false,
		"a*": false, `a"`: false, "a\tb": false, "a./b": false, "a /b": false, "con": false,
		"a/NUL.png": false, "com1.png": false, "LPT²": false, "CONIN$": false, "a/web.config": false,
		"x.aspx/y.png": false, "x.ASPX": false, "x.aspx .png": false, ".htaccess": false,
		strings.Repeat("a", 256) + ".png": true, strings.Repeat("a", 257) + ".png": false,
	} {
		_, err := peer(t).Admit(strings.NewReader(fileAt("FilePath", path).String()), created, book())
		if (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// TestFolders: here a final slash may be.
func TestFolders(t *testing.T) {
	for path, ok := range map[string]bool{
		"brand": true, "brand/": true, "a/b": true, "a//": false, "/": false, "a/../b": false, "App.config": false,
	} {
		m := with(update(), func(m *message) {
			m.kind, m.data = "MoveMediaFolder", "<N><FolderData><SourcePath>"+path+"</SourcePath></FolderData></N>"
		})
		_, err := peer(t).Admit(strings.NewReader(m.String()), created, book())
		if (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestSwitches(t *testing.T) {
	kind := func(k, object, data string) message {
		return with(update(), func(m *message) { m.kind, m.object, m.data = k, object, data })
	}
	aclRow := "<N><CMS_ACL><A>1</A></CMS_ACL></N>"
	users := "<N><CMS_User><UserName>a</UserName></CMS_User></N>"
	for _, c := range []struct {
		name string
		m    message
		turn func(*syncserver.Peer)
	}{
		{"deletes", kind("DeleteDocument", "", page), func(p *syncserver.Peer) { p.Deletes = true }},
		{"access", kind("BreakACLInheritance", "", page), func(p *syncserver.Peer) { p.ACL = true }},
		{"rows of access", pageData(aclRow), func(p *syncserver.Peer) {
			p.ACL, p.Tables = true, map[string][]string{"": {"CMS_ACL"}}
		}},
		{"sites", kind("AddToSite", "media.library", "<N><Media_Library><A>1</A></Media_Library></N>"),
			func(p *syncserver.Peer) { p.Sites = true }},
		{"users", kind("UpdateObject", "cms.user", users), func(p *syncserver.Peer) {
			p.Dangerous, p.Tables = true, map[string][]string{"cms.user": {"CMS_User"}}
		}},
		{"a version", inner(`<mSystemVersion xsi:null="1"/>`, "<mSystemVersion>13.0.13</mSystemVersion>"),
			func(p *syncserver.Peer) { p.Version = "13.0.13" }},
	} {
		p := peer(t)
		if _, err := p.Admit(strings.NewReader(c.m.String()), created, book()); err == nil {
			t.Errorf("%s: passes without the switch", c.name)
		}
		c.turn(&p)
		got, err := p.Admit(strings.NewReader(c.m.String()), created, book())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		again(t, p, got)
	}
}

func TestListedTablesDoNotOpenDangerousOnes(t *testing.T) {
	p := peer(t)
	p.Tables = map[string][]string{"": {"CMS_User", "CMS_ACL", "CMS_PageTemplate"}, "cms.user": {"CMS_User"}}
	for _, table := range p.Tables[""] {
		m := pageData("<N><" + table + "><A>1</A></" + table + "></N>")
		if _, err := p.Admit(strings.NewReader(m.String()), created, book()); codeOf(t, err) != refusal.TableDenied {
			t.Errorf("%s: %v", table, err)
		}
	}
}

func TestUsers(t *testing.T) {
	p := peer(t)
	ones := syncserver.GUID{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	for _, c := range []struct {
		name  string
		users map[string]syncserver.GUID
		code  refusal.Code
	}{
		{"another case", map[string]syncserver.GUID{"Editor": ones}, refusal.UserDenied},
		{"the GUID of another", map[string]syncserver.GUID{"editor": {2}}, refusal.UserDenied},
		{"the user", map[string]syncserver.GUID{"editor": ones}, ""},
	} {
		p.Users = c.users
		_, err := p.Admit(strings.NewReader(update().String()), created, book())
		if code := codeOf(t, err); code != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	p.RunAs, p.RunAsGUID = syncserver.Text{Set: true, Value: "stager"}, syncserver.GUID{-5, 7}
	got, err := p.Admit(strings.NewReader(update().String()), created, book())
	if err != nil || got.Task.UserName.Value != "stager" || got.Task.UserGUID != p.RunAsGUID {
		t.Fatalf("%+v, %v", got.Task, err)
	}
	again(t, p, got)
}

func TestStringByReference(t *testing.T) {
	p := peer(t)
	p.Version = "editor"
	m := inner(`<mSystemVersion xsi:null="1"/>`, `<mSystemVersion href="#name"/>`)
	version, name := m.editInner, swap("UserName_x003E_k__BackingField>", `UserName_x003E_k__BackingField id="name">`)
	m.editInner = func(s string) string { return name(version(s)) }
	got, err := p.Admit(strings.NewReader(m.String()), created, book())
	if err != nil || got.Task.SystemVersion != got.Task.UserName {
		t.Fatalf("%+v, %v", got.Task, err)
	}
	again(t, p, got)
}

func TestPeerWithoutTheNameOfItsUpstream(t *testing.T) {
	p := peer(t)
	p.Upstream = ""
	if _, err := p.Admit(strings.NewReader(update().String()), created, book()); codeOf(t, err) != refusal.Loop {
		t.Errorf("loops would not be seen: %v", err)
	}
}

func TestMisnamedPeer(t *testing.T) {
	for servers, misnamed := range map[string]bool{";dev;": false, ";a;DEV;": false, ";dev;a;": true, "": false} {
		m := with(update(), func(m *message) { m.servers = servers })
		got, err := peer(t).Admit(strings.NewReader(m.String()), created, book())
		if err != nil || got.Misnamed != misnamed {
			t.Errorf("%q: %v, %v", servers, got.Misnamed, err)
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		a      syncserver.Answer
		status int
		want   syncserver.Reply
	}{
		{"success", syncserver.Forwarded(syncserver.Reply{}, "m", "c", "t"), 200, syncserver.Reply{}},
		{"failure", syncserver.Forwarded(syncserver.Reply{Result: "no <parent>"}, "m", "c", "t"), 200,
			syncserver.Reply{Result: "no <parent>"}},
		{"fault", syncserver.Forwarded(syncserver.Reply{Fault: "a & b"}, "m", "c", "t"), 500, syncserver.Reply{Fault: "a & b"}},
		{"refused", syncserver.Denied("the <type>", "r1", "m", "c", "t"), 200,
			syncserver.Reply{Result: "Refused by gateway: the <type> (r1)"}},
		{"uncertain", syncserver.Uncertain("r1", "m", "c", "t"), 200,
			syncserver.Reply{Result: "May have been carried out (r1)"}},
		{"not reached", syncserver.NotReached(), 503, syncserver.Reply{}},
	} {
		if c.a.Status != c.status || c.a.Reason == "" {
			t.Errorf("%s: %d %s", c.name, c.a.Status, c.a.Reason)
		}
		if len(c.a.Body) == 0 {
			continue
		}
		got, err := syncserver.ReadReply(c.status, strings.NewReader(string(c.a.Body)))
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestReplies(t *testing.T) {
	soap := func(body string) string {
		return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
			`<s:Body>` + body + `</s:Body></s:Envelope>`
	}
	answer := func(in string) string {
		return soap(`<ProcessSynchronizationTaskDataResponse xmlns="http://localhost/SyncWebService/SyncServer">` +
			in + `</ProcessSynchronizationTaskDataResponse>`)
	}
	const result = "<ProcessSynchronizationTaskDataResult>"
	const end = "</ProcessSynchronizationTaskDataResult>"
	for _, c := range []struct {
		name, text string
		status     int
		ok         bool
		want       syncserver.Reply
	}{
		{"absent", answer(""), 200, true, syncserver.Reply{}},
		{"empty", answer(result + end), 200, true, syncserver.Reply{}},
		{"nil", answer(`<ProcessSynchronizationTaskDataResult xsi:nil="true"/>`), 200, true, syncserver.Reply{}},
		{"text", answer(result + "no" + end), 200, true, syncserver.Reply{Result: "no"}},
		{"two", answer(result + end + result + end), 200, false, syncserver.Reply{}},
		{"nil and text", answer(`<ProcessSynchronizationTaskDataResult xsi:nil="1">a` + end), 200, false, syncserver.Reply{}},
		{"a result with a wrong status", answer(""), 500, false, syncserver.Reply{}},
		{"a fault with a wrong status", soap("<s:Fault><faultstring>a</faultstring></s:Fault>"), 200, false, syncserver.Reply{}},
		{"a fault", soap("<s:Fault><faultcode>s:Server</faultcode><faultstring>a</faultstring></s:Fault>"), 500, true,
			syncserver.Reply{Fault: "a"}},
		{"a fault without words", soap("<s:Fault/>"), 500, false, syncserver.Reply{}},
		{"a page", "<html/>", 200, false, syncserver.Reply{}},
		{"nothing", "", 200, false, syncserver.Reply{}},
		{"too long", answer(result + strings.Repeat("a", 64<<10) + end), 200, false, syncserver.Reply{}},
	} {
		got, err := syncserver.ReadReply(c.status, strings.NewReader(c.text))
		if (err == nil) != c.ok || got != c.want || err != nil && !errors.Is(err, syncserver.ErrBadReply) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// FuzzAdmit: what is accepted is read again to the same and written to the same bytes.
func FuzzAdmit(f *testing.F) {
	for _, x := range fixtures {
		if s := x.m.String(); len(s) < 64<<10 {
			f.Add([]byte(s))
		}
	}
	p := peer(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := p.Admit(strings.NewReader(string(data)), created, book())
		if err != nil {
			codeOf(t, err)
			return
		}
		again(t, p, got)
	})
}

// FuzzTask puts anything into the task of a call that is good outside.
func FuzzTask(f *testing.F) {
	for _, x := range fixtures {
		if x.m.cdata || len(x.m.data) > 64<<10 {
			continue
		}
		f.Add(x.m.kind, x.m.object, x.m.data, x.m.binary, x.m.servers)
	}
	p := peer(f)
	p.Deletes, p.Sites, p.ACL = true, true, true
	f.Fuzz(func(t *testing.T, kind, object, data, binary, servers string) {
		m := update()
		m.kind, m.object, m.data = quote.Replace(kind), quote.Replace(object), data
		m.binary, m.servers = binary, quote.Replace(servers)
		got, err := p.Admit(strings.NewReader(m.String()), created, book())
		if err != nil {
			codeOf(t, err)
			return
		}
		again(t, p, got)
	})
}

// FuzzReply: a reply that was understood is passed on as the same reply.
func FuzzReply(f *testing.F) {
	for _, r := range []syncserver.Reply{{}, {Result: "a <b>\r\n"}, {Fault: "c"}} {
		a := syncserver.Forwarded(r, "m", "c", "t")
		f.Add(a.Status, a.Body)
	}
	f.Fuzz(func(t *testing.T, status int, data []byte) {
		r, err := syncserver.ReadReply(status, strings.NewReader(string(data)))
		if err != nil {
			return
		}
		a := syncserver.Forwarded(r, "m", "c", "t")
		if len(a.Body) > 64<<10 {
			return
		}
		if got, err := syncserver.ReadReply(a.Status, strings.NewReader(string(a.Body))); err != nil || got != r {
			t.Fatalf("%+v became %+v: %v", r, got, err)
		}
	})
}

func BenchmarkAdmit(b *testing.B) {
	p, text := peer(b), file().String()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := p.Admit(strings.NewReader(text), created.Add(time.Second), book()); err != nil {
			b.Fatal(err)
		}
	}
}
