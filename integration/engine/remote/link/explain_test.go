package link

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// Each failure of a remote check has the documentation's words; what it has none for stays as it is.
func TestExplained(t *testing.T) {
	thrown := func(class, message string) error {
		return &failure.Failure{Kind: failure.Refused, Msg: "live says: " + message, Call: "checkRemoteStagingGroup",
			Thrown: &liferay.Thrown{Class: class, Message: message}}
	}
	kind := func(k failure.Kind) error { return &failure.Failure{Kind: k, Msg: "it went wrong"} }
	const (
		unreachable = "unable to connect to the remote site at https://live.example.com:8443/live: "
		unknown     = "unable to authenticate with the remote site at https://live.example.com:8443/live: "
		refused     = "the remote site at https://live.example.com:8443/live refused: "
		noSite      = "no site exists on the remote server with site id 20121"
		noRight     = "you do not have permissions to edit the site with id 20121 on the remote server"
	)
	for _, tt := range []struct {
		name string
		err  error
		code content.Code // empty for what stays as it is
		text string
	}{
		{"wrong secret, 7.4", thrown("com.liferay.portal.kernel.security.auth.RemoteAuthException", "wrong"), NoAuthentication, unknown},
		{"wrong secret, 6.2", thrown("com.liferay.portal.security.auth.RemoteAuthException", "wrong"), NoAuthentication, unknown},
		{"no such site, 7.4", thrown("com.liferay.portal.kernel.exception.NoSuchGroupException", "20121"), NoRemoteSite, noSite},
		{"no such site, 6.2", thrown("com.liferay.portal.NoSuchGroupException", "20121"), NoRemoteSite, noSite},
		{"no permission, 6.2", thrown("com.liferay.portal.security.auth.PrincipalException", ""), NoRemoteRight, noRight},
		{"no permission, 7.4",
			thrown("com.liferay.portal.kernel.security.auth.PrincipalException$MustHavePermission", ""), NoRemoteRight, noRight},
		{"an exception of another name", thrown("com.liferay.portal.kernel.exception.PortalException", "no room"), RemoteRefused,
			refused + "checkRemoteStagingGroup: live says: no room"},
		{"a name that only ends alike", thrown("com.example.MyNoSuchGroupException", "x"), RemoteRefused, refused},
		{"a class without a package", thrown("NoSuchGroupException", ""), NoRemoteSite, noSite},
		{"nobody is there", kind(failure.Unreachable), NoConnection, unreachable + "it went wrong"},
		{"a certificate that is not trusted", kind(failure.TLS), NoConnection, unreachable},
		{"an answer of something else", kind(failure.BadAnswer), NoConnection, unreachable},
		{"live is down", kind(failure.Unavailable), NoConnection, unreachable},
		{"an address that is not let in", kind(failure.Denied), NoAuthentication, unknown + "it went wrong"},
		{"a refusal without an exception", kind(failure.Refused), RemoteRefused, refused},
		{"an end that is not known", kind(failure.Uncertain), "", "it went wrong"},
		{"given up", kind(failure.Stopped), "", "it went wrong"},
		{"no call at all", context.Canceled, "", "context canceled"},
		{"wrapped", fmt.Errorf("while enabling: %w", kind(failure.Unreachable)), NoConnection, unreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := good().Explained(tt.err)
			if tt.code == "" {
				if err != tt.err {
					t.Errorf("became %v", err)
				}
				return
			}
			if !errors.Is(err, tt.code) || !strings.HasPrefix(err.Error(), tt.text) {
				t.Errorf("error %v, want %s with %q", err, tt.code, tt.text)
			}
		})
	}
}
