package calls

import (
	"slices"
	"strings"
)

// judgement is one call before the judge.
type judgement struct {
	rule     *Rule
	call     Call
	facts    Facts
	peer     Peer
	known    Known
	decision Decision // what happens if no check refuses
}

// check is one condition. It returns a refusal, or nil if the call satisfies it.
type check func(*judgement) *Refusal

// everyCall lists what is checked of every call, before the checks of its kind.
var everyCall = []check{argumentsFit, peerHasSites, loginsAgree, loginListed}

// Judge decides about a call that Match gave this rule for. k is what the gateway remembers of the
// ids that are in its Facts. It returns Forward, AnswerVoid or Spare and no refusal, or Refuse and
// the refusal.
//
// A part may be judged twice: with its declared size before the content streams (Service and Method
// are not read by then and empty), and with the counted one after.
func (r *Rule) Judge(c Call, peer Peer, k Known) (Decision, *Refusal) {
	return r.JudgeIn(&Room{}, c, peer, k)
}

// Room is where one call after the other is judged, one at a time. Nothing of a call stays in it.
type Room struct{ j judgement }

// JudgeIn is Judge in a room that the caller has for it.
func (r *Rule) JudgeIn(room *Room, c Call, peer Peer, k Known) (Decision, *Refusal) {
	if r == nil || r.decision == Refuse {
		return Refuse, refuse(CallUnknown, "this call is not one that staging makes", "no rule")
	}
	j := &room.j
	defer func() { *j = judgement{} }()
	*j = judgement{rule: r, call: c, facts: r.Facts(c), peer: peer, known: k, decision: r.decision}
	if f := j.run(everyCall); f != nil {
		return Refuse, f
	}
	if f := j.run(r.checks); f != nil {
		return Refuse, f
	}
	return j.decision, nil
}

func (j *judgement) run(checks []check) *Refusal {
	for _, check := range checks {
		if f := check(j); f != nil {
			return f
		}
	}
	return nil
}

// shapes says which values an argument of a Java type may have here. A type that is missing has
// none.
var shapes = map[string]func(any) bool{
	"long":             isA[int64],
	"int":              isA[int64],
	"boolean":          isA[bool],
	"java.lang.String": orNull[string],
	"java.util.Map":    orNull[map[string]any],
	"java.util.List":   orNull[[]any],
	"[B":               whatever,
	configuration:      whatever,
}

// configuration is the type of an argument whose meaning is in Call.Settings.
const configuration = "com.liferay.exportimport.kernel.model.ExportImportConfiguration"

func isA[T any](v any) bool {
	_, ok := v.(T)
	return ok
}

func orNull[T any](v any) bool { return v == nil || isA[T](v) }

func whatever(any) bool { return true }

// argumentsFit holds the arguments against the parameter types once more: what is judged below is
// what is there.
func argumentsFit(j *judgement) *Refusal {
	c, r := &j.call, j.rule
	if (c.Service != "" || c.Method != "") && (c.Service != r.Service || c.Method != r.Method) {
		return refuse(CallUnknown, "this call is not one that staging makes", "judged %s by the rule of %s",
			quote(c.Service+"#"+c.Method), r.Signature())
	}
	if len(c.Args) != len(r.Parameters) {
		return refuse(CallArguments, "the call "+r.Method+" does not carry the arguments it must have",
			"%d arguments for %s", len(c.Args), r.Signature())
	}
	for i, p := range r.Parameters {
		if fits := shapes[p]; fits == nil || !fits(c.Args[i]) {
			return refuse(CallArguments, "an argument of the call "+r.Method+" is not of the type it must have",
				"argument %d of %s is a %T", i+1, r.Signature(), c.Args[i])
		}
	}
	return nil
}

// peerHasSites refuses the zero Peer, also for calls that name no site.
func peerHasSites(j *judgement) *Refusal {
	if j.peer.AnySite || len(j.peer.Sites) > 0 {
		return nil
	}
	return refuse(SiteNone, "no site is open to this server",
		"peer %s has no sites", quote(j.peer.Name))
}

// loginsAgree demands one login: the header's, for which the token was verified. Engines ignore the
// principal's, but not all that read the body do.
func loginsAgree(j *judgement) *Refusal {
	c := &j.call
	switch {
	case c.HeaderLogin == "" || strings.Contains(c.HeaderLogin, ":"):
		return refuse(LoginForm, "the login is empty or has a colon, which a tunnel login cannot have",
			"login %s", quote(c.HeaderLogin))
	case !c.HasBodyLogin:
		return refuse(LoginForm, "the call names no login",
			"principal without a login, header login %s", quote(c.HeaderLogin))
	case c.BodyLogin != c.HeaderLogin:
		return refuse(CallLogin, "the call names another login than the one that was authenticated",
			"header login %s, body login %s", quote(c.HeaderLogin), quote(c.BodyLogin))
	}
	return nil
}

// loginListed holds the login against the peer's list, if it has one.
func loginListed(j *judgement) *Refusal {
	if j.peer.Logins == nil || slices.Contains(j.peer.Logins, j.call.HeaderLogin) {
		return nil
	}
	return refuse(LoginUnlisted, "the login "+quote(j.call.HeaderLogin)+" may not publish from this server",
		"peer %s, %d logins listed, login %s", quote(j.peer.Name), len(j.peer.Logins), quote(j.call.HeaderLogin))
}
