package publisher_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// startEngine returns the address of a reference engine of that line, which knows one publisher.
func startEngine(t testing.TB, line string) (*engine.Engine, string) {
	t.Helper()
	at := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	e, err := engine.New(engine.Config{
		Dir: t.TempDir(), Build: "6011", Line: line, CompanyID: 20097, Now: func() time.Time { return at },
		Verify: func(authorization string) (string, error) {
			if authorization != "Basic of:"+login {
				return "", errors.New("wrong")
			}
			return login, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	ctx := t.Context()
	_, err = e.CreateSite(ctx, engine.Site{ID: site, Name: "Guest", Locales: []string{"en_US", "de_DE"}})
	err = errors.Join(err, e.AddUser(ctx, engine.User{ID: 7, Email: login, ScreenName: "publisher"}), e.Grant(ctx, 7, site, engine.ExportImportLayouts, engine.Update))
	if err != nil {
		t.Fatal(err)
	}
	return e, serveHTTP(t, e.Handler())
}

// Every real archive arrives at the reference engine of the newest line, and one archive at the others.
func TestPublishToEngine(t *testing.T) {
	for _, line := range []string{"6.2", "7.0", "7.2", "7.4"} {
		for _, file := range larFiles(t) {
			pages := strings.HasPrefix(filepath.Base(file), "community")
			if line != "7.4" && !pages {
				continue
			}
			t.Run(line+"/"+filepath.Base(file), func(t *testing.T) { publishToEngine(t, line, file) })
		}
	}
}

func publishToEngine(t *testing.T, line, file string) {
	t.Helper()
	e, address := startEngine(t, line)
	content := readFile(t, file)
	for _, buffer := range []int64{0, 1000} {
		cfg := config(t, address)
		cfg.Build, cfg.Buffer, cfg.AnyBuild = line, buffer, true
		res, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
		if err != nil || res.CleanUp != nil {
			t.Fatalf("publish: %v, clean-up: %v", err, res.CleanUp)
		}
	}
	publishes, err := e.Publishes(t.Context(), site)
	if err != nil || len(publishes) != 2 {
		t.Errorf("%d publishes arrived, %v", len(publishes), err)
	}
	if left, err := e.StagingRequests(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d requests left, %v", len(left), err)
	}
}

// The older form has no word for an application: its archive is refused before anything is sent.
func TestApplicationInMapForm(t *testing.T) {
	s := &script{answers: []string{fine}}
	cfg := config(t, "http://"+s.serve(t))
	cfg.Build = "6.2"
	for _, file := range larFiles(t) {
		if strings.HasPrefix(filepath.Base(file), "community") {
			continue
		}
		content := readFile(t, file)
		_, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
		if f := failureOf(t, err); f.Kind != failure.Mismatch || !f.Unexecuted {
			t.Errorf("%s: %v", f.Kind, err)
		}
	}
	if got := s.methods(); len(got) != 0 {
		t.Errorf("calls %v", got)
	}
}

func TestEngineCalls(t *testing.T) {
	e, address := startEngine(t, "7.4")
	page, err := e.AddPage(t.Context(), site, "Home", "hello", engine.PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, ctx := client(t, config(t, address)), t.Context()
	if has, err := c.HasRemoteLayout(ctx, page.UUID, site, false); err != nil || !has {
		t.Errorf("page that is there: %t, %v", has, err)
	}
	if err := c.GetGroup(ctx, site); err != nil {
		t.Error(err)
	}
	if u, err := c.GetGroupDisplayURL(ctx, site, false, false); err != nil || u == "" {
		t.Errorf("display URL %q, %v", u, err)
	}
	for _, call := range []error{c.EnableStaging(ctx, site), c.UpdateStagedPortlets(ctx, site, map[string]string{"staged-portlet_a": "true"}), c.DisableStaging(ctx, site)} {
		if call != nil {
			t.Error(call)
		}
	}
	if f := failureOf(t, c.CheckRemoteStagingGroup(ctx, 404)); f.Kind != failure.Exception || f.Thrown == nil {
		t.Errorf("unknown site: %v", f)
	}
}

func TestEngineRefusesStrangers(t *testing.T) {
	_, address := startEngine(t, "7.4")
	for _, tt := range []struct{ name, login string }{{"wrong secret", "mallory@example.com"}, {"no credentials", ""}} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := config(t, address)
			if cfg.Login = tt.login; tt.login == "" {
				cfg.Authorize = nil
			}
			if f := failureOf(t, client(t, cfg).CheckRemoteStagingGroup(t.Context(), site)); f.Kind != failure.Denied {
				t.Errorf("%s: %v", f.Kind, f)
			}
		})
	}
}
