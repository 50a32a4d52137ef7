package source_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// together is a spoken that takes several at once.
type together struct {
	spoken
	got  []source.Application
	says []source.Applied
}

func (s *together) ApplyAll(_ context.Context, all []source.Application) ([]source.Applied, error) {
	s.got = all
	return s.says, s.err
}

func TestSeveralOverHTTP(t *testing.T) {
	s := &together{says: []source.Applied{
		{Seq: 7}, {Err: source.ErrMoved}, {Err: &source.Missing{Objects: []sync.Object{article}}},
		{Err: &source.Kept{Objects: []sync.Object{article}}}, {Err: &source.Invalid{Text: "größe"}},
	}}
	c := start(t, s, "token")
	var all []source.Application
	for i := range s.says {
		all = append(all, source.Application{Object: sync.Object(fmt.Sprint("s/article/", i)), Expect: int64(i), Tag: "ä/1",
			Facts: source.Facts{Title: "日本", Needs: []sync.Object{article}}, Content: []byte("\x00\xff")})
	}
	got, err := c.ApplyAll(t.Context(), all)
	if err != nil || fmt.Sprint(s.got) != fmt.Sprint(all) {
		t.Fatalf("%v, asked for %+v", err, s.got)
	}
	for i, want := range s.says {
		if got[i].Seq != want.Seq || fmt.Sprint(got[i].Err) != fmt.Sprint(want.Err) || fmt.Sprintf("%T", got[i].Err) != fmt.Sprintf("%T", want.Err) {
			t.Errorf("answer %d is %+v, want %+v", i, got[i], want)
		}
	}
	s.err = errors.New("the disk is gone")
	if _, err := c.ApplyAll(t.Context(), all); !errors.Is(err, source.ErrFailed) || source.Unchanged(err) {
		t.Errorf("an engine that failed: %v", err)
	}
}

// TestOneOfSeveralOfWhichNobodyKnows: an error that does not say that nothing was changed is no success of that one.
func TestOneOfSeveralOfWhichNobodyKnows(t *testing.T) {
	c := start(t, &together{says: []source.Applied{{Seq: 7}, {Err: errors.New("the disk is gone")}}}, "token")
	got, err := c.ApplyAll(t.Context(), []source.Application{{Object: "s/article/0"}, {Object: "s/article/1"}})
	if !errors.Is(err, source.ErrFailed) || source.Unchanged(err) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestAnEngineThatTakesOneAtATime: an older one has no such call, and nothing is said to have been tried.
func TestAnEngineThatTakesOneAtATime(t *testing.T) {
	c := start(t, &spoken{}, "token")
	if _, err := c.ApplyAll(t.Context(), nil); !errors.Is(err, source.ErrSingly) || !source.Unchanged(err) {
		t.Errorf("error %v", err)
	}
}

func TestAnswersAboutSeveralAreHeldAgainstTheQuestion(t *testing.T) {
	for name, body := range map[string]string{
		"fewer": `[{"seq":1}]`, "more": `[{"seq":1},{"seq":2},{"seq":3}]`, "no JSON": `x`, "nothing": ``,
		"a refusal of no known kind": `[{"seq":1},{"refusal":{"code":"odd","message":"x"}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
			defer srv.Close()
			c := &source.Client{URL: srv.URL, Token: func() (string, error) { return "t", nil }}
			got, err := c.ApplyAll(t.Context(), make([]source.Application, 2))
			if err == nil || source.Unchanged(err) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestSeveralThatAreRefused(t *testing.T) {
	s := &together{}
	srv := httptest.NewServer(source.Handler(s, "token"))
	defer srv.Close()
	var many []source.Application
	for i := range 1001 {
		many = append(many, source.Application{Object: sync.Object(fmt.Sprint("s/article/", i))})
	}
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, tt := range []struct {
		name, token, body string
		status            int
		text              string
	}{
		{"no token", "", `[]`, 401, "token is not the engine's"},
		{"another token", "tokem", `[]`, 401, "token is not the engine's"},
		{"no JSON", "token", `[`, 400, "unexpected EOF"},
		{"no object", "token", `[{"object":"x"}]`, 400, "input"},
		{"one object twice", "token", `[{"object":"s/article/a"},{"object":"s/article/a"}]`, 400, "is there twice"},
		{"too many", "token", encode(many), 400, "1001 objects are more than 1000"},
		{"too much", "token", `[{"object":"` + strings.Repeat("x", 33<<20) + `"}]`, 400, "too large"},
		{"none", "token", `[]`, 200, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.got = nil
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+source.Path+"apply-all", bytes.NewReader([]byte(tt.body)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+tt.token)
			resp, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			if err = errors.Join(err, resp.Body.Close()); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || !strings.Contains(string(b), tt.text) || len(s.got) > 0 {
				t.Errorf("status %d, %.200s; %d reached the engine", resp.StatusCode, b, len(s.got))
			}
		})
	}
}
