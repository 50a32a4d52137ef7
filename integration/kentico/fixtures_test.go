package kentico_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The token of the fixtures, as their description has it.
const (
	fixedNonce   = "AAECAwQFBgcICQoLDA0ODw=="
	fixedCreated = "2026-01-02T03:04:05Z"
	fixedDigest  = "nGp3gEtHjCJmiYr8Ciey/T3fOOA="
	fixedKey     = "lPf5uG0xz6hHHcLq1NYd4TfPBS8="
	emptyKey     = "2jmj7l5rSw0yVb/vlWAYkK/YBwk=" // of the empty password
)

// fresh gives a fixture the token of this moment in place of its own: the same that is right or wrong in
// it, with another nonce and time.
func fresh(body string, created time.Time) string {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce)
	fixed, _ := base64.StdEncoding.DecodeString(fixedNonce)
	at := created.UTC().Format("2006-01-02T15:04:05Z")
	return strings.NewReplacer(
		fixedDigest, digest(nonce, at, fixedKey),
		digest(fixed, fixedCreated, ""), digest(nonce, at, ""),
		digest(fixed, fixedCreated, emptyKey), digest(nonce, at, emptyKey),
		fixedNonce, base64.StdEncoding.EncodeToString(nonce), fixedCreated, at,
	).Replace(body)
}

type fixture struct{ Name, Code, Body string }

// fixtures are those that the reader of the wire is tested with, and those too large to be kept.
func fixtures(t *testing.T) []fixture {
	t.Helper()
	text, err := os.ReadFile("../../tunnel/syncserver/testdata/fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []fixture
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	plain := all[0].Body
	swap := func(old, with string) string {
		if !strings.Contains(plain, old) {
			t.Fatalf("the first fixture has no %s", old)
		}
		return strings.Replace(plain, old, with, 1)
	}
	return append(all,
		fixture{"20 a value", "too-large", swap("Home ", strings.Repeat("a", 4<<20+1))},
		fixture{"20 a head", "too-large", swap("<x:Header>", "<x:Header>"+strings.Repeat(" ", 64<<10))},
	)
}

// codes are the reasons under which the rules of the wire are recorded.
var codes = map[string]string{
	"malformed": "task.malformed", "too-large": "task.too-large", "bad-envelope": "task.envelope", "credentials": "task.credentials",
	"bypass-2746": "task.empty-secret", "bypass-2747": "task.no-password", "class-10068": "task.class", "bad-task": "task.form",
	"task-denied": "task.denied", "bad-servers": "task.servers", "loop": "task.loop", "bad-data": "task.data",
	"table-denied": "task.table", "path-2749": "task.path", "bad-file": "task.file",
}

// fixturePeer is the sender of the fixtures.
const fixturePeer = `  - { name: dev, users: [], tables: ["pages:Custom_Article"], sends: { user: staging, secret: { value: correct horse battery } } }`

// TestFixturesThroughARunningGateway: what is to pass comes to the server, written anew; of what is not,
// not a byte.
func TestFixturesThroughARunningGateway(t *testing.T) {
	live := newTwin(t, "live")
	o := options(t, live, "live", fixturePeer)
	o.Extra = []string{"quota: { failure_cost: 1 }"} // they all come from one address
	g := start(t, live, o)
	forwarded, refused := 0, 0
	for _, f := range fixtures(t) {
		t.Run(f.Name, func(t *testing.T) {
			before, bytes := len(live.calls()), live.bytes()
			status, reason, body := g.target("").call(t.Context(), fresh(f.Body, time.Now()))
			got := said(status, reason, body)
			if f.Code == "" {
				forwarded++
				calls := live.calls()
				if got != "" || len(calls) != before+1 {
					t.Fatalf("said %q, %d calls", got, len(calls)-before)
				}
				for _, mark := range []string{"CDATA", "x:Envelope", "E:Envelope", "k:Staging", `"r1"`, fixedNonce} {
					if strings.Contains(calls[before].Body, mark) {
						t.Errorf("%s of the sender came to the server", mark)
					}
				}
				return
			}
			refused++
			if len(live.calls()) != before || live.bytes() != bytes {
				t.Fatalf("%d bytes came to the server", live.bytes()-bytes)
			}
			v := g.verdicts(t)
			last := v[len(v)-1]
			if string(last.Reason) != codes[f.Code] || last.Verdict != "deny" {
				t.Errorf("recorded as %s %s, want %s", last.Verdict, last.Reason, codes[f.Code])
			}
			if told := strings.HasPrefix(got, "Refused by gateway: "); told != (last.Peer != "") || got == "" {
				t.Errorf("said %q to peer %q", got, last.Peer)
			}
			if !strings.HasPrefix(got, "Refused by gateway: ") && !strings.HasSuffix(got, ": Not accepted") {
				t.Errorf("a stranger was told %q", got)
			}
		})
	}
	if forwarded < 8 || refused < 60 {
		t.Errorf("%d were forwarded, %d refused", forwarded, refused)
	}
	t.Logf("%d forwarded, %d refused without a byte at the server", forwarded, refused)
}

// TestATokenIsGoodForOneTask: the token covers neither the path that a task is sent to nor the user, so a
// copy of a call is one under another target, and as another user with the same password.
func TestATokenIsGoodForOneTask(t *testing.T) {
	hub, leaf := newTwin(t, "hub"), newTwin(t, "leaf")
	ca := leaf.ca(t)
	peer := func(name string) []string {
		return []string{
			"  - name: " + name, "    users: []", "    sends: { user: from-" + name + ", secret: { value: between } }",
			"    target: { url: " + leaf.URL + ", path_context: /to-" + name + ", ca: " + ca + `, user: staging, secret: { value: of leaf } }`,
		}
	}
	g := start(t, hub, options(t, hub, "hub", append(peer("dev"), peer("test")...)...))
	send := func(path, body string) string {
		status, reason, answer := g.target(path).call(t.Context(), body)
		return said(status, reason, answer)
	}
	const no = "HTTP status 400: Not accepted"
	out := message("own", "own password", "UpdateDocument", "", home, "", ";hub;")
	if got := send("/to-dev", out); got != "" {
		t.Fatalf("to dev: %q", got)
	}
	if got := send("/to-test", out); got != no || len(leaf.calls()) != 1 {
		t.Errorf("the same to test: %q, %d calls", got, len(leaf.calls()))
	}
	in := message("from-dev", "between", "UpdateDocument", "", strings.Replace(home, "garden", "kitchen", 1), "", "")
	if got := send("", in); got != "" {
		t.Fatalf("from dev: %q", got)
	}
	if got := send("", strings.Replace(in, "from-dev", "from-test", 1)); got != no || len(hub.calls()) != 1 {
		t.Errorf("the same from test: %q, %d calls", got, len(hub.calls()))
	}
	if v := g.verdicts(t); len(v) != 4 || v[1].Reason != "task.replay" || v[3].Reason != "task.replay" {
		t.Errorf("%+v", v)
	}
}

// TestTokensInTimeAndOnce is the tenth fixture: an old token, one that was used, one with another body;
// and none of it is forgotten by a restart.
func TestTokensInTimeAndOnce(t *testing.T) {
	live := newTwin(t, "live")
	o := options(t, live, "live", fixturePeer)
	o.Dir = t.TempDir()
	g := start(t, live, o)
	plain := fixtures(t)[0].Body
	once := fresh(plain, time.Now())
	other := strings.Replace(once, "garden", "kitchen", 1)
	step := func(name, body string, want string, calls int) {
		t.Helper()
		status, reason, answer := g.target("").call(t.Context(), body)
		if got := said(status, reason, answer); got != want || len(live.calls()) != calls {
			t.Errorf("%s: said %q, %d calls", name, got, len(live.calls()))
		}
	}
	const no = "HTTP status 400: Not accepted"
	step("20 minutes old", fresh(plain, time.Now().Add(-20*time.Minute)), no, 0)
	step("from the future", fresh(plain, time.Now().Add(20*time.Minute)), no, 0)
	step("the first time", once, "", 1)
	step("sent twice", once, no, 1)
	step("the same token, another body", other, no, 1)
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	g = start(t, live, o)
	step("after a restart", once, no, 1)
	step("a new one", fresh(plain, time.Now()), "", 2)
}

// TestRequestsThatAreNoCalls is the twelfth fixture, and what else is at such a server's door.
func TestRequestsThatAreNoCalls(t *testing.T) {
	live := newTwin(t, "live")
	o := options(t, live, "live", dev)
	o.Context = "/live"
	g := start(t, live, o)
	base := strings.TrimSuffix(g.URL, "/live")
	type request struct {
		method, target, kind, action, encoding string
		chunked                                bool
	}
	good := request{"POST", "/live" + servicePath, "text/xml; charset=utf-8", `"` + action + `"`, "", false}
	for _, tt := range []struct {
		name   string
		change func(r *request)
		status int
	}{
		{"a call", func(*request) {}, 200},
		{"a bare action", func(r *request) { r.action = action }, 200},
		{"a form post", func(r *request) {
			r.target += "/ProcessSynchronizationTaskData"
			r.kind = "application/x-www-form-urlencoded"
		}, 404},
		{"SOAP 1.2", func(r *request) { r.kind = "application/soap+xml; charset=utf-8" }, 415},
		{"GET", func(r *request) { r.method = "GET" }, 405},
		{"the description", func(r *request) { r.method = "GET"; r.target += "?wsdl" }, 404},
		{"a query", func(r *request) { r.target += "?a" }, 404},
		{"without the context", func(r *request) { r.target = servicePath }, 404},
		{"another case", func(r *request) { r.target = "/live" + strings.ToLower(servicePath) }, 404},
		{"encoded", func(r *request) { r.target = strings.Replace(r.target, "Staging", "%53taging", 1) }, 404},
		{"a double slash", func(r *request) { r.target = strings.Replace(r.target, "/CMSPages", "//CMSPages", 1) }, 404},
		{"the old path", func(r *request) { r.target = "/live/CMSPages/SyncServer.asmx" }, 404},
		{"another page of the server", func(r *request) { r.target = "/live/CMSPages/GetFile.aspx" }, 404},
		{"the tunnel of another product", func(r *request) { r.target = "/live/api/liferay/do" }, 404},
		{"no action", func(r *request) { r.action = "" }, 400},
		{"another action", func(r *request) { r.action = `"http://localhost/SyncWebService/SyncServer/Other"` }, 400},
		{"UTF-16", func(r *request) { r.kind = "text/xml; charset=utf-16" }, 415},
		{"compressed", func(r *request) { r.encoding = "gzip" }, 415},
		{"in chunks", func(r *request) { r.chunked = true }, 411},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, r := len(live.calls()), good
			tt.change(&r)
			var body io.Reader = strings.NewReader(message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;"))
			if r.method == "GET" {
				body = nil
			}
			if r.chunked {
				body = io.MultiReader(body)
			}
			req, err := http.NewRequestWithContext(t.Context(), r.method, base+r.target, body)
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range map[string]string{"Content-Type": r.kind, "SOAPAction": r.action, "Content-Encoding": r.encoding} {
				if v != "" {
					req.Header.Set(name, v)
				}
			}
			res, err := g.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(res.Body)
			res.Body.Close()
			want := 0
			if tt.status == 200 {
				want = 1
			}
			if res.StatusCode != tt.status || len(live.calls())-before != want {
				t.Errorf("status %d, %d calls", res.StatusCode, len(live.calls())-before)
			}
			if tt.status != 200 && (res.Status != fmt.Sprintf("%d Not accepted", tt.status) || len(answer) > 0) {
				t.Errorf("a stranger was told %q %s", res.Status, answer)
			}
		})
	}
}

// TestStrangers: who is not on the list is told nothing, whatever he knows.
func TestStrangers(t *testing.T) {
	live := newTwin(t, "live")
	o := options(t, live, "live", dev)
	o.Allow = `["10.0.0.1"]`
	g := start(t, live, o)
	status, reason, body := g.target("").call(t.Context(), message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;"))
	if status != 403 || reason != "Not accepted" || body != "" || live.bytes() > 0 {
		t.Errorf("%d %s %s", status, reason, body)
	}
	o.Allow = `["127.0.0.1"]`
	o.Kentico[len(o.Kentico)-1] = strings.Replace(dev, "user: dev,", "user: dev, addresses: [10.0.0.1],", 1)
	g = start(t, live, o)
	status, reason, _ = g.target("").call(t.Context(), message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;"))
	if status != 400 || reason != "Not accepted" || live.bytes() > 0 {
		t.Errorf("from another address than the peer's: %d %s", status, reason)
	}
}

// TestHostileDocuments: a call that would cost more than it weighs is refused early, at the door of who
// proved nothing and at that of a peer.
func TestHostileDocuments(t *testing.T) {
	live := newTwin(t, "live")
	g := start(t, live, options(t, live, "live", dev))
	call := func() string { return message("dev", "dev password", "UpdateDocument", "", home, "", ";dev;") }
	data := func(rows string) string {
		return message("dev", "dev password", "UpdateDocument", "", rows, "", ";dev;")
	}
	cut := call()
	lol := `<!DOCTYPE lolz [<!ENTITY a "` + strings.Repeat("ha", 100) + `"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`
	for _, tt := range []struct{ name, body, reason string }{
		{"entities of entities outside", strings.Replace(call(), "?>", "?>"+lol, 1), "task.malformed"},
		{"entities of entities in the data", data(lol + "<N><CMS_Document><A>&b;</A></CMS_Document></N>"), "task.malformed"},
		{"a file of the gateway", data(`<!DOCTYPE N [<!ENTITY a SYSTEM "file:///etc/passwd">]><N><CMS_Document><A>&a;</A></CMS_Document></N>`), "task.malformed"},
		{"deep outside", strings.Replace(call(), "<soap:Header>", "<soap:Header>"+strings.Repeat("<a>", 2000), 1), "task.too-large"},
		{"deep in the data", data(strings.Repeat("<N>", 100_000) + strings.Repeat("</N>", 100_000)), "task.too-large"},
		{"many elements", data("<N>" + strings.Repeat("<CMS_Document><A/></CMS_Document>", 120_000) + "</N>"), "task.too-large"},
		{"many attributes", data("<N><CMS_Document " + attributes(40) + "><A/></CMS_Document></N>"), "task.too-large"},
		{"bytes that are no text", strings.Replace(call(), "Home", "\xff\xfe", 1), "task.malformed"},
		{"another encoding", strings.Replace(call(), "utf-8", "utf-16", 1), "task.malformed"},
		{"cut", cut[:len(cut)/2], "task.malformed"},
		{"nothing", "", "task.malformed"},
		{"a page", "<html><body>hello</body></html>", "task.envelope"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, reason, body := g.target("").call(t.Context(), tt.body)
			if got := said(status, reason, body); got == "" {
				t.Error("it was taken")
			}
			v := g.verdicts(t)
			if got := string(v[len(v)-1].Reason); got != tt.reason {
				t.Errorf("recorded as %s, want %s", got, tt.reason)
			}
		})
	}
	if n := live.bytes(); n > 0 {
		t.Errorf("%d bytes came to the server", n)
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d="1"`, i)
	}
	return b.String()
}
