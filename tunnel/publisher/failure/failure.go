package failure

import (
	"cmp"
	"strings"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// Kind says what sort of failure a Failure is.
type Kind string

// The kinds of failures.
const (
	Unreachable Kind = "unreachable"        // no connection
	Interrupted Kind = "interrupted"        // the connection broke; what was under way may be tried again
	Busy        Kind = "busy"               // the same archive is being published by somebody else
	Slow        Kind = "slow"               // the line is slower than the other side allows
	TooLarge    Kind = "too-large"          // a part is larger than the other side takes
	Mismatch    Kind = "mismatch"           // the archive is not one for that live site
	TLS         Kind = "tls"                // the other side's certificate, or no TLS at all
	Denied      Kind = "denied"             // address, secret, login or permission
	Refused     Kind = "refused"            // a gateway or a server did not let the call pass
	Exception   Kind = "exception"          // the call was carried out and threw
	Missing     Kind = "missing-references" // live lacks what the archive refers to; nothing was imported
	Uncertain   Kind = "uncertain"          // the call may have been carried out
	Unavailable Kind = "unavailable"        // the live engine is away; nothing was carried out
	BadAnswer   Kind = "bad-answer"         // an answer that is none
	Stopped     Kind = "stopped"            // the caller's context ended
	Unreadable  Kind = "unreadable"         // the content could not be read
)

// Failure is a call that did not succeed. It is comparable with errors.As only.
type Failure struct {
	Kind Kind
	Call string // such as publishStagingRequest
	Msg  string // what happened, in plain words
	Cure string // what to do
	// Known is what is known of the publish that failed: what arrived, and whether it was imported.
	Known string

	Reference  string          // under which a gateway's logs know the call
	Reason     string          // a gateway's code of its refusal, if it told one
	Status     int             // of the HTTP answer, if it was no 200
	Thrown     *liferay.Thrown // the exception, if the answer was one
	References []string        // what is missing, for Missing
	RetryAfter time.Duration   // as asked for by the other side
	// Unexecuted says that nothing was carried out, for certain: the same call may be made again.
	Unexecuted bool
	Err        error // the cause, for a log

	Stale bool // a reused connection died before an answer began
	Broke bool // there was a connection, and it broke
}

// Error returns the call, what happened and the reference.
func (f *Failure) Error() string {
	s := f.Msg
	if f.Call != "" {
		s = f.Call + ": " + s
	}
	if f.Reference != "" {
		s += " (reference " + f.Reference + ")"
	}
	return s
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error {
	if f.Err == nil && f.Thrown != nil {
		return f.Thrown
	}
	return f.Err
}

// Duplicate reports whether the call was a part that live has already.
func (f *Failure) Duplicate() bool {
	if f.Thrown == nil {
		return false
	}
	class, _ := classOf(f.Thrown)
	return strings.HasSuffix(class, ".DuplicateFileException") || strings.HasSuffix(class, ".DuplicateFileEntryException")
}

// Lacking is a publish or validate that found references that must be there.
func Lacking(call string, names []string) *Failure {
	return &Failure{Kind: Missing, Call: call, References: names, Msg: msgLacking, Cure: cureLacking}
}

// What several exceptions share.
const (
	msgLacking  = "the live site lacks content that the archive refers to; nothing was imported"
	cureLacking = "publish what is missing first, or include it in the export"
	cureLogin   = "give the user of that login the permission to publish on the live site"
	cureExport  = "export it again on a server of live's version"
	cureAgain   = "publish again"
)

// known are exceptions that say something to a publisher, by the end of their class names.
var known = []struct {
	class, msg, cure string
	kind             Kind
}{
	{"RemoteAuthException", "the live side does not accept the shared secret or the login",
		"check that both sides have the same secret, algorithm and hex setting, and that the " +
			"login exists on live", Denied},
	{"PrincipalException", "the login may not do this on the live site", cureLogin, Denied},
	{"PrincipalException$MustHavePermission", "the login may not do this on the live site", cureLogin, Denied},
	{"NoSuchUserException", "live does not know the login", "publish as a user of live: --login", Denied},
	{"NoSuchGroupException", "there is no site with this id on live",
		"take the site id from the live environment, not from staging", Exception},
	{"MissingReferenceException", msgLacking, cureLacking, Missing},
	{"LayoutImportException", "the archive is not of live's version", cureExport, Mismatch},
	{"LARFileException", "live cannot read the archive", "look into it with: stagelock archive inspect; " + cureExport, Mismatch},
	{"LARTypeException", "the archive is of another kind than what is published",
		"export a site for a site, and an application for an application", Mismatch},
	{"PortletIdException", "the archive is of another application",
		"publish it to the application that it was exported from", Mismatch},
	{"MissingPortletDataHandlerException", "live lacks an application that the archive has data of",
		"install it on live, or leave its data out of the export", Mismatch},
	{"LocaleException", "the live site lacks a language of the archive",
		"add the language to the live site, or take it out of the staging site", Mismatch},
	{"LayoutPrototypeException", "live lacks a template that the archive's pages are made of",
		"bring the template to live first", Mismatch},
	{"ExportImportIOException", "what arrived on live is not the archive that was announced", cureAgain, Exception},
	{"NoSuchFolderException", "what was sent is no longer on live: another publish of the same archive may have removed it",
		cureAgain, Busy},
}

// Thrown is a call that answered with an exception.
func Thrown(t *liferay.Thrown, ref string) *Failure {
	f := &Failure{Thrown: t, Reference: ref}
	msg, own := strings.CutSuffix(t.Message, " (stagelock reference "+ref+")")
	if own = own && ref != ""; own {
		f.Msg = msg
	}
	class, detail := classOf(t)
	for _, k := range known {
		if strings.HasSuffix(class, "."+k.class) {
			f.Kind, f.Msg, f.Cure = k.kind, cmp.Or(f.Msg, withDetail(k.msg, detail)), k.cure
			return f
		}
	}
	if !own {
		f.Kind, f.Msg = Exception, "the live engine failed: "+t.Error()
		f.Cure = "look at the live engine's log at this time"
		return f
	}
	f.Kind, f.Cure = gatewayKind(msg)
	return f
}

// classOf returns the class and the message of an exception. A gateway writes those whose classes it
// does not pass on into the message of another.
func classOf(t *liferay.Thrown) (class, message string) {
	class, message, _ = strings.Cut(t.Message, ": ")
	if !strings.HasPrefix(class, "com.liferay.") || strings.ContainsAny(class, " \t\n") {
		return t.Class, t.Message
	}
	return class, message
}

func withDetail(msg, detail string) string {
	if detail == "" {
		return msg
	}
	return msg + ": " + detail
}

// kinds are what a gateway's reasons mean for the call, where its answer alone does not tell: an
// exception of a gateway has one class, and a 400 one cure.
var kinds = map[string]Kind{
	"http.timeout": Slow, "request.publishing": Busy, "login.unlisted": Denied, "repeat.unknown": Uncertain,
	"engine.lost": Uncertain, "reply.refused": BadAnswer, "reply.empty": BadAnswer,
}

// reason is the field in which a gateway tells the code of its refusal.
const reason = "X-Stagelock-Reason"

// Because notes the reason that a gateway told with its refusal.
func (f *Failure) Because(reply *forward.Reply) *Failure {
	if f.Reference == "" {
		return f
	}
	f.Reason = reply.Field(reason)
	if kind, told := kinds[f.Reason]; told {
		f.Kind = kind
	}
	return f
}

// gatewayKind reads what a gateway's own words mean for the call: its exceptions have one class.
func gatewayKind(msg string) (Kind, string) {
	switch {
	case strings.Contains(msg, "being published now"):
		return Busy, "wait until that publish ends; if it is dead, publish again at the time that is named"
	case strings.HasPrefix(msg, "the login ") && strings.Contains(msg, "may not publish"):
		return Denied, "publish as another --login, or have the operator of the gateway add it to logins: of the peer"
	case strings.Contains(msg, "may have been carried out"):
		return Uncertain, "look at the live site, or at the gateway's audit log, before you publish again"
	case strings.Contains(msg, "was carried out"):
		return BadAnswer, "look at the live site and at the gateway's audit log"
	}
	return Refused, "the gateway's audit log says which rule it was; ask its operator and name the reference"
}

// Answer is an answer that no staging tunnel gives.
func Answer(err error, ref string) *Failure {
	return &Failure{Kind: BadAnswer, Reference: ref, Err: err,
		Msg:  "the answer is not one that a staging tunnel gives",
		Cure: "check the address and the path context; something else may be listening there"}
}

// Uncertain reports whether the answer of the call was lost on the way.
func (f *Failure) Uncertain() bool { return f.Kind == Uncertain && f.Broke }
