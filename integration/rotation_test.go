package integration_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// rotation is a live environment whose engine can be given another secret.
type rotation struct {
	*harness.Gateway
	o      harness.Options
	engine atomic.Pointer[harness.Engine]
}

func rotating(t *testing.T) *rotation {
	t.Helper()
	r := &rotation{}
	r.restartEngine(t, ownSecret)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.engine.Load().Handler().ServeHTTP(w, q) }))
	t.Cleanup(s.Close)
	r.o = harness.Options{Upstream: s.URL, Secret: ownSecret, Engine: ownSecret, Health: often}
	r.Gateway = harness.Start(t, r.o)
	return r
}

func (r *rotation) restartEngine(t *testing.T, secret string) {
	t.Helper()
	r.engine.Store(harness.StartEngine(t, harness.EngineOptions{Key: harness.NewKey(t, secret)}))
}

// reload changes the configuration and has the gateway read it.
func (r *rotation) reload(t *testing.T, change func(*harness.Options)) {
	t.Helper()
	change(&r.o)
	r.Write(t, r.o)
	if _, err := r.Node.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// passes reports whether a staging server with that secret gets through to the engine and back.
func (r *rotation) passes(t *testing.T, secret string) bool {
	t.Helper()
	m := checkSite(harness.Site).message(t)
	m.auth = harness.NewKey(t, secret).Authorization(harness.Login, false, false)
	a := dial(t, r.Gateway).call(t, m)
	return a.status == http.StatusOK && len(a.body) == 0
}

func (r *rotation) expect(t *testing.T, when string, former, current, ready bool) {
	t.Helper()
	if got := r.passes(t, ownSecret); got != former {
		t.Errorf("%s: the former secret passes: %v", when, got)
	}
	if got := r.passes(t, otherSecret); got != current {
		t.Errorf("%s: the new secret passes: %v", when, got)
	}
	await(t, when+": readiness", func() bool { status, _ := probe(t, r.Gateway); return (status == http.StatusOK) == ready })
}

// Rotation done the obvious way, a former secret and no word of the engine's own, stopped all publishing
// while health said ready. It is refused, and nothing changes.
func TestRotationTheObviousWayIsRefused(t *testing.T) {
	r := rotating(t)
	obvious := r.o
	obvious.Secret, obvious.PreviousSecret = otherSecret, ownSecret
	text := obvious.YAML(r.Dir)
	i := strings.Index(text, "    secret:") // of the engine
	text = text[:i] + text[i+strings.IndexByte(text[i:], '\n')+1:]
	if err := os.WriteFile(r.File, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := r.Node.Reload(t.Context())
	if err == nil || !strings.Contains(err.Error(), "engine.upstream.secret: is not given while peers[0] has a previous secret") {
		t.Errorf("reload: %v", err)
	}
	r.expect(t, "after the refusal", true, false, true)
}

// The steps of OPERATING.md, one after the other: at every one of them somebody publishes.
func TestRotatingTheSecret(t *testing.T) {
	r := rotating(t)
	r.expect(t, "before", true, false, true)
	r.reload(t, func(o *harness.Options) { o.Secret, o.PreviousSecret, o.Engine = otherSecret, ownSecret, ownSecret })
	r.expect(t, "both secrets are taken", true, true, true)
	r.restartEngine(t, otherSecret)
	if r.passes(t, ownSecret) || r.passes(t, otherSecret) {
		t.Error("live has another secret than the gateway, and calls pass")
	}
	r.reload(t, func(o *harness.Options) { o.Engine = otherSecret })
	r.expect(t, "live has the new one", true, true, true)
	r.reload(t, func(o *harness.Options) { o.PreviousSecret = "" })
	r.expect(t, "the former one is dropped", false, true, true)
}
