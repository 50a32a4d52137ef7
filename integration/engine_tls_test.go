package integration_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// secureEngine is an engine behind https, with a certificate of the house's own authority for
// example.com and 127.0.0.1, and the file of that authority.
func secureEngine(t *testing.T) (url, authority string) {
	t.Helper()
	e := harness.StartEngine(t, harness.EngineOptions{})
	s := httptest.NewTLSServer(e.Handler())
	t.Cleanup(s.Close)
	authority = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL, authority
}

// An engine behind https with a private authority could not be used: no setting named it.
func TestEngineWithAPrivateAuthority(t *testing.T) {
	url, authority := secureEngine(t)
	byName := strings.Replace(url, "127.0.0.1", "localhost", 1)
	for _, tt := range []struct {
		name, url string
		inner     []string
		passes    bool
	}{
		{"not named", url, nil, false},
		{"named", url, []string{"ca: " + authority}, true},
		{"named, for another name than that of the node", byName, []string{"ca: " + authority}, false},
		{"named, and the name of the certificate too", byName, []string{"ca: " + authority, "server_name: example.com"}, true},
		{"the wrong name of the certificate", url, []string{"ca: " + authority, "server_name: example.org"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := harness.Start(t, harness.Options{Upstream: tt.url, Inner: tt.inner, Logins: "[" + harness.Login + "]"})
			a := dial(t, g).call(t, checkSite(harness.Site).message(t))
			if passed := a.status == 200; passed != tt.passes {
				t.Errorf("answered %d %q", a.status, a.body)
			}
		})
	}
}

// A reload takes the file's new content; a file without a certificate changes nothing.
func TestReloadTakesANewAuthority(t *testing.T) {
	url, authority := secureEngine(t)
	good, err := os.ReadFile(authority)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(authority, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := harness.Start(t, harness.Options{Upstream: url, Inner: []string{"ca: " + authority}})
	write("nothing")
	if _, err := g.Node.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("reload: %v", err)
	}
	allowed(t, g, dial(t, g).call(t, checkSite(harness.Site).message(t)))
	write("# the authority of the house\n" + string(good))
	if _, err := g.Node.Reload(t.Context()); err != nil {
		t.Errorf("reload: %v", err)
	}
	allowed(t, g, dial(t, g).call(t, checkSite(harness.Site).message(t)))
}

// An engine with several virtual instances tells them apart by Host.
func TestHostOfASite(t *testing.T) {
	sink := harness.NewSink(t)
	g := harness.Start(t, harness.Options{Upstream: sink.URL, Inner: []string{
		"host: main.example.com", "hosts: [{ host: a.example.com, sites: [31001] }, { host: b.example.com, sites: [31002] }]"}})
	for i, tt := range []struct {
		m    message
		host string
	}{
		{checkSite(31001).message(t), "a.example.com"},
		{checkSite(31002).message(t), "b.example.com"},
		{checkSite(31003).message(t), "main.example.com"},
	} {
		dial(t, g).call(t, tt.m)
		if calls := sink.Calls(); len(calls) != i+1 || calls[i].Head.Host != tt.host {
			t.Errorf("%d: %d calls, the last for %s, want %s", i, len(calls), calls[len(calls)-1].Head.Host, tt.host)
		}
	}
}
