package engine

import (
	"slices"
	"strings"

	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// reasonField is where another gateway on the way to the engine tells why it refused.
const reasonField = "X-Stagelock-Reason"

// enginesOwn is the family of reasons for which nothing was carried out as far as a gateway can tell: its engine
// had the whole call, and the gateway's repeats get that answer too.
const enginesOwn = "engine"

// ownChecks are what an engine throws of a call that turns staging on or off before it has changed anything:
// the login is not known, the site is not there, the permission is missing.
var ownChecks = []string{"RemoteAuthException", "NoSuchGroupException", "PrincipalException"}

// unexecuted reports whether an exception says, for certain, that nothing of the call was carried out: a
// gateway on the way refused it for a reason that is found before its engine has a byte, or an own check of
// the engine did. Of any other exception nobody knows.
func unexecuted(t *liferay.Thrown, reason string, attaches bool) bool {
	if r, known := policy.ReasonOf(reason); known {
		return !r.Late && r.Family() != enginesOwn && (r.Answer == policy.Exception || r.Answer == policy.AuthException)
	}
	return reason == "" && attaches && slices.Contains(ownChecks, thrownBy(t))
}

// thrownBy is the simple name of the class of an exception. One that its sender could not write stands in the
// message of another.
func thrownBy(t *liferay.Thrown) string {
	class := t.Class
	if told, _, _ := strings.Cut(t.Message, ": "); class == liferay.ClassPortalException && strings.HasPrefix(told, "com.liferay.") {
		class = told
	}
	class, _, _ = strings.Cut(class[strings.LastIndexByte(class, '.')+1:], "$")
	return class
}
