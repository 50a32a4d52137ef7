package engine_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/liferay"
)

// Only what is thrown before anything was done leaves nothing to repeat: an own check of the engine, of a
// call that turns staging on or off, and a gateway's refusal before its engine had a byte.
func TestWhatLeavesNothingToRepeat(t *testing.T) {
	const (
		principal = "com.liferay.portal.kernel.security.auth.PrincipalException"
		noGroup   = "com.liferay.portal.kernel.exception.NoSuchGroupException"
		auth      = "com.liferay.portal.kernel.security.auth.RemoteAuthException"
	)
	for _, tt := range []struct {
		name     string
		class    string // empty for a value
		reason   string // of another gateway
		attaches bool
		want     bool
	}{
		{"no permission", principal, "", true, true},
		{"no permission, of an inner class", principal + "$MustHavePermission", "", true, true},
		{"no site", noGroup, "", true, true},
		{"no user", auth, "", true, true},
		{"no permission to import", principal, "", false, false},
		{"no site to import into", noGroup, "", false, false},
		{"anything else", liferay.ClassPortalException, "", true, false},
		{"a broken engine", liferay.ClassSystemException, "", true, false},
		{"a site that a gateway does not open", liferay.ClassPortalException, "site.denied", true, true},
		{"content that a gateway does not let pass", liferay.ClassPortalException, "content.denied", false, true},
		{"a gateway that knows another secret", auth, "secret.wrong", false, true},
		{"a gateway whose engine went away", liferay.ClassPortalException, "engine.lost", true, false},
		{"a gateway whose engine answered with a page", liferay.ClassPortalException, "engine.page", true, false},
		{"a gateway that its engine turned away", liferay.ClassPortalException, "engine.failing", false, false},
		{"a gateway that refused the answer", liferay.ClassPortalException, "reply.refused", true, false},
		{"a gateway that does not know", liferay.ClassPortalException, "repeat.unknown", true, false},
		{"a gateway that answered a repeat", principal, "repeat.answered", true, false},
		{"a gateway whose store failed", liferay.ClassPortalException, "store.unwritable", true, false},
		{"a gateway that is stopping", liferay.ClassPortalException, "gateway.draining", true, false},
		{"a gateway that broke", liferay.ClassPortalException, "gateway.fault", true, false},
		{"a gateway that is newer", liferay.ClassPortalException, "moon.full", true, false},
		{"a value", "", "", true, false},
		{"a value with a reason", "", "site.denied", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := value(t, true)
			if tt.class != "" {
				body = thrown(t, tt.class, "no")
			}
			n := newNode(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.reason != "" {
					w.Header().Set("X-Stagelock-Reason", tt.reason)
				}
				_, _ = w.Write(body)
			})
			a := attempt(t, config(t, n.URL))
			if err := a.Send(t.Context(), []byte("call"), 4); err != nil {
				t.Fatal(err)
			}
			reply, err := a.Await(t.Context(), time.Hour, func() {}, func() bool { return false })
			if err != nil {
				t.Fatal(err)
			}
			want := expected("boolean")
			want.Attaches = tt.attaches
			got, err := a.Read(reply, want)
			if err != nil || got.Unexecuted != tt.want {
				t.Errorf("unexecuted %t, %v, want %t", got.Unexecuted, err, tt.want)
			}
		})
	}
}
