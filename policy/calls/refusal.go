package calls

import (
	"fmt"
	"strconv"
)

// The codes of the reasons that Judge and Match give; policy.Reasons explains them. They stand in
// audit events and counters, so a code never changes its meaning.
const (
	CallUnknown    = "call.unknown"
	CallBarred     = "call.barred"
	CallLine       = "call.line"
	CallArguments  = "call.arguments"
	CallLogin      = "call.login"
	LoginForm      = "login.form"
	LoginUnlisted  = "login.unlisted"
	SiteNone       = "site.none"
	SiteDenied     = "site.denied"
	SiteCompany    = "site.company"
	RequestUnknown = "request.unknown"
	RequestLogin   = "request.login"
	RequestCleaned = "request.cleaned"
	TargetAbsent   = "target.absent"
	TargetForm     = "target.form"
	TargetMismatch = "target.mismatch"
	PageForm       = "page.form"
	PageUnknown    = "page.unknown"
	PageSite       = "page.site"
	SettingsAbsent = "settings.absent"
	SettingsSite   = "settings.site"
	SettingsKey    = "settings.key"
	SettingsDepth  = "settings.depth"
	MapAbsent      = "map.absent"
	MapSize        = "map.size"
	PartName       = "part.name"
	PartWidth      = "part.width"
	PartSize       = "part.size"
	ArchiveSize    = "archive.size"
	ChecksumForm   = "checksum.form"
	PortletKey     = "portlet.key"
	PortletValue   = "portlet.value"
)

// Refusal says why a call does not pass. It is made once and not changed.
type Refusal struct {
	Reason string // a code of policy.Reasons
	Msg    string // for the publisher: what was refused, in the caller's own words; the cure is the reason's
	Detail string // for the log: the values that were compared
}

// Error returns the reason and the detail, so that a Refusal can be logged and wrapped like any
// error.
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return r.Reason
	}
	return r.Reason + ": " + r.Detail
}

// refuse builds a Refusal; the publisher reads msg, the log also detail.
func refuse(reason, msg, detail string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Msg: msg, Detail: fmt.Sprintf(detail, args...)}
}

// quotedMax bounds how much of a foreign string is repeated in a message.
const quotedMax = 100

// quote makes a foreign string safe to print: ASCII, escaped, and short.
func quote(s string) string {
	if len(s) <= quotedMax {
		return strconv.QuoteToASCII(s)
	}
	return strconv.QuoteToASCII(s[:quotedMax]) + "... (" + strconv.Itoa(len(s)) + " bytes)"
}
