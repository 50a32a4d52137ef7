package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// spoken is a Source that says what it is told to, and remembers what it was asked.
type spoken struct {
	rows    []source.Row
	facts   source.Facts
	content io.Reader
	err     error
	asked   string
}

func (s *spoken) Changes(_ context.Context, after int64, limit int) ([]source.Row, error) {
	s.asked = fmt.Sprint(after, " ", limit)
	return s.rows, s.err
}

func (s *spoken) Content(_ context.Context, o sync.Object) (io.ReadCloser, source.Facts, error) {
	s.asked = string(o)
	if s.err != nil || s.facts.Deleted {
		return nil, s.facts, s.err
	}
	return io.NopCloser(s.content), s.facts, nil
}

func (s *spoken) Apply(_ context.Context, o sync.Object, expect int64, tag string, f source.Facts, r io.Reader) (int64, error) {
	b, err := io.ReadAll(r)
	s.asked = fmt.Sprintf("%s %d %s %+v %s", o, expect, tag, f, b)
	return expect + 1, errors.Join(err, s.err)
}

func start(t *testing.T, s source.Source, token string) *source.Client {
	t.Helper()
	srv := httptest.NewServer(source.Handler(s, token))
	t.Cleanup(srv.Close)
	return &source.Client{URL: srv.URL, Token: func() (string, error) { return token, nil }}
}

const article = sync.Object("Läden 🛍/article/x y?&#%")

func TestOverHTTP(t *testing.T) {
	s := &spoken{rows: []source.Row{{Seq: 7, Object: article, Tag: "t", Author: "größe"}, {Seq: 8, Object: article, Deleted: true}}}
	c := start(t, s, "token")
	rows, err := c.Changes(t.Context(), 6, 100)
	if err != nil || fmt.Sprint(rows) != fmt.Sprint(s.rows) || s.asked != "6 100" {
		t.Errorf("rows %v, %v, asked %q", rows, err, s.asked)
	}
	s.facts = source.Facts{Seq: 8, Title: "日本 🎈 \"\\\n", Author: "ä", Needs: []sync.Object{article}}
	s.content = strings.NewReader(strings.Repeat("content ", 50_000))
	r, f, err := c.Content(t.Context(), article)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || len(b) != 400_000 || fmt.Sprint(f) != fmt.Sprint(s.facts) || s.asked != string(article) {
		t.Errorf("%d bytes, %v, facts %+v", len(b), err, f)
	}
	seq, err := c.Apply(t.Context(), article, 8, "tag/ä", f, strings.NewReader("new"))
	if want := fmt.Sprintf("%s 8 tag/ä %+v new", article, f); err != nil || seq != 9 || s.asked != want {
		t.Errorf("seq %d, %v, asked %q, want %q", seq, err, s.asked, want)
	}
	if _, err := c.Apply(t.Context(), article, 8, "t", source.Facts{Deleted: true}, nil); err != nil || !strings.Contains(s.asked, "Deleted:true") {
		t.Errorf("a deletion: %v, asked %q", err, s.asked)
	}
	s.facts = source.Facts{Deleted: true, Seq: 10}
	if r, f, err := c.Content(t.Context(), article); r != nil || err != nil || !f.Deleted || f.Seq != 10 {
		t.Errorf("of a deleted one: %v, %+v, %v", r, f, err)
	}
}

func TestErrorsKeepTheirMeaning(t *testing.T) {
	s := &spoken{}
	c := start(t, s, "token")
	for _, want := range []error{source.ErrMoved, &source.Missing{Objects: []sync.Object{article}},
		&source.Kept{Objects: []sync.Object{article}}, &source.Invalid{Text: "no"}} {
		s.err = fmt.Errorf("apply: %w", want)
		_, err := c.Apply(t.Context(), article, 1, "t", source.Facts{}, nil)
		if !source.Unchanged(err) || err.Error() != want.Error() {
			t.Errorf("%v became %v", want, err)
		}
	}
	s.err = io.ErrUnexpectedEOF
	if _, err := c.Apply(t.Context(), article, 1, "t", source.Facts{}, nil); !errors.Is(err, source.ErrFailed) || source.Unchanged(err) {
		t.Errorf("what nobody knows became %v", err)
	}
	c.Token = func() (string, error) { return "another", nil }
	if _, err := c.Apply(t.Context(), article, 1, "t", source.Facts{}, nil); err == nil || errors.Is(err, source.ErrFailed) {
		t.Errorf("an engine that was not asked: %v", err)
	}
}

func TestHalfAContentIsAnError(t *testing.T) {
	s := &spoken{content: io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), broken{})}
	r, _, err := start(t, s, "token").Content(t.Context(), article)
	if err == nil {
		_, err = io.ReadAll(r)
		err = errors.Join(err, r.Close())
	}
	if err == nil {
		t.Error("half a content looks whole")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestTheCallerClosesTheContent: net/http closes a body that can be closed, and the second one failed.
func TestTheCallerClosesTheContent(t *testing.T) {
	f, err := os.Open("http_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := start(t, &spoken{}, "token").Apply(t.Context(), article, 0, "t", source.Facts{}, f); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("closed already: %v", err)
	}
}

func TestTokens(t *testing.T) {
	for _, tt := range []struct{ name, engine, given string }{
		{"another", "token", "tokem"}, {"none given", "token", ""}, {"none set", "", ""},
	} {
		s := &spoken{}
		c := start(t, s, tt.engine)
		c.Token = func() (string, error) { return tt.given, nil }
		if _, err := c.Changes(t.Context(), 0, 1); err == nil || !strings.Contains(err.Error(), "token") || s.asked != "" {
			t.Errorf("%s: %v, asked %q", tt.name, err, s.asked)
		}
	}
	c := start(t, &spoken{}, "token")
	c.Token = func() (string, error) { return "", io.ErrUnexpectedEOF }
	if _, err := c.Changes(t.Context(), 0, 1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

func TestOddAnswersOfAnEngine(t *testing.T) {
	s := &spoken{rows: []source.Row{{Seq: 1, Object: "../x"}}}
	c := start(t, s, "token")
	if _, err := c.Changes(t.Context(), 0, 1); err == nil {
		t.Error("a row of no object was taken")
	}
	if _, _, err := c.Content(t.Context(), "no object"); err == nil || s.asked == "no object" {
		t.Errorf("no object was asked for: %v", err)
	}
	c.URL = "http://127.0.0.1:1"
	if _, err := c.Changes(t.Context(), 0, 1); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("error %v", err)
	}
}
