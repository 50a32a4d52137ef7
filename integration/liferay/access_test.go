package liferay_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// logins shows a login that the vendor's own authentication takes for another from 7.0 on: it decodes what its client never
// encoded. Through the gateway it is the one that it is.
func logins(t *testing.T, s *stage, sum *row) {
	s.reset()
	check := func(more fields) *thrown {
		return do[outcome](s.client, "call", with(fields{
			"method": "checkRemoteStagingGroup", "args": []any{site}, "login": oddLogin,
		}, more)).Exception
	}
	alone, through := check(fields{"baseURL": s.straight()}), check(nil)
	if accepted := alone == nil; accepted != (s.line == "6.2") {
		t.Errorf("straight: %v", alone)
	}
	if through != nil {
		t.Errorf("through the gateway: %v", through)
	}
	got := s.calls()
	if n := len(got); n == 0 || got[n-1].User != 20200 {
		t.Errorf("calls %+v", got)
	}
	sum.login = "passes; alone too"
	if alone != nil {
		sum.login = "passes; alone " + short(alone.Class)
	}
}

func short(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

// displayURL has the server answer with an address of its own, which nobody outside can reach.
func displayURL(t *testing.T, s *stage, sum *row) {
	if !s.has("getGroupDisplayURL") {
		return
	}
	must[outcome](s.server, "set", fields{"displayURL": s.straight() + "/web/live"})
	a := do[struct {
		outcome
		Result string `json:"result"`
	}](s.client, "call", fields{"method": "getGroupDisplayURL", "args": []any{site, false, false}})
	if want := browserURL + "/web/live"; a.Result != want {
		t.Errorf("%q, want %q (%v)", a.Result, want, a.Exception)
	}
	must[outcome](s.server, "set", fields{"displayURL": "http://127.0.0.1/web/live"})
	sum.display = "public"
}

// ciphers publishes with every other way to write a secret, through a server, a gateway and a client of their own.
func ciphers(t *testing.T, s *stage, sum *row) {
	file, passed := randomFile(t, 3000), 1
	for _, k := range secrets[1:] {
		passed += one(t.Run(k.name, func(t *testing.T) {
			x := &stage{release: s.release}
			x.server, x.address = serve(t, s.release, k)
			x.gateway = harness.Start(t, options(s.release, k, x.address))
			x.client, _ = client(t, s.release, k, x.gateway.URL, []*harness.Gateway{x.gateway})
			publish(t, x, &row{}, fields{"file": file, "form": "configuration"}, 1)
		}))
	}
	sum.ciphers = fmt.Sprintf("%d of %d", passed, len(secrets))
}

func one(ok bool) int {
	if ok {
		return 1
	}
	return 0
}
