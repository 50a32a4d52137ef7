package control_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/control"
)

// post sends a command as it stands and returns the status and the answer.
func (s side) post(path, authorization, header, body string) (int, string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	if header != "" {
		req.Header.Set("Stagelock-Input", header)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

// TestTheWholeAnswerOfARefusal holds each byte of what a refused command is told, and that nothing is made.
func TestTheWholeAnswerOfARefusal(t *testing.T) {
	s := open(t, 20121)
	const right = "Bearer " + token
	for _, tt := range []struct {
		name, path, authorization, header, body string
		status                                  int
		want                                    string
	}{
		{"no token", "/v1/site.create", "", "", `{"name":"x"}`, 401, `{"code":"token","message":"the token is not this engine's"}`},
		{"an empty token", "/v1/site.create", "Bearer ", "", `{"name":"x"}`, 401, `{"code":"token","message":"the token is not this engine's"}`},
		{"the scheme in another case", "/v1/site.create", "bearer " + token, "", `{"name":"x"}`, 401,
			`{"code":"token","message":"the token is not this engine's"}`},
		{"a stranger learns of no command", "/v1/site.burn", "Bearer x", "", "", 401, `{"code":"token","message":"the token is not this engine's"}`},
		{"no such command", "/v1/site.burn", right, "", "{}", 404, `{"code":"no-command","message":"no such command: site.burn"}`},
		{"a command with markup", "/v1/%3Cb%3E%22", right, "", "{}", 404, `{"code":"no-command","message":"no such command: \u003cb\u003e\""}`},
		{"an unknown field", "/v1/site.create", right, "", `{"name":"x","a":1}`, 400,
			`{"code":"input","message":"the command cannot be read: json: unknown field \"a\""}`},
		{"no input", "/v1/site.create", right, "", "", 400, `{"code":"input","message":"the command cannot be read: EOF"}`},
		{"half of one", "/v1/site.create", right, "", `{"name":"x"`, 400, `{"code":"input","message":"the command cannot be read: unexpected EOF"}`},
		{"more than an input may be", "/v1/site.create", right, "", `{"name":"` + strings.Repeat("x", 4<<20) + `"}`, 400,
			`{"code":"input","message":"the command cannot be read: http: request body too large"}`},
		{"an input in the header that is none", "/v1/content.add", right, "x", `{"site":20121}`, 400,
			`{"code":"input","message":"the command cannot be read: invalid character 'x' looking for beginning of value"}`},
		{"a site without a name", "/v1/site.create", right, "", "{}", 422, `{"code":"bad-item","message":"a site needs a name"}`},
		{"the control panel's id", "/v1/site.create", right, "", `{"id":20002,"name":"x"}`, 422,
			`{"code":"bad-item","message":"site 20002: the id belongs to the control panel"}`},
		{"an id below 0", "/v1/site.create", right, "", `{"id":-1,"name":"x"}`, 422, `{"code":"bad-item","message":"site -1: an id is above 0"}`},
		{"no site", "/v1/site.show", right, "", `{"site":404}`, 404,
			`{"code":"no-site","message":"no site 404","cure":"stagelock site list shows the sites and their ids"}`},
		{"no kind", "/v1/content.add", right, `{"site":20121,"kind":"poem","name":"x"}`, "x", 422,
			`{"code":"bad-item","message":"\"poem\" is no kind of content"}`},
		{"no item", "/v1/content.delete", right, "", `{"site":20121,"kind":"page","uuid":"u"}`, 404,
			`{"code":"no-item","message":"no page u in site 20121","cure":"stagelock content list shows what the site has"}`},
		{"a user without an address", "/v1/user.add", right, "", `{"screen_name":"x"}`, 422,
			`{"code":"bad-item","message":"\"\" is no e-mail address"}`},
		{"a user that is there", "/v1/user.add", right, "", `{"email":"` + publisher + `","screen_name":"y"}`, 409,
			`{"code":"taken","message":"there is a user with the address publisher@example.com already","cure":"choose another one"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, got := s.post(tt.path, tt.authorization, tt.header, tt.body); status != tt.status || got != tt.want {
				t.Errorf("got %d %s, want %d %s", status, got, tt.status, tt.want)
			}
		})
	}
	items := must[[]control.Item](s, "content.list", control.SiteID{Site: 20121})
	sites, users := must[[]control.Site](s, "site.list", struct{}{}), must[[]control.User](s, "user.list", struct{}{})
	if len(items) != 0 || len(sites) != 1 || len(users) != 1 {
		t.Errorf("made: %+v, %+v, %+v", items, sites, users)
	}
}

// TestInputsOfTheGreatestLength: 4 MiB go in, one byte more does not.
func TestInputsOfTheGreatestLength(t *testing.T) {
	s := open(t, 20121)
	for more, want := range map[int]int{0: http.StatusNotFound, 1: http.StatusBadRequest} {
		in := `{"site":404}`
		in += strings.Repeat(" ", 4<<20-len(in)+more)
		if status, got := s.post("/v1/site.show", "Bearer "+token, "", in); status != want {
			t.Errorf("%d bytes: %d %s, want %d", len(in), status, got, want)
		}
	}
}

// TestTextOfAPageIsBounded where that of a document is not.
func TestTextOfAPageIsBounded(t *testing.T) {
	s := open(t, 20121)
	page := s.add(control.NewItem{Site: 20121, Kind: content.Page, Name: "Home"}, "old")
	id := control.ItemID{Site: 20121, Kind: content.Page, UUID: page.UUID}
	update := func(id control.ItemID, n int) error {
		_, err := control.Upload[control.Item](t.Context(), s.Client, "content.update", id, strings.NewReader(strings.Repeat("x", n)))
		return err
	}
	refusedAs(t, update(id, 4<<20+1), 422, content.BadItem, "the text of a page has at most 4 MiB")
	if got := s.read(id); got != "old" {
		t.Errorf("the page is %d bytes long", len(got))
	}
	if err := update(id, 4<<20); err != nil || len(s.read(id)) != 4<<20 {
		t.Errorf("4 MiB: %v", err)
	}
	file := s.add(control.NewItem{Site: 20121, Kind: content.Document, Name: "a.bin"}, "old")
	if err := update(control.ItemID{Site: 20121, Kind: content.Document, UUID: file.UUID}, 4<<20+1); err != nil {
		t.Errorf("a document: %v", err)
	}
}

// TestNamesThatAHeaderCouldNotCarry travel beside the content all the same.
func TestNamesThatAHeaderCouldNotCarry(t *testing.T) {
	s := open(t, 20121)
	for _, name := range []string{"a\x7fb", "\r\nX-Evil: 1", "tab\there", "\x00", " x", "\u0085\u00a0x", "\u2028x", "\U0010ffff", `"\`, strings.Repeat("ö", 2000)} {
		it, err := control.Upload[control.Item](t.Context(), s.Client, "content.add",
			control.NewItem{Site: 20121, Kind: content.Article, Name: name}, strings.NewReader("x"))
		if err != nil || it.Name != name {
			t.Errorf("%.20q: %.20q, %v", name, it.Name, err)
		}
	}
}

// TestContentThatBreaksOnItsWay is not written.
func TestContentThatBreaksOnItsWay(t *testing.T) {
	s := open(t, 20121)
	cut := errors.New("the disk is gone")
	for _, n := range []int{0, 1, 1 << 20} {
		body := io.MultiReader(strings.NewReader(strings.Repeat("x", n)), iotest.ErrReader(cut))
		_, err := control.Upload[control.Item](t.Context(), s.Client, "content.add", control.NewItem{Site: 20121, Kind: content.Document, Name: "a"}, body)
		if !errors.Is(err, cut) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	if all := must[[]control.Item](s, "content.list", control.SiteID{Site: 20121}); len(all) != 0 {
		t.Errorf("written: %+v", all)
	}
}

// TestContentComesBackAsItIs, whatever bytes it has, with its length and its digest.
func TestContentComesBackAsItIs(t *testing.T) {
	s := open(t, 20121)
	for i, text := range []string{"", "\x00\xff\xfe", "{\"site\":1}\n", strings.Repeat("ä\r\n", 1<<17)} {
		it := s.add(control.NewItem{Site: 20121, Kind: content.Document, Name: fmt.Sprint(i)}, text)
		if got := s.read(control.ItemID{Site: 20121, Kind: content.Document, UUID: it.UUID}); got != text || it.Size != int64(len(text)) || len(it.SHA256) != 64 {
			t.Errorf("%d: %d bytes came back of %d, %+v", i, len(got), len(text), it)
		}
	}
}

// TestWhatAnAnswerOfAnEngineIs: an answer that is cut is an error of the line, one that is something else is told
// with the command's name.
func TestWhatAnAnswerOfAnEngineIs(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		none         bool // which no engine gives
		want         string
	}{
		{"a page", "<html>", true, "site.show: invalid character '<' looking for beginning of value, which is not an engine's answer"},
		{"another type", `"x"`, true, "site.show: json: cannot unmarshal string into Go value of type control.Site, which is not an engine's answer"},
		{"a field of another type", `{"id":"x"}`, true,
			"site.show: json: cannot unmarshal string into Go struct field Site.id of type int64, which is not an engine's answer"},
		{"half of one", `{"id":1`, false, "unexpected EOF"},
		{"nothing", "", false, "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.answer) }))
			defer far.Close()
			c := &control.Client{URL: far.URL, Token: token}
			_, did := control.Do[control.Site](t.Context(), c, "site.show", struct{}{})
			_, sent := control.Upload[control.Site](t.Context(), c, "site.show", struct{}{}, strings.NewReader("x"))
			for _, err := range []error{did, sent} {
				if err == nil || err.Error() != tt.want || errors.Is(err, control.ErrNoEngine) != tt.none {
					t.Errorf("got %v, want %s", err, tt.want)
				}
			}
		})
	}
}

// TestAFailureIsToldAsItCame: status, code, words and cure of a refusal arrive whole; one that is no engine's has
// the status and the command.
func TestAFailureIsToldAsItCame(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":"a","message":"b \u003c","cure":"c"}`: "b <", "": "x.y: 418 I'm a teapot, which is not an engine's answer",
		"[]": "x.y: 418 I'm a teapot, which is not an engine's answer", `{"code":` + strings.Repeat(" ", 5<<20) + `"a"}`: "x.y: 418 I'm a teapot, which is not an engine's answer",
	} {
		far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, body)
		}))
		_, err := control.Do[any](t.Context(), &control.Client{URL: far.URL}, "x.y", struct{}{})
		var f *control.Failure
		if err == nil || err.Error() != want || errors.As(err, &f) && *f != (control.Failure{Status: 418, Code: "a", Message: "b <", Cure: "c"}) {
			t.Errorf("%.20q: got %v (%+v), want %s", body, err, f, want)
		}
		far.Close()
	}
}

// TestWhatAClientSends holds the wire: a POST to the command with the token, the input in the body, or in the
// header when the body is content.
func TestWhatAClientSends(t *testing.T) {
	type wire struct{ Method, Path, Authorization, Header, Body string }
	var got []wire
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, wire{r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Stagelock-Input"), string(b)})
		_, _ = io.WriteString(w, "{}")
	}))
	defer far.Close()
	c := &control.Client{URL: far.URL, Token: "t", HTTP: far.Client()}
	_, did := control.Do[any](t.Context(), c, "a.b", control.SiteID{Site: 7})
	_, sent := control.Upload[any](t.Context(), c, "c.d", map[string]string{"name": "ö🛍"}, bytes.NewReader([]byte{0, 1}))
	r, loaded := c.Download(t.Context(), "e.f", nil)
	if err := errors.Join(did, sent, loaded); err != nil {
		t.Fatal(err)
	}
	r.Close()
	want := []wire{{"POST", "/v1/a.b", "Bearer t", "", `{"site":7}`}, {"POST", "/v1/c.d", "Bearer t", `{"name":"\u00f6\ud83d\udecd"}`, "\x00\x01"},
		{"POST", "/v1/e.f", "Bearer t", "", "null"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := control.Do[any](t.Context(), c, "a.b", func() {}); err == nil || len(got) != 3 {
		t.Errorf("an input that is no JSON: %v, %d calls", err, len(got))
	}
	var kind *json.UnsupportedTypeError
	if _, err := control.Upload[any](t.Context(), c, "a.b", make(chan int), nil); !errors.As(err, &kind) {
		t.Errorf("an input that is no JSON: %v", err)
	}
}

// TestAnEngineWithoutATokenHearsNobody, not even who has none either.
func TestAnEngineWithoutATokenHearsNobody(t *testing.T) {
	e, _ := start(t)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer \x00"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/v1/site.create", strings.NewReader(`{"name":"x"}`))
		r.Header["Authorization"] = []string{authorization}
		e.Commands("").ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%q: %d %s", authorization, w.Code, w.Body)
		}
	}
	if all, err := e.Sites(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("sites %+v, %v", all, err)
	}
}
