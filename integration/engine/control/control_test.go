package control_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/control"
)

const token = "0123456789abcdef"

func start(t *testing.T) (*engine.Engine, *control.Client) {
	t.Helper()
	e, err := engine.New(engine.Config{Dir: t.TempDir(), Build: "7413", CompanyID: 20097, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(e.Commands(token))
	t.Cleanup(func() {
		s.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, &control.Client{URL: s.URL, Token: token}
}

func TestCommandsThatAreRefusedChangeNothing(t *testing.T) {
	e, good := start(t)
	for _, tt := range []struct {
		name, token, command string
		in                   any
		status               int
		code                 string
	}{
		{"wrong token", "wrong", "site.create", control.NewSite{Name: "x"}, http.StatusUnauthorized, "token"},
		{"no token", "", "site.create", control.NewSite{Name: "x"}, http.StatusUnauthorized, "token"},
		{"no such command", token, "site.burn", control.NewSite{Name: "x"}, http.StatusNotFound, "no-command"},
		{"an unknown field", token, "site.create", map[string]any{"name": "x", "shape": "round"}, http.StatusBadRequest, "input"},
		{"another type", token, "site.create", map[string]any{"name": 7}, http.StatusBadRequest, "input"},
		{"too long", token, "site.create", map[string]any{"name": strings.Repeat("x", 5<<20)}, http.StatusBadRequest, "input"},
		{"no name", token, "site.create", control.NewSite{}, http.StatusUnprocessableEntity, string(content.BadItem)},
		{"no site", token, "content.list", control.SiteID{Site: 404}, http.StatusNotFound, string(content.NoSite)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := *good
			c.Token = tt.token
			_, err := control.Do[any](t.Context(), &c, tt.command, tt.in)
			var f *control.Failure
			if !errors.As(err, &f) || f.Status != tt.status || f.Code != tt.code || f.Message == "" {
				t.Errorf("got %+v of %v", f, err)
			}
		})
	}
	if all, err := e.Sites(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("sites %+v, error %v", all, err)
	}
}

func TestNoTokenAdmitsNobody(t *testing.T) {
	e, _ := start(t)
	s := httptest.NewServer(e.Commands(""))
	t.Cleanup(s.Close)
	_, err := control.Do[any](t.Context(), &control.Client{URL: s.URL}, "site.list", struct{}{})
	var f *control.Failure
	if !errors.As(err, &f) || f.Status != http.StatusUnauthorized {
		t.Errorf("error %v", err)
	}
}

// Names of any script travel in a header beside the content.
func TestNamesInEveryScript(t *testing.T) {
	_, c := start(t)
	site, err := control.Do[control.Site](t.Context(), c, "site.create", control.NewSite{Name: "Läden 🛍"})
	if err != nil {
		t.Fatal(err)
	}
	const name = "Größe \"ß\" 日本 🎈\n"
	it, err := control.Upload[control.Item](t.Context(), c, "content.add",
		control.NewItem{Site: site.ID, Kind: content.Article, Name: name}, strings.NewReader("x"))
	if err != nil || it.Name != name || site.Name != "Läden 🛍" {
		t.Errorf("%+v in %+v, error %v", it, site, err)
	}
}
