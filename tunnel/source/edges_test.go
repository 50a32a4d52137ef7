package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// raw asks an engine's end as any program could, and returns status and body.
func raw(t *testing.T, h http.Handler, method, target, auth, facts, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, source.Path+target, strings.NewReader(body))
	if auth != "" {
		r.Header.Set("Authorization", auth)
	}
	if facts != "" {
		r.Header.Set("Stagelock-Facts", facts)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestWhoHasNotTheTokenReachesNothing: whatever is asked for, and however the token is written.
func TestWhoHasNotTheTokenReachesNothing(t *testing.T) {
	const want = `{"code":"token","message":"the token is not the engine's"}` + "\n"
	for _, tt := range []struct{ name, token, auth string }{
		{"none", "token", ""},
		{"only the scheme", "token", "Bearer "},
		{"no blank", "token", "Bearer"},
		{"another scheme", "token", "Basic token"},
		{"the scheme in small letters", "token", "bearer token"},
		{"the bare token", "token", "token"},
		{"a begin of it", "token", "Bearer toke"},
		{"more than it", "token", "Bearer tokens"},
		{"a blank before it", "token", "Bearer  token"},
		{"in capitals", "token", "Bearer TOKEN"},
		{"an engine without a token", "", "Bearer "},
		{"an engine without a token, and no header", "", ""},
		{"an engine without a token, and one given", "", "Bearer token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &together{}
			h := source.Handler(s, tt.token)
			for _, ask := range [][2]string{{"GET", "changes?after=0&limit=1"}, {"GET", "content?object=s/article/a"},
				{"POST", "apply?object=s/article/a&expect=0"}, {"POST", "apply-all"}, {"GET", "nothing"}, {"DELETE", ""}} {
				code, body := raw(t, h, ask[0], ask[1], tt.auth, "{}", "[]")
				if code != http.StatusUnauthorized || body != want {
					t.Errorf("%s %s: status %d, %s", ask[0], ask[1], code, body)
				}
			}
			if s.asked != "" || s.got != nil {
				t.Errorf("the engine was asked %q", s.asked)
			}
		})
	}
}

// TestQuestionsThatTheEngineIsNotAsked: what cannot be read is answered before the engine hears of it.
func TestQuestionsThatTheEngineIsNotAsked(t *testing.T) {
	object := url.QueryEscape(string(article))
	for _, tt := range []struct {
		name, method, target, facts string
		status                      int
		text                        string
	}{
		{"no number", "GET", "changes?after=x&limit=1", "", 400, `parsing \"x\": invalid syntax`},
		{"no limit", "GET", "changes?after=1", "", 400, `strconv.Atoi: parsing \"\": invalid syntax`},
		{"neither", "GET", "changes", "", 400, `ParseInt`},
		{"a number above 64 bits", "GET", "changes?after=9223372036854775808&limit=1", "", 400, "value out of range"},
		{"a fraction", "GET", "changes?after=1.5&limit=1", "", 400, "invalid syntax"},
		{"changes are not written", "POST", "changes?after=1&limit=1", "", 405, "Method Not Allowed"},
		{"no object", "GET", "content", "", 400, `"code":"input"`},
		{"an object that climbs", "GET", "content?object=..%2fx", "", 400, `"code":"input"`},
		{"an object of one segment", "GET", "content?object=a", "", 400, `"code":"input"`},
		{"apply: no object", "POST", "apply?expect=0", "{}", 400, `"code":"input"`},
		{"apply: no number", "POST", "apply?object=" + object, "{}", 400, "invalid syntax"},
		{"apply: no facts", "POST", "apply?expect=0&object=" + object, "", 400, "unexpected end of JSON input"},
		{"apply: facts that are none", "POST", "apply?expect=0&object=" + object, "[]", 400, "cannot unmarshal array"},
		{"apply: facts cut", "POST", "apply?expect=0&object=" + object, `{"seq":1`, 400, "unexpected end of JSON input"},
		{"apply is not read", "GET", "apply?expect=0&object=" + object, "{}", 405, "Method Not Allowed"},
		{"apply-all of one that takes singly", "POST", "apply-all", "", 404, "404 page not found"},
		{"another call", "GET", "secrets", "", 404, "404 page not found"},
		{"another version", "GET", "../v2/changes?after=0&limit=1", "", 307, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &spoken{}
			code, body := raw(t, source.Handler(s, "token"), tt.method, tt.target, "Bearer token", tt.facts, "content")
			if code != tt.status || !strings.Contains(body, tt.text) || s.asked != "" {
				t.Errorf("status %d, %s; the engine was asked %q", code, body, s.asked)
			}
		})
	}
}

// TestLimitsOfRows: whoever asks for too many, or for none, gets what there may be.
func TestLimitsOfRows(t *testing.T) {
	for limit, want := range map[int]string{-5: "0 1", 0: "0 1", 1: "0 1", 999: "0 999", 1000: "0 1000", 1001: "0 1000", 1 << 40: "0 1000"} {
		s := &spoken{}
		if _, err := start(t, s, "token").Changes(t.Context(), 0, limit); err != nil || s.asked != want {
			t.Errorf("limit %d: asked %q, %v; want %q", limit, s.asked, err, want)
		}
	}
	s := &spoken{}
	c := start(t, s, "token")
	for _, after := range []int64{-1, 0, 1<<63 - 1, -1 << 63} {
		if _, err := c.Changes(t.Context(), after, 1); err != nil || s.asked != fmt.Sprint(after, " 1") {
			t.Errorf("after %d: asked %q, %v", after, s.asked, err)
		}
	}
}

// TestErrorTexts are what an operator reads of an object that was not carried out.
func TestErrorTexts(t *testing.T) {
	a, b := sync.Object("s/article/a"), sync.Object("s/article/b")
	for _, tt := range []struct {
		name string
		err  error
		text string
		same bool // nothing was changed
	}{
		{"edited meanwhile", source.ErrMoved, "the object was edited meanwhile", true},
		{"one at a time", source.ErrSingly, "the engine takes one object at a time", true},
		{"one is missing", &source.Missing{Objects: []sync.Object{a}}, "it needs s/article/a, which is not there", true},
		{"two are missing", &source.Missing{Objects: []sync.Object{a, b}}, "it needs s/article/a, s/article/b, which is not there", true},
		{"nobody says what is missing", &source.Missing{}, "it needs something, which is not there", true},
		{"kept by one", &source.Kept{Objects: []sync.Object{b}}, "it is kept by s/article/b, which hangs on it", true},
		{"nobody says by what", &source.Kept{}, "it is kept by something, which hangs on it", true},
		{"refused", &source.Invalid{Text: "no title"}, "the engine refuses it: no title", true},
		{"refused without a word", &source.Invalid{}, "the engine refuses it: ", true},
		{"it could not", source.ErrFailed, "the engine could not do it", false},
		{"it could not, with a cause", fmt.Errorf("%w: disk", source.ErrFailed), "the engine could not do it: disk", false},
		{"another", io.ErrUnexpectedEOF, "unexpected EOF", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err.Error() != tt.text || source.Unchanged(tt.err) != tt.same {
				t.Errorf("%q, unchanged %t", tt.err, source.Unchanged(tt.err))
			}
			if wrapped := fmt.Errorf("apply: %w", errors.Join(tt.err, nil)); source.Unchanged(wrapped) != tt.same {
				t.Errorf("wrapped: unchanged %t", !tt.same)
			}
		})
	}
	if source.Unchanged(nil) {
		t.Error("what succeeded has changed nothing")
	}
}

// answers is an engine that answers everything alike.
func answers(t *testing.T, status int, facts, body string) *source.Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if facts != "" {
			w.Header().Set("Stagelock-Facts", facts)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return &source.Client{URL: srv.URL, Token: func() (string, error) { return "t", nil }, HTTP: srv.Client()}
}

// TestAnswersThatSayNothingOfTheObject: after each of them nobody knows, so none may look like a refusal.
func TestAnswersThatSayNothingOfTheObject(t *testing.T) {
	for _, tt := range []struct {
		name         string
		status       int
		body, errors string
		failed       bool
	}{
		{"an empty 200", 200, ``, "the engine's answer cannot be read: EOF", false},
		{"a page of a proxy", 200, `<html>`, "the engine's answer cannot be read: invalid character '<'", false},
		{"a 200 that is cut", 200, `{"seq":`, "the engine's answer cannot be read: unexpected EOF", false},
		{"a 200 of another form", 200, `{"seq":"one"}`, "cannot unmarshal string", false},
		{"a 204", 204, ``, "the engine answers 204 No Content at ", false},
		{"a 404", 404, `{"code":"moved"}`, "it has no such call", false},
		{"a 502 of a proxy", 502, `<html>`, "the engine answers 502 Bad Gateway at ", false},
		{"a 409 without a code", 409, `{}`, `the engine answers "": `, false},
		{"a code that nobody knows", 409, `{"code":"odd","message":"x"}`, `the engine answers "odd": x`, false},
		{"a code in capitals", 409, `{"code":"Moved"}`, `the engine answers "Moved": `, false},
		{"it failed", 500, `{"code":"failed","message":"disk full"}`, "the engine could not do it: disk full", true},
		{"not the token", 401, `{"code":"token","message":"the token is not the engine's"}`, `the engine answers "token": the token is not the engine's`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := answers(t, tt.status, "", tt.body)
			seq, err := c.Apply(t.Context(), article, 1, "t", source.Facts{}, strings.NewReader("x"))
			if err == nil || !strings.Contains(err.Error(), tt.errors) || seq != 0 {
				t.Fatalf("seq %d, error %v, want %s", seq, err, tt.errors)
			}
			if source.Unchanged(err) || errors.Is(err, source.ErrFailed) != tt.failed {
				t.Errorf("unchanged %t, failed %t: %v", source.Unchanged(err), errors.Is(err, source.ErrFailed), err)
			}
		})
	}
}

func TestRefusalsThatTheClientKnows(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       error
	}{
		{"moved", `{"code":"moved","message":"whatever"}`, source.ErrMoved},
		{"missing", `{"code":"missing","objects":["s/article/a"]}`, &source.Missing{Objects: []sync.Object{"s/article/a"}}},
		{"missing something", `{"code":"missing"}`, &source.Missing{}},
		{"kept", `{"code":"kept","objects":["s/article/a","s/article/b"]}`, &source.Kept{Objects: []sync.Object{"s/article/a", "s/article/b"}}},
		{"invalid", `{"code":"invalid","message":"no title"}`, &source.Invalid{Text: "no title"}},
		{"more than is known", `{"code":"moved","later":[1]}`, source.ErrMoved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := answers(t, http.StatusConflict, "", tt.body).Apply(t.Context(), article, 1, "t", source.Facts{}, nil)
			if !source.Unchanged(err) || fmt.Sprintf("%T %v", err, err) != fmt.Sprintf("%T %v", tt.want, tt.want) {
				t.Errorf("got %T %v, want %T %v", err, err, tt.want, tt.want)
			}
		})
	}
}

func TestJournalsThatCannotBeRead(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", ``, "the engine's journal cannot be read: EOF"},
		{"no list", `{}`, "the engine's journal cannot be read: json: cannot unmarshal object"},
		{"cut", `[{"seq":1,"object":"s/article/a"}`, "the engine's journal cannot be read: unexpected EOF"},
		{"a row of nothing", `[{"seq":5}]`, "the engine's journal at 5: "},
		{"a row that climbs", `[{"seq":1,"object":"s/article/a"},{"seq":2,"object":"../../x"}]`, "the engine's journal at 2: "},
		{"a row of one segment", `[{"seq":3,"object":"x"}]`, "the engine's journal at 3: "},
		{"more than there may be", `[{"tag":"` + strings.Repeat("x", 9<<20) + `"}]`, "the engine's journal cannot be read: unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := answers(t, 200, "", tt.body).Changes(t.Context(), 0, 10)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || rows != nil {
				t.Errorf("%d rows, error %v, want %s", len(rows), err, tt.want)
			}
		})
	}
	if rows, err := answers(t, 200, "", `[]`).Changes(t.Context(), 0, 10); err != nil || len(rows) != 0 {
		t.Errorf("an empty journal: %v, %v", rows, err)
	}
	if rows, err := answers(t, 200, "", `null`).Changes(t.Context(), 0, 10); err != nil || len(rows) != 0 {
		t.Errorf("a journal of an engine that has none: %v, %v", rows, err)
	}
}

func TestContentOfWhichNothingIsSaid(t *testing.T) {
	for _, tt := range []struct{ name, facts, want string }{
		{"no header", "", "the engine says nothing of " + string(article) + ": unexpected end of JSON input"},
		{"a header that is no JSON", "x", "the engine says nothing of " + string(article) + ": invalid character"},
		{"a list", "[]", "the engine says nothing of " + string(article) + ": json: cannot unmarshal array"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, f, err := answers(t, 200, tt.facts, "content").Content(t.Context(), article)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || r != nil || f.Seq != 0 {
				t.Errorf("%v, %+v, error %v, want %s", r, f, err, tt.want)
			}
		})
	}
	r, f, err := answers(t, 200, `{"seq":4,"deleted":true}`, "content of what is gone").Content(t.Context(), article)
	if r != nil || err != nil || !f.Deleted || f.Seq != 4 {
		t.Errorf("a deleted one that has content: %v, %+v, %v", r, f, err)
	}
}

// TestFactsTravelInAHeader: whatever a title is, it stays one header of printable ASCII.
func TestFactsTravelInAHeader(t *testing.T) {
	for _, title := range []string{"", "plain", "a\r\nX-Injected: 1", "\x00\x01\x7f", "größe", "日本", "🎈🛍", `"\`, "\u2028\u2029", "<script>",
		string(rune(0x10ffff)), strings.Repeat("ä", 1000)} {
		s := &spoken{content: strings.NewReader(""), facts: source.Facts{Seq: 1, Title: title, Rename: title, Author: title}}
		rec := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, source.Path+"content?object=s/article/a", nil)
		req.Header.Set("Authorization", "Bearer token")
		source.Handler(s, "token").ServeHTTP(rec, req)
		head := rec.Header().Get("Stagelock-Facts")
		if strings.ContainsFunc(head, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q stands in a header as %q", title, head)
		}
		var back source.Facts
		if err := json.Unmarshal([]byte(head), &back); err != nil || back.Title != title || back.Rename != title || back.Author != title {
			t.Errorf("%q became %q, %v", title, back.Title, err)
		}
		if rec.Header().Get("X-Injected") != "" {
			t.Errorf("%q writes a header", title)
		}
	}
}

// TestContentIsNotChanged on its way, whatever its bytes.
func TestContentIsNotChanged(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for name, content := range map[string][]byte{"nothing": {}, "every byte": every, "line ends": []byte("\r\n\n\r"),
		"two MiB": bytes.Repeat(every, 8192)} {
		s := &spoken{content: bytes.NewReader(content), facts: source.Facts{Seq: 1}}
		c := start(t, s, "token")
		r, _, err := c.Content(t.Context(), article)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(content), err)
		}
		if _, err := c.Apply(t.Context(), article, 1, "t", source.Facts{}, bytes.NewReader(content)); err != nil || !strings.HasSuffix(s.asked, " "+string(content)) {
			t.Errorf("%s: it was applied otherwise, %v", name, err)
		}
	}
}

// TestABatchThatTheEngineRefusesWhole: the error is that of one Apply.
func TestABatchThatTheEngineRefusesWhole(t *testing.T) {
	for _, tt := range []struct {
		name      string
		err       error
		unchanged bool
		failed    bool
	}{
		{"moved", source.ErrMoved, true, false},
		{"invalid", &source.Invalid{Text: "x"}, true, false},
		{"failed", errors.New("disk"), false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &together{}
			s.err = tt.err
			got, err := start(t, s, "token").ApplyAll(t.Context(), []source.Application{{Object: "s/article/a"}})
			if got != nil || source.Unchanged(err) != tt.unchanged || errors.Is(err, source.ErrFailed) != tt.failed {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestABatchThatTheEngineCannotTellOf: an outcome that is none of the refusals makes all unknown.
func TestABatchThatTheEngineCannotTellOf(t *testing.T) {
	two := []source.Application{{Object: "s/article/a"}, {Object: "s/article/b"}}
	for _, tt := range []struct{ name, body, want string }{
		{"fewer", `[{"seq":1}]`, "the engine answers about 1 of 2 objects"},
		{"none", `[]`, "the engine answers about 0 of 2 objects"},
		{"null", `null`, "the engine answers about 0 of 2 objects"},
		{"more", `[{},{},{}]`, "the engine answers about 3 of 2 objects"},
		{"one failed", `[{"seq":1},{"refusal":{"code":"failed","message":"x"}}]`, `object "s/article/b": the engine could not do it: x`},
		{"one odd", `[{"refusal":{"code":"odd","message":"x"}},{"seq":1}]`, `object "s/article/a": the engine answers "odd": x`},
		{"no JSON", `<`, "the engine's answer cannot be read: invalid character '<'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := answers(t, 200, "", tt.body).ApplyAll(t.Context(), two)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || got != nil || source.Unchanged(err) {
				t.Errorf("%+v, error %v, want %s", got, err, tt.want)
			}
		})
	}
}

// TestATitleWithDELWasNeverApplied: it stood in a header as it is, which HTTP does not send.
func TestATitleWithDELWasNeverApplied(t *testing.T) {
	s := &spoken{content: strings.NewReader("x"), facts: source.Facts{Seq: 1, Title: "a\x7fb"}}
	c := start(t, s, "token")
	if _, err := c.Apply(t.Context(), article, 1, "t", s.facts, nil); err != nil || !strings.Contains(s.asked, "a\x7fb") {
		t.Errorf("asked %q, %v", s.asked, err)
	}
	r, f, err := c.Content(t.Context(), article)
	if err != nil || f.Title != "a\x7fb" {
		t.Fatalf("facts %+v, %v", f, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
