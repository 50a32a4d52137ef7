package link

import (
	"errors"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// Explained makes of a call that failed the error that the documentation has for it.
func (c Connection) Explained(err error) error {
	var f *failure.Failure
	if !errors.As(err, &f) {
		return err
	}
	why := f.Error()
	if f.Thrown != nil {
		switch class := f.Thrown.Class[strings.LastIndexByte(f.Thrown.Class, '.')+1:]; {
		case class == "RemoteAuthException":
			return content.Errorf(NoAuthentication, "unable to authenticate with the remote site at %s: %s", c.URL(), why)
		case class == "NoSuchGroupException":
			return content.Errorf(NoRemoteSite, "no site exists on the remote server with site id %d", c.Site)
		case strings.HasPrefix(class, "PrincipalException"):
			return content.Errorf(NoRemoteRight,
				"you do not have permissions to edit the site with id %d on the remote server", c.Site)
		}
	}
	switch f.Kind {
	case failure.Unreachable, failure.TLS, failure.BadAnswer, failure.Unavailable:
		return content.Errorf(NoConnection, "unable to connect to the remote site at %s: %s", c.URL(), why)
	case failure.Denied:
		return content.Errorf(NoAuthentication, "unable to authenticate with the remote site at %s: %s", c.URL(), why)
	case failure.Refused:
		return content.Errorf(RemoteRefused, "the remote site at %s refused: %s", c.URL(), why)
	}
	return err
}
