package calls

import "slices"

// The reason codes. They stand in audit events and counters, so a code never changes its meaning.
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

// ReasonDoc explains one reason code.
type ReasonDoc struct {
	Code    string
	Meaning string // what was found
	Cure    string // what the publisher or the operator does about it
}

// Reasons returns every reason this package can give, in the order in which the checks are made.
func Reasons() []ReasonDoc { return slices.Clone(reasons) }

var reasons = []ReasonDoc{
	{CallUnknown, "the call is none of those that staging makes in the configured version line",
		"set the version line of the engine if the publisher's CMS made it; otherwise look into who sent it"},
	{CallBarred, "the call is one of the vendor's, but no part of publishing: enableRemoteStaging makes the live server contact an" +
		" address of the caller's choice",
		"set up staging from the staging server; no setting lets this call pass"},
	{CallLine, "the call belongs to another version line than the configured one",
		"set the gateway's version line to that of the live engine"},
	{CallArguments, "the arguments do not fit the parameter types of the call",
		"publish with the vendor's own client or with stagelock publish"},
	{CallLogin, "the login inside the call is not the login of the Authorization header",
		"use a client that sends one login; behind a rewriting proxy, take the rewriting away"},
	{LoginForm, "the login is empty, missing from the call, or contains a colon",
		"publish as a user whose login is not empty and has no colon"},
	{LoginUnlisted, "the peer lists its logins and this one is not among them",
		"add the login to logins: of the peer, or publish as one that is listed"},
	{SiteNone, "the peer has no sites, so none of its calls passes",
		"give the peer a list of sites:"},
	{SiteDenied, "the site is not among those of the peer",
		"add the site's id to sites: of the peer, or correct the remote site id on the staging server"},
	{SiteCompany, "the call looks a site up by company and name, so it could be any site",
		"only a peer with sites: any may make this call"},
	{RequestUnknown, "no create call that made this staging request went through the gateway",
		"publish again from the start; a request that was made around the gateway is not accepted"},
	{RequestLogin, "the staging request was created by another login",
		"publish again from the start under one login"},
	{RequestCleaned, "the staging request was already cleaned up",
		"publish again from the start"},
	{TargetAbsent, "the settings name no targetGroupId",
		"publish with the vendor's own client or with stagelock publish, which always fill it"},
	{TargetForm, "targetGroupId is neither an Integer nor a Long",
		"publish with the vendor's own client or with stagelock publish, which write a number"},
	{TargetMismatch, "targetGroupId is not the site for which the staging request was created",
		"correct the remote site id on the staging server and publish again from the start"},
	{SettingsAbsent, "the configuration has no settings map, which would make the engine read the text form instead",
		"publish with the vendor's own client or with stagelock publish, which always fill it"},
	{SettingsSite, "a setting that names a site by its group id names another one than the request's",
		"publish again from the staging server, not from a stored configuration of another site"},
	{SettingsKey, "a name in the settings is too long",
		"shorten the name to 4,096 bytes"},
	{SettingsDepth, "the settings are nested deeper than the vendor's ever are",
		"publish with the vendor's own client or with stagelock publish"},
	{MapAbsent, "a map that the call must carry is null",
		"publish with the vendor's own client or with stagelock publish, which always fill it"},
	{MapSize, "a map has more than 100,000 entries",
		"publish fewer items at a time"},
	{PartName, "the name of the part is not one of the form that staging writes",
		"publish with the vendor's own client or with stagelock publish"},
	{PartWidth, "the number at the end of the part's name has another width than that of the parts before it",
		"publish again from the start with one buffer size"},
	{PartSize, "the part is larger than part.max_bytes of the peer",
		"lower staging.remote.transfer.buffer.size on the staging server or raise part.max_bytes"},
	{ArchiveSize, "the parts of the archive together are larger than archive.max_bytes of the peer",
		"publish fewer items at a time or raise archive.max_bytes"},
	{ChecksumForm, "the checksum of the archive is not 32 lower-case hex digits",
		"publish with the vendor's own client or with stagelock publish"},
	{PortletKey, "the key of a staged portlet has another form than staged-portlet_ and a portlet id",
		"check the portlet's id on the staging server; it may hold letters, digits, _ . $ and - only"},
	{PortletValue, "the value of a staged portlet is neither true nor false",
		"publish with the vendor's own client or with stagelock publish"},
}
