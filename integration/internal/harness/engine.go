package harness

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/policy/secret"
)

// Site is the one site of every engine here, into which Login may publish.
const Site = 20121

// EngineOptions says what engine stands behind a gateway. The zero values of most mean what a test
// usually wants.
type EngineOptions struct {
	Build   string      // 6011 if empty, the build of the real archives
	Line    string      // 7.4 if empty
	Context string      // its path context
	Key     *secret.Key // with which its callers' tokens are made; that of Secret if nil
	Logins  []string    // more users who may publish
	// Documents is the schema version of its document library, the engine's own if empty; generated
	// archives have 4.0.0.
	Documents string
	Before    func(http.Handler) http.Handler // sees every call before the engine does
}

// Engine is a reference engine that listens on the loopback interface.
type Engine struct {
	*engine.Engine
	URL string // without the path context
}

// StartEngine starts an engine that knows Login and Site, and stops it when the test ends.
func StartEngine(t testing.TB, o EngineOptions) *Engine {
	t.Helper()
	if o.Build == "" {
		o.Build = "6011"
	}
	if o.Key == nil {
		o.Key = NewKey(t, Secret)
	}
	e, err := engine.New(engine.Config{
		Dir: t.TempDir(), Portlets: o.portlets(), Build: o.Build, Line: o.Line, CompanyID: 20097,
		Context: o.Context, Now: time.Now,
		Verify: servlet.Tokens(o.Line, o.Key.Token),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("engine: %v", err)
		}
	})
	populate(t, e, append([]string{Login}, o.Logins...))
	h := e.Handler()
	if o.Before != nil {
		h = o.Before(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &Engine{Engine: e, URL: s.URL}
}

func (o EngineOptions) portlets() map[string]string {
	if o.Documents == "" {
		return nil
	}
	return map[string]string{"com_liferay_document_library_web_portlet_DLAdminPortlet": o.Documents}
}

// NewKey returns an AES key of that secret.
func NewKey(t testing.TB, text string) *secret.Key {
	t.Helper()
	k, problems := secret.NewKey(secret.KeyConfig{ID: "test", Algorithm: "AES", Secret: []byte(text), Line: "7.4"})
	if k == nil {
		t.Fatalf("key: %v", problems)
	}
	return k
}

func populate(t testing.TB, e *engine.Engine, logins []string) {
	t.Helper()
	ctx := t.Context()
	_, err := e.CreateSite(ctx, engine.Site{ID: Site, Name: "Guest", Locales: []string{"en_US", "de_DE", "hu_HU"}})
	for i, login := range logins {
		id := int64(20199 + i)
		name, _, _ := strings.Cut(login, "@")
		err = errors.Join(err, e.AddUser(ctx, engine.User{ID: id, Email: login, ScreenName: name}),
			e.Grant(ctx, id, Site, engine.ExportImportLayouts, engine.Update))
	}
	if err != nil {
		t.Fatal(err)
	}
}
