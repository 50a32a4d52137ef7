package source_test

import (
	"context"
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

// shelf is a Source with contents; what it has not is deleted.
type shelf struct {
	spoken
	all  map[sync.Object]string
	fail sync.Object
}

func (s *shelf) Content(_ context.Context, o sync.Object) (io.ReadCloser, source.Facts, error) {
	s.asked += string(o) + " "
	text, there := s.all[o]
	f := source.Facts{Seq: int64(len(text)), Deleted: !there, Title: "über " + string(o)}
	switch {
	case o == s.fail:
		return nil, f, errors.New("the disk is gone")
	case !there:
		return nil, f, nil
	}
	return io.NopCloser(strings.NewReader(text)), f, nil
}

// TestContentsOfSeveral: each says what Content says of it alone, and large ones are left out.
func TestContentsOfSeveral(t *testing.T) {
	s := &shelf{all: map[sync.Object]string{"s/article/a": "small\x00\xff", "s/article/empty": "", "s/article/ten": "0123456789",
		"s/article/large": "0123456789x"}}
	objects := []sync.Object{"s/article/ten", "s/article/gone", "s/article/large", "s/article/empty", "s/article/a"}
	got, err := start(t, s, "token").Contents(t.Context(), objects, 10)
	if err != nil || len(got) != len(objects) {
		t.Fatalf("%d answers, %v", len(got), err)
	}
	for i, o := range objects {
		text, there := s.all[o]
		want := source.Read{Facts: source.Facts{Seq: int64(len(text)), Deleted: !there, Title: "über " + string(o)}, Large: len(text) > 10}
		if len(text) <= 10 && text != "" {
			want.Content = []byte(text)
		}
		if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s is %+v, want %+v", o, got[i], want)
		}
	}
}

// TestAnAnswerAboutSeveralIsBounded: what does not fit in any more is asked for alone.
func TestAnAnswerAboutSeveralIsBounded(t *testing.T) {
	s := &shelf{all: map[sync.Object]string{}}
	var objects []sync.Object
	for i := range 70 {
		o := sync.Object(fmt.Sprint("s/article/", i))
		objects = append(objects, o)
		s.all[o] = strings.Repeat("x", 64<<10)
	}
	got, err := start(t, s, "token").Contents(t.Context(), objects, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		if fits := i < 64; r.Large == fits || fits != (len(r.Content) == 64<<10) {
			t.Errorf("object %d: large %t, %d bytes", i, r.Large, len(r.Content))
		}
	}
}

func TestQuestionsAboutSeveralThatAreRefused(t *testing.T) {
	many := strings.Repeat(`"s/article/a",`, 1000) + `"s/article/a"`
	for _, tt := range []struct {
		name, token, body string
		status            int
		text              string
	}{
		{"no token", "", `{"objects":["s/article/a"],"most":1}`, 401, "token is not the engine's"},
		{"no JSON", "token", `{`, 400, "unexpected EOF"},
		{"no object", "token", `{"objects":["x"],"most":1}`, 400, "input"},
		{"too many", "token", `{"objects":[` + many + `],"most":1}`, 400, "1001 objects are more than 1000"},
		{"too much", "token", `{"objects":["` + strings.Repeat("x", 9<<20) + `"]}`, 400, "too large"},
		{"none", "token", `{"objects":[],"most":1}`, 200, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &shelf{}
			code, body := raw(t, source.Handler(s, "token"), http.MethodPost, "contents", "Bearer "+tt.token, "", tt.body)
			if code != tt.status || !strings.Contains(body, tt.text) || s.asked != "" {
				t.Errorf("status %d, %.200s; the engine was asked for %q", code, body, s.asked)
			}
		})
	}
}

func TestAnEngineThatFailsWithOneOfSeveral(t *testing.T) {
	s := &shelf{all: map[sync.Object]string{"s/article/a": "x"}, fail: "s/article/b"}
	got, err := start(t, s, "token").Contents(t.Context(), []sync.Object{"s/article/a", "s/article/b"}, 10)
	if got != nil || !errors.Is(err, source.ErrFailed) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestAnswersThatAreNone: an older engine has no such call, and what is not asked for is not taken.
func TestAnswersThatAreNone(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		singly bool
	}{
		"no such call": {404, "404 page not found", true}, "fewer": {200, `[{"facts":{}}]`, false}, "no JSON": {200, `x`, false},
		"more bytes": {200, `[{"facts":{}},{"facts":{},"content":"MDEyMzQ1Njc4OTA="}]`, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer srv.Close()
			c := &source.Client{URL: srv.URL, Token: func() (string, error) { return "t", nil }}
			got, err := c.Contents(t.Context(), []sync.Object{"s/article/a", "s/article/b"}, 10)
			if got != nil || err == nil || errors.Is(err, source.ErrSingly) != tt.singly {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
